"""The contract of a step type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from hengio.codec import Raw
from hengio.definition.context import Context
from hengio.model.execution import Execution
from hengio.model.job import Job
from hengio.model.outcome import Failure, LogLine
from hengio.model.step import Step
from hengio.redaction.mask import IDLE, Mask
from hengio.steps.rehearsal import Rehearsal


class StepRequest(Struct, frozen=True, kw_only=True):
    """One attempt of one step. `context` is the branch's own view; `timeout_seconds` is what is left of every limit.

    With a `rehearsal` nothing outside may be changed: what would have been is noted there. `mask` takes sensitive
    values out of what the step itself writes elsewhere, such as the audit log; its result is masked by who called it.
    `followed` are the modules' ids that earlier step runs of this execution got through a channel, by reference.
    """

    execution: Execution
    job: Job
    step: Step
    visit: int
    attempt: int
    context: Context
    timeout_seconds: float | None
    on_log: Callable[[LogLine], None]
    rehearsal: Rehearsal | None = None
    mask: Mask = IDLE
    followed: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """(root execution, step, visit) as text: equal on retry, rerun and redrive (ABI: Permissions)."""
        return f"{self.execution.root_id}:{self.step.id}:{self.visit}"


class StepResult(Struct, frozen=True, kw_only=True):
    """How the attempt ended. `failure` None is success. `kind` is the outcome's word (`succeeded`, `out_of_fuel`, …).

    `context` holds variables to merge, in order; `detail` is what the type measured, kept with the step run.
    `module_id` is the module that was called, if one was, and `followed` the reference by a channel that led to it.
    """

    kind: str = "succeeded"
    output: Raw | None = None
    failure: Failure | None = None
    retryable: bool = False
    routing: tuple[str, ...] | None = None
    then: str | None = None
    context: tuple[dict[str, Any], ...] = ()
    detail: dict[str, Any] | None = None
    module_id: str | None = None
    followed: str | None = None


class StepType(Protocol):
    """Runs the steps of one type. A step that fails is a result, never an exception; cancelling ends it promptly, and
    the `CancelledError` may have as its argument the `StepResult` as far as it came."""

    async def run(self, request: StepRequest) -> StepResult: ...
