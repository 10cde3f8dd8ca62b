"""When a failed attempt is tried again (H5). Pure: the jitter comes from the attempt's own identity."""

from __future__ import annotations

from zlib import crc32

from hengio.clock import SECOND, Micros
from hengio.model.execution import StepRun
from hengio.model.job import Job
from hengio.model.step import Step

MOST_RETRIES = 10


def may_retry(step: Step, run: StepRun) -> bool:
    """Whether this failure is of a kind that is tried again at all."""
    return run.retryable or run.kind in step.retry.on


def retries_left(job: Job, step: Step, *, attempt: int) -> bool:
    """Whether another attempt may follow attempt number `attempt` (1 is the first)."""
    allowed = step.retry.max_retries if step.retry.max_retries is not None else job.max_retries
    return attempt <= min(allowed, MOST_RETRIES)


def retry_at(step: Step, run: StepRun) -> Micros:
    """When the next attempt is due: this attempt's delay, times a factor of 1 ± jitter that is the same on replay."""
    delays = step.retry.delays_seconds
    if not delays:
        return run.completed_at
    delay = delays[min(run.attempt, len(delays)) - 1]
    key = f"{run.execution_id}/{run.step_id}/{run.visit}/{run.attempt}".encode()
    spread = (crc32(key) / 0xFFFFFFFF * 2 - 1) * step.retry.jitter
    return run.completed_at + int(delay * (1 + spread) * SECOND)
