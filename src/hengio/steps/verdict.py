"""What a call of a module means for its step: success or failure, trying again, what is kept, what is audited."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from msgspec import UNSET

from hengio.clock import Micros
from hengio.definition.configs import WasmConfig
from hengio.definition.context import Context
from hengio.definition.words import plain
from hengio.errors import Distrusted, HengioError, Unavailable
from hengio.ids import new_id
from hengio.model.audit import AuditEntry
from hengio.model.channel import followed
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.steps import guest
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult

RETRIED = frozenset({OutcomeKind.TIMED_OUT})
TRAPS = frozenset({OutcomeKind.TRAPPED, OutcomeKind.STACK_OVERFLOW})
MISMATCH = "digest_mismatch"
_SHOWN = 200


def audited(
    outcome: Outcome, module: Module, request: StepRequest, *, at: Micros, left_out: Collection[Grant]
) -> list[AuditEntry]:
    """An entry for each grant that the call was missing, and for a binary that is not the registered one (R14.5).

    `left_out` are those that the module has, but not the step's `permissions`.
    """

    def entry(action: Any, subject: str, detail: dict[str, Any]) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            at=at,
            action=action,
            actor=f"module:{module.reference}",
            subject=request.mask.text(subject),
            execution_id=request.execution.id,
            step_id=request.step.id,
            detail={
                "job": request.job.name,
                "module_id": module.id,
                "digest": module.digest,
                **request.mask.value(detail),
            },
        )

    entries = [
        entry(
            "host_call.denied",
            str(grant),
            {
                "permission": grant.permission,
                "resource": grant.resource,
                "refused_by": "step" if grant in left_out else "module",
            },
        )
        for grant in outcome.denials
    ]
    if outcome.failure is not None and outcome.failure.code == MISMATCH:
        entries.append(entry("module.digest_mismatch", module.reference, {"message": outcome.failure.message}))
    return entries


def distrusted(error: Distrusted, request: StepRequest, *, at: Micros) -> AuditEntry:
    """The entry for a module that was to run and is not signed as it must be."""
    return AuditEntry(
        id=new_id(),
        at=at,
        action="module.distrusted",
        actor=f"module:{error.module}",
        subject=error.module,
        execution_id=request.execution.id,
        step_id=request.step.id,
        detail={
            "job": request.job.name,
            "module_id": error.module_id,
            "code": error.code,
            "message": request.mask.text(error.message),
        },
    )


def refused(error: HengioError, reference: str, module: Module | None = None) -> StepResult:
    """The module is missing, disabled, not signed as it must be, or has no such function; that its store is away is an
    ordinary failure.

    Without a module the log of calls has its entry under the reference that named none, as far as an index takes it.
    """
    result = failed(error)
    kind = result.kind if isinstance(error, Unavailable) else OutcomeKind.MODULE_REFUSED
    reference = plain(reference)[:_SHOWN]
    detail = {"module": reference} if module is None else {"module": reference, "digest": module.digest}
    module_id = reference if module is None else module.id
    if isinstance(error, Distrusted):
        detail, module_id = {"module": error.module}, error.module_id
    return msgspec.structs.replace(result, kind=kind, detail=detail, module_id=module_id)


def through(result: StepResult, module: Module, config: WasmConfig) -> StepResult:
    """The result, which names the channel through which the module was found, if it was."""
    if followed(config.module_id) is None:
        return result
    detail = {**(result.detail or {}), "channel": config.module_id}
    return msgspec.structs.replace(result, detail=detail, module_id=module.id, followed=config.module_id)


def judged(
    outcome: Outcome, module: Module, config: WasmConfig, context: Context, *, left_out: Collection[Grant]
) -> StepResult:
    """The step's result. `left_out` as in `audited`."""
    detail = _detail(outcome, module, config, left_out)
    reply = outcome.reply
    if outcome.kind is not OutcomeKind.SUCCEEDED or reply is None:
        failure = outcome.failure or Failure(outcome.kind.value, outcome.kind.value)
        return StepResult(
            kind=outcome.kind, failure=failure, retryable=_retryable(outcome), detail=detail, module_id=module.id
        )
    patches = [{key: value} for key, value in outcome.context_writes]
    if reply.context:
        patches.append(reply.context)
    fixed = next((key for patch in patches for key in patch if key in context.admin), None)
    if fixed is not None:
        failure = Failure("permission_denied", f"variable '{fixed}' {guest.READ_ONLY}", retryable=False)
        return StepResult(kind=OutcomeKind.FAILED, failure=failure, detail=detail, module_id=module.id)
    return StepResult(
        kind=outcome.kind,
        output=reply.output,
        routing=reply.routing,
        then=reply.then,
        context=tuple(patches),
        detail=detail,
        module_id=module.id,
    )


def _retryable(outcome: Outcome) -> bool:
    """By default (ABI: Limits and how they end); a step's `retry.on` may say otherwise."""
    if outcome.failure is not None and outcome.failure.retryable is not None:
        return outcome.failure.retryable
    return outcome.kind in RETRIED or (outcome.kind in TRAPS and outcome.io_calls > 0)


def _detail(outcome: Outcome, module: Module, config: WasmConfig, left_out: Collection[Grant]) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "module": module.reference,
        "module_id": module.id,
        "digest": module.digest,
        "function": config.function_name,
        "compiler": outcome.compiler,
        "fuel_used": outcome.fuel_used,
        "fuel_exact": outcome.fuel_exact,
        "peak_memory_bytes": outcome.peak_memory_bytes,
        "duration_ms": outcome.duration_ms,
        "host_calls": outcome.host_calls,
    }
    if outcome.io_calls:
        detail["io_calls"] = outcome.io_calls
    if module.facts.host_io_possible:
        detail["permissions"] = [str(grant) for grant in module.grants]
        if config.permissions is not UNSET:
            detail["narrowed_to"] = [str(grant) for grant in config.permissions]
    if outcome.denials:
        detail["denials"] = [str(grant) for grant in outcome.denials]
        if by_step := [str(grant) for grant in outcome.denials if grant in left_out]:
            detail["denied_by_step"] = by_step
    if outcome.logs:
        detail["logs"] = outcome.logs
        detail["logs_dropped"] = outcome.logs_dropped
    if outcome.backtrace:
        detail["backtrace"] = outcome.backtrace
    return detail
