"""What is told of a finished step run, while it happens and afterwards (docs/reference/events.md)."""

from __future__ import annotations

from typing import Any

from hengio import codec
from hengio.clock import SECOND
from hengio.model.execution import StepRun


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
