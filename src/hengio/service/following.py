"""An execution as it goes on in another process, read from the database: the same events, a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

from hengio.lifecycle import telling
from hengio.model.event import Event
from hengio.model.execution import FINAL, Execution, ExecutionState, StepRun
from hengio.service.executions import Standing, standing
from hengio.storage.protocol import ExecutionStore, StoredJob

LOOK_SECONDS = 0.3
HELD = (ExecutionState.RUNNING, ExecutionState.CANCELLING)


async def polled(
    store: ExecutionStore,
    execution_id: str,
    *,
    job: StoredJob | None = None,
    follow: bool = True,
    every_seconds: float = LOOK_SECONDS,
) -> AsyncIterator[Event]:
    """`step.finished` for each step run, old ones first, then `execution.finished`. With its `job`, also `step.started`
    for what is under way. `NotFound`.

    Without `follow` it ends with what there is now."""
    finished: set[tuple[str, int, int]] = set()
    started: set[tuple[str, int, int]] = set()
    while True:
        execution = await store.load(execution_id)
        runs = await store.runs(execution_id)
        for run in runs:
            if (key := (run.step_id, run.visit, run.attempt)) not in finished:
                finished.add(key)
                yield _finished(run)
        for one in _under_way(execution, job, runs):
            if (key := (one.step_id, one.visit, one.attempt)) not in started:
                started.add(key)
                yield _started(execution, one)
        if execution.state in FINAL:
            yield _ended(execution)
        if execution.state in FINAL or not follow:
            return
        await asyncio.sleep(every_seconds)


def _under_way(execution: Execution, job: StoredJob | None, runs: Sequence[StepRun]) -> list[Standing]:
    if job is None or execution.state not in HELD:
        return []
    return [one for one in standing(job, runs) if not one.due_at]


def _started(execution: Execution, one: Standing) -> Event:
    data = {"visit": one.visit, "attempt": one.attempt}
    at = execution.started_at or execution.created_at
    return Event(type="step.started", execution_id=execution.id, at=at, step_id=one.step_id, data=data)


def _finished(run: StepRun) -> Event:
    return Event(
        type="step.finished",
        execution_id=run.execution_id,
        at=run.completed_at,
        step_id=run.step_id,
        data=telling.finished(run),
    )


def _ended(execution: Execution) -> Event:
    ended = execution.finished_at or execution.created_at
    data: dict[str, Any] = {"state": execution.state.value, **telling.times(execution, until=ended)}
    if execution.failure is not None:
        data["failure"] = {"code": execution.failure.code, "message": execution.failure.message}
    return Event(type="execution.finished", execution_id=execution.id, at=ended, data=data)
