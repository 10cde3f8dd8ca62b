"""The deadline of an execution counts everything: work, waits for retries, and its place in the queue."""

from __future__ import annotations

import pytest

from hengio.model.execution import ExecutionState
from hengio.model.outcome import Failure
from hengio.model.policy import Retry
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Storage
from tests.support.builders import a_job, a_step
from tests.support.clock import MovableClock
from tests.support.storages import put_job
from tests.support.workplace import Hold, broken, working


@pytest.mark.requirement("H5.6")
async def test_a_wait_for_a_retry_ends_at_the_deadline(storage: Storage) -> None:
    clock = MovableClock()

    async def always(request: StepRequest) -> StepResult:
        return broken(retryable=True)

    job = a_job(a_step("a", retry=Retry(delays_seconds=(1800.0,))), deadline_seconds=60.0)
    async with working(storage, {"a": always}, clock=clock) as place:
        execution = await place.start(await put_job(storage, job))
        waiting = await place.parked(execution)
        assert waiting.due_at == waiting.created_at + 60_000_000
        clock.advance(60)
        ended = await place.end(execution)
        assert ended.state is ExecutionState.TIMEOUT
        assert ended.failure is not None
        assert "deadline_seconds (60)" in ended.failure.message
        assert "timeout_seconds" not in ended.failure.message
        assert place.script.begun == [("a", 1, 1)]


@pytest.mark.requirement("H5.6")
async def test_a_deadline_counts_while_an_execution_waits_for_its_turn(storage: Storage) -> None:
    clock, hold = MovableClock(), Hold()
    async with working(storage, {"a": hold}, clock=clock) as place:
        stored = await put_job(storage, a_job("a"))
        first = await place.start(stored)
        await hold.begun.wait()
        stored = await put_job(storage, a_job("a", deadline_seconds=2.0))
        late, later = await place.start(stored), await place.start(stored)
        clock.advance(1)
        soon = await place.start(stored)
        clock.advance(1)
        for execution in (late, later):
            ended = await place.end(execution)
            assert (ended.state, ended.started_at) == (ExecutionState.TIMEOUT, None)
            assert ended.failure == Failure(
                "timed_out", "the job's deadline_seconds (2) ended while it waited", retryable=False
            )
        assert (await storage.executions.load(soon.id)).state is ExecutionState.PENDING
        hold.let_go.set()
        assert (await place.end(first)).state is ExecutionState.SUCCESS
        assert (await place.end(soon)).state is ExecutionState.SUCCESS
