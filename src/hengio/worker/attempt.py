"""One attempt of one step: its condition, its time limit, its type, and the row the journal keeps of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from hengio import codec
from hengio.clock import Clock
from hengio.codec import Raw
from hengio.definition import templates
from hengio.dispatch.events import Events
from hengio.errors import HengioError
from hengio.lifecycle import telling
from hengio.lifecycle.advance import Ready
from hengio.lifecycle.outputs import Outputs
from hengio.log import get_logger
from hengio.model.event import Event, EventType
from hengio.model.execution import Execution, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.outcome import Failure, LogLine
from hengio.steps.protocol import StepRequest, StepResult, StepType
from hengio.steps.rehearsal import Rehearsal
from hengio.vault import masks
from hengio.vault.masks import Masks
from hengio.worker import masking

log = get_logger("worker")
module_log = get_logger("module")

LOG_METHODS = {"warn": "warning", "debug": "debug", "info": "info", "error": "error"}

UNLIMITED = float("inf")


class Ran(Struct, frozen=True):
    """A finished attempt: its row, its output wherever that is stored, and the channel that led to its module."""

    run: StepRun
    output: Raw | None
    followed: str | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Runs attempts. What a step says is masked here, once, on its way to everywhere (H6.3).

    `log_modules` also writes what modules log to the structured log; a terminal that shows it itself turns it off. With
    a `rehearsal` they change nothing outside.
    """

    types: Mapping[str, StepType]
    outputs: Outputs
    events: Events
    clock: Clock
    log_modules: bool = True
    masks: Masks = masks.NONE
    rehearsal: Rehearsal | None = None

    async def run(
        self,
        ready: Ready,
        *,
        execution: Execution,
        job: Job,
        left_seconds: float,
        followed: Mapping[str, str] = MappingProxyType({}),
    ) -> Ran:
        """Run the step and describe how it ended; the caller numbers and journals the row. `followed` as in
        `StepRequest`.

        Cancelling is raised as `CancelledError`, with the `Ran` as its argument if the step had begun.
        """
        started = self.clock.now()
        if (why := self.masks.locked(ready.step, ready.context)) is not None:
            result = StepResult(kind="failed", failure=Failure("key_missing", why), retryable=True)
            return await self._ran(ready, execution, started=started, result=result)
        skip = self._condition(ready)
        if isinstance(skip, StepResult):
            return await self._ran(ready, execution, started=started, result=skip)
        if skip:
            nothing = StepResult(kind="condition")
            return Ran(self._row(ready, execution, started=started, status=StepStatus.SKIPPED, result=nothing), None)
        if self.events.watched:
            data = {"visit": ready.visit, "attempt": ready.attempt, "type": ready.step.type, "name": ready.step.name}
            self.tell("step.started", execution.id, ready.step.id, data)
        request = self._request(ready, execution, job, left_seconds, followed)
        try:
            result = await self._result(request)
        except asyncio.CancelledError as error:
            raise asyncio.CancelledError(await self._cut_short(error, ready, request, started)) from None
        return await self._ran(ready, execution, started=started, result=await self._masked(result, request))

    def lost(self, ready: Ready, *, execution: Execution) -> Ran:
        """The row of an attempt whose worker died: it counts, and `on_crash` says whether another may follow (H5)."""
        now = self.clock.now()
        message = "the worker that ran this step was lost before the step ended"
        retryable = ready.step.on_crash == "retry"
        result = StepResult(kind="lost", failure=Failure("lost", message), retryable=retryable)
        return Ran(self._row(ready, execution, started=now, status=StepStatus.LOST, result=result), None)

    def cancelled(self, ready: Ready, *, execution: Execution, started: int) -> Ran:
        """The row of an attempt that was cancelled because a sibling branch failed or the execution ended."""
        result = StepResult(kind="cancelled", failure=Failure("cancelled", "the step was cancelled"))
        return Ran(self._row(ready, execution, started=started, status=StepStatus.CANCELLED, result=result), None)

    async def _cut_short(self, error: asyncio.CancelledError, ready: Ready, request: StepRequest, started: int) -> Ran:
        """The same, with what the step told of how far it came."""
        told = error.args[0] if error.args and isinstance(error.args[0], StepResult) else StepResult()
        failure = Failure("cancelled", "the step was cancelled")
        result = StepResult(kind="cancelled", failure=failure, detail=told.detail, module_id=told.module_id)
        result = await self._masked(result, request)
        row = self._row(ready, request.execution, started=started, status=StepStatus.CANCELLED, result=result)
        return Ran(row, None)

    def _condition(self, ready: Ready) -> bool | StepResult:
        if ready.step.condition is None:
            return False
        try:
            return not templates.holds(ready.step.condition, ready.context)
        except HengioError as error:
            failure = Failure("invalid_condition", f"condition: {error.message}")
            mask = self.masks.of(ready.step, ready.context)
            return StepResult(kind="failed", failure=masking.failure(failure, mask))

    def _request(
        self, ready: Ready, execution: Execution, job: Job, left_seconds: float, followed: Mapping[str, str]
    ) -> StepRequest:
        step = ready.step
        limit = min(left_seconds, UNLIMITED if step.timeout_seconds is None else step.timeout_seconds)

        def on_log(line: LogLine) -> None:
            if self.log_modules:
                _log_line(line, execution, step.id)
            if self.events.watched:
                data: dict[str, Any] = {"level": line.level, "message": line.message}
                if line.fields:
                    data["fields"] = line.fields
                loop.call_soon_threadsafe(self.tell, "step.log", execution.id, step.id, data)

        loop = asyncio.get_running_loop()
        mask = self.masks.outside(step, ready.context) if step.type == "wasm" else self.masks.of(step, ready.context)
        return StepRequest(
            execution=execution,
            job=job,
            step=step,
            visit=ready.visit,
            attempt=ready.attempt,
            context=ready.context,
            timeout_seconds=None if limit == UNLIMITED else limit,
            on_log=masking.lines(on_log, mask),
            rehearsal=self.rehearsal,
            mask=mask,
            followed=followed,
        )

    async def _result(self, request: StepRequest) -> StepResult:
        kind = self.types.get(request.step.type)
        if kind is None:
            message = f"step type '{request.step.type}' is not available"
            return StepResult(kind="failed", failure=Failure("refused", message))
        limit = None if request.timeout_seconds is None else asyncio.timeout(request.timeout_seconds)
        try:
            if limit is None:
                return await kind.run(request)
            async with limit:
                return await kind.run(request)
        except Exception as error:
            if limit is not None and limit.expired():
                message = f"the step did not end within {request.timeout_seconds:g} s"
                return StepResult(kind="timed_out", failure=Failure("timed_out", message), retryable=True)
            log.exception("step_broke", execution_id=request.execution.id, step_id=request.step.id)
            message = f"internal error in the {request.step.type} step: {type(error).__name__}"
            return StepResult(kind="failed", failure=Failure("internal", message))

    async def _masked(self, result: StepResult, request: StepRequest) -> StepResult:
        """A module that asked nothing outside knows only what it was given: it is searched for that alone."""
        apart = request.step.type == "wasm" and not (result.detail or {}).get("io_calls")
        mask = self.masks.of(request.step, request.context) if apart else request.mask
        return await masking.masked(result, request, mask)

    async def _ran(self, ready: Ready, execution: Execution, *, started: int, result: StepResult) -> Ran:
        digest = None if result.output is None else await self.outputs.keep(result.output)
        status = StepStatus.SUCCESS if result.failure is None else StepStatus.FAILED
        run = self._row(ready, execution, started=started, status=status, result=result, digest=digest)
        return Ran(run, result.output if status is StepStatus.SUCCESS else None, result.followed)

    def _row(
        self,
        ready: Ready,
        execution: Execution,
        *,
        started: int,
        status: StepStatus,
        result: StepResult,
        digest: str | None = None,
    ) -> StepRun:
        output = result.output if status is StepStatus.SUCCESS else None
        return StepRun(
            execution_id=execution.id,
            claim=execution.claim,
            sequence=0,
            step_id=ready.step.id,
            visit=ready.visit,
            attempt=ready.attempt,
            branch=ready.branch,
            status=status,
            kind=result.kind,
            started_at=started,
            completed_at=self.clock.now(),
            output=output if digest is None else None,
            output_digest=digest,
            output_size=0 if output is None else len(output),
            failure=result.failure,
            routing=result.routing,
            then=result.then,
            context=Raw(codec.encode(result.context)) if result.context else None,
            retryable=result.retryable,
            detail=None if result.detail is None else Raw(codec.encode(result.detail)),
            module_id=result.module_id,
        )

    def tell_finished(self, run: StepRun) -> None:
        """Tell whoever watches how the attempt ended, once that is durable."""
        if not self.events.watched:
            return
        self.tell("step.finished", run.execution_id, run.step_id, telling.finished(run))

    def tell(self, kind: EventType, execution_id: str, step_id: str | None, data: dict[str, Any]) -> None:
        """Tell whoever watches, now."""
        event = Event(type=kind, execution_id=execution_id, at=self.clock.now(), step_id=step_id, data=data)
        self.events.publish(event)


def _log_line(line: LogLine, execution: Execution, step_id: str) -> None:
    """A module's line in the structured log, at the module's level (R5.1)."""
    write = getattr(module_log, LOG_METHODS.get(line.level, "info"))
    about = {} if line.fields is None else {"fields": line.fields}
    write(line.message, execution_id=execution.id, job_id=execution.job_id, step_id=step_id, **about)
