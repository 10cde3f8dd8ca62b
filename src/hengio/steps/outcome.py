"""An error as the result of a step: its code and message for people, and whether trying again may help."""

from __future__ import annotations

from hengio.errors import HengioError, Unavailable
from hengio.model.outcome import Failure
from hengio.steps.protocol import StepResult


def failed(error: HengioError) -> StepResult:
    """The failure that `error` is; only what is unavailable now is worth another try."""
    kind = error.code if error.code == "timed_out" else "failed"
    details = {"hint": error.hint} if error.hint else None
    failure = Failure(error.code, error.message, details=details)
    return StepResult(kind=kind, failure=failure, retryable=isinstance(error, Unavailable))
