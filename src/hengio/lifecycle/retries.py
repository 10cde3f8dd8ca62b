"""When a failed attempt is tried again (H5). Pure: the jitter comes from the attempt's own identity."""

from __future__ import annotations

from zlib import crc32

from hengio.clock import SECOND, Micros
from hengio.model.execution import StepRun
from hengio.model.job import Job
from hengio.model.step import Step

MOST_RETRIES = 10
LONGEST_WAIT_SECONDS = 3_600.0


def may_retry(step: Step, run: StepRun) -> bool:
    """Whether this failure is of a kind that is tried again at all."""
    return run.retryable or run.kind in step.retry.on


def retries_left(job: Job, step: Step, *, attempt: int) -> bool:
    """Whether another attempt may follow attempt number `attempt` (1 is the first)."""
    allowed = step.retry.max_retries if step.retry.max_retries is not None else job.max_retries
    return attempt <= min(allowed, MOST_RETRIES)


def retry_at(step: Step, run: StepRun) -> Micros:
    """When the next attempt is due: this attempt's delay, times a factor of 1 ± jitter that is the same on replay, or
    later if the server asked for that."""
    delays = step.retry.delays_seconds
    if not delays:
        return run.completed_at
    delay = delays[min(run.attempt, len(delays)) - 1]
    asked = retry_after(run)
    key = f"{run.execution_id}/{run.step_id}/{run.visit}/{run.attempt}".encode()
    spread = (crc32(key) / 0xFFFFFFFF * 2 - 1) * step.retry.jitter
    return run.completed_at + int(max(delay * (1 + spread), asked) * SECOND)


def retry_after(run: StepRun) -> float:
    """The seconds that a server asked to be left alone (`Retry-After`, RFC 9110 10.2.3), at most an hour; else 0."""
    details = run.failure.details if run.failure is not None else None
    asked = details.get("retry_after_seconds") if isinstance(details, dict) else None
    return min(max(float(asked), 0.0), LONGEST_WAIT_SECONDS) if isinstance(asked, (int, float)) else 0.0
