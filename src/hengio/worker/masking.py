"""What a step says, without the sensitive values that it was given: before it is journaled, told or logged (H6.3)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
from msgspec.structs import replace

from hengio import codec
from hengio.codec import Raw
from hengio.log import get_logger
from hengio.model.outcome import Failure, LogLine
from hengio.redaction.mask import Mask
from hengio.steps.protocol import StepRequest, StepResult

ASIDE_BYTES = 64 << 10
"""An output of more is cleaned in a thread: everything else goes on meanwhile."""

log = get_logger("worker")
_failures = msgspec.json.Decoder(Failure)


async def masked(result: StepResult, request: StepRequest, mask: Mask) -> StepResult:
    """The result and the changes that it noted in a rehearsal, without the values. How many were found is told in the
    result's detail, `masked`, and whose they were in the log: data that is changed is not changed silently."""
    if mask.idle:
        return result
    mask = mask.counting()
    _rehearsed(request, mask)
    if result.output is not None and len(result.output) > ASIDE_BYTES:
        cleaned = await asyncio.to_thread(_cleaned, result, mask)
    else:
        cleaned = _cleaned(result, mask)
    counts = mask.counts
    if not counts:
        return cleaned
    about = {"execution_id": request.execution.id, "job_id": request.execution.job_id, "step_id": request.step.id}
    log.warning("step_masked", **about, masked=sum(counts.values()), names=sorted(counts))
    return replace(cleaned, detail={**(cleaned.detail or {}), "masked": sum(counts.values())})


def failure(given: Failure, mask: Mask) -> Failure:
    """The failure without the values."""
    return given if mask.idle else _failures.decode(mask.json(codec.encode(given)))


def lines(on_log: Callable[[LogLine], None], mask: Mask) -> Callable[[LogLine], None]:
    """Hears lines and passes them on without the values."""
    if mask.idle:
        return on_log

    def hear(line: LogLine) -> None:
        on_log(replace(line, message=mask.text(line.message), fields=mask.value(line.fields)))

    return hear


def _cleaned(result: StepResult, mask: Mask) -> StepResult:
    return replace(
        result,
        output=None if result.output is None else Raw(mask.json(bytes(result.output))),
        failure=None if result.failure is None else failure(result.failure, mask),
        context=tuple(mask.value(patch) for patch in result.context),
        detail=None if result.detail is None else _detail(result.detail, mask),
    )


def _detail(detail: dict[str, Any], mask: Mask) -> dict[str, Any]:
    cleaned: dict[str, Any] = mask.value(detail)
    return cleaned


def _rehearsed(request: StepRequest, mask: Mask) -> None:
    """Clean the notes of this attempt; branches beside it may be writing theirs."""
    if request.rehearsal is None:
        return
    own = request.step.id, request.visit, request.attempt
    changes = request.rehearsal.changes
    for place, change in enumerate(changes):
        if (change.step_id, change.visit, change.attempt) == own:
            changes[place] = replace(change, what=mask.value(change.what))
