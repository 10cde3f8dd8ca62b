"""An execution as it goes on in another process, read from the database: the same events, a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hengio.lifecycle import telling
from hengio.model.event import Event
from hengio.model.execution import FINAL, Execution, StepRun
from hengio.storage.protocol import ExecutionStore

LOOK_SECONDS = 0.3


async def polled(
    store: ExecutionStore, execution_id: str, *, follow: bool = True, every_seconds: float = LOOK_SECONDS
) -> AsyncIterator[Event]:
    """`step.finished` for each step run, old ones first, then `execution.finished`. `NotFound`.

    Without `follow` it ends with what there is now."""
    seen: set[tuple[str, int, int]] = set()
    while True:
        execution = await store.load(execution_id)
        for run in await store.runs(execution_id):
            if (key := (run.step_id, run.visit, run.attempt)) not in seen:
                seen.add(key)
                yield _finished(run)
        if execution.state in FINAL:
            yield _ended(execution)
        if execution.state in FINAL or not follow:
            return
        await asyncio.sleep(every_seconds)


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
