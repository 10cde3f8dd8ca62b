"""What is told of a finished step run, while it happens and afterwards (docs/reference/events.md)."""

from __future__ import annotations

from typing import Any

from hengio import codec
from hengio.clock import SECOND, Micros
from hengio.model.execution import Execution, StepRun


def times(execution: Execution, *, until: Micros) -> dict[str, float]:
    """How long it ran, from when a worker first took it `until` then, and how long it waited for that, in ms."""
    taken = until if execution.started_at is None else execution.started_at
    scale = 1000 / SECOND
    return {"duration_ms": (until - taken) * scale, "waited_ms": max(taken - execution.created_at, 0) * scale}


def finished(run: StepRun) -> dict[str, Any]:
    """The data of a `step.finished` event."""
    data: dict[str, Any] = {
        "visit": run.visit,
        "attempt": run.attempt,
        "status": run.status.value,
        "kind": run.kind,
        "duration_ms": (run.completed_at - run.started_at) * 1000 / SECOND,
        "output_size": run.output_size,
    }
    if run.failure is not None:
        data["failure"] = {"code": run.failure.code, "message": run.failure.message}
    if run.routing is not None:
        data["routing"] = list(run.routing)
    if run.detail is not None:
        data["detail"] = codec.decode(run.detail)
    return data
