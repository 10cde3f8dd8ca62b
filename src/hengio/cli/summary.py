"""What is said of an execution when it is over: the JSON document of `hengio demo` and `hengio job run`."""

from __future__ import annotations

from typing import Any

from hengio import codec
from hengio.codec import Json
from hengio.model.execution import ExecutionState, StepRun
from hengio.service.jobs import Finished
from hengio.wiring.embedded import System

EXIT_CODES = {ExecutionState.SUCCESS: 0, ExecutionState.CANCELLED: 11}
FAILED_EXIT = 10
SHOWN_ITEMS = 5
SHOWN_TEXT = 200


def exit_code(state: ExecutionState) -> int:
    """0 only for success; 10 for a job that failed, 11 for one that was cancelled."""
    return EXIT_CODES.get(state, FAILED_EXIT)


async def summary(system: System, finished: Finished) -> dict[str, Any]:
    """`{"execution_id", "job", "status", "duration_ms", "failure", "steps": […], "results": {…}}`."""
    execution = finished.execution
    ended = execution.finished_at or execution.created_at
    answer: dict[str, Any] = {
        "execution_id": execution.id,
        "job": finished.job.job.name,
        "job_version": finished.job.version,
        "status": execution.state.value,
        "duration_ms": round((ended - execution.created_at) / 1000, 3),
        "steps": [await _step(system, run) for run in finished.runs],
    }
    if execution.failure is not None:
        answer["failure"] = codec.decode(codec.encode(execution.failure))
    return answer


async def _step(system: System, run: StepRun) -> dict[str, Any]:
    detail: dict[str, Any] = {} if run.detail is None else codec.decode(run.detail)
    step: dict[str, Any] = {
        "id": run.step_id,
        "status": run.status.value,
        "kind": run.kind,
        "visit": run.visit,
        "attempt": run.attempt,
        "duration_ms": round((run.completed_at - run.started_at) / 1000, 3),
        "fuel": detail.get("fuel_used"),
        "output": digest(await system.jobs.output(run)),
        "output_bytes": run.output_size,
    }
    if run.failure is not None:
        step["failure"] = codec.decode(codec.encode(run.failure))
    if run.routing is not None:
        step["next_steps"] = list(run.routing)
    if "logs" in detail:
        step["logs"] = detail["logs"]
    return step


def digest(value: Json, *, depth: int = 2) -> Json:
    """A value made short enough to read: long lists and texts become their sizes, depth is bounded."""
    match value:
        case dict():
            if depth == 0:
                return f"{{{len(value)} keys}}"
            return {key: digest(item, depth=depth - 1) for key, item in value.items()}
        case list():
            if len(value) > SHOWN_ITEMS or depth == 0:
                return f"[{len(value)} items]"
            return [digest(item, depth=depth - 1) for item in value]
        case str() if len(value) > SHOWN_TEXT:
            return f"{value[:SHOWN_TEXT]}… ({len(value)} characters)"
        case _:
            return value
