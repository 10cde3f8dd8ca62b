"""Cancelling what waits, what runs, and what runs beside each other (H5.7)."""

from __future__ import annotations

import asyncio

import pytest

from hengio.model.execution import ExecutionState, StepStatus
from hengio.model.outcome import Failure
from hengio.model.policy import Retry
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Storage
from tests.support.builders import a_job, a_step
from tests.support.storages import put_job
from tests.support.workplace import Hold, broken, done, working

LATER = Retry(delays_seconds=(600.0,), jitter=0.0)


@pytest.mark.requirement("H5.7", "H5.1")
async def test_a_step_that_runs_is_cancelled_and_nothing_follows(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"b": hold}) as place:
        execution = await place.start(await put_job(storage, a_job("a", "b", "c")))
        await hold.begun.wait()
        assert await place.executions.cancel(execution.id, by="an operator") is ExecutionState.CANCELLING
        ended = await place.end(execution)
        assert (ended.state, hold.cancelled) == (ExecutionState.CANCELLED, 1)
        assert ended.failure == Failure("cancelled", "cancelled by an operator", retryable=False)
        rows = await place.rows(execution)
        assert [(row.step_id, row.status) for row in rows] == [
            ("a", StepStatus.SUCCESS),
            ("b", StepStatus.CANCELLED),
        ]


@pytest.mark.requirement("H5.7")
async def test_all_branches_that_run_are_cancelled(storage: Storage) -> None:
    holds = {name: Hold() for name in ("x", "y", "z")}
    async with working(storage, holds) as place:
        job = a_job(a_step("r", next=("x", "y", "z")), "x", "y", "z", "join")
        execution = await place.start(await put_job(storage, job))
        await place.busy(3)
        await place.executions.cancel(execution.id, by="me")
        ended = await place.end(execution)
        assert ended.state is ExecutionState.CANCELLED
        assert [hold.cancelled for hold in holds.values()] == [1, 1, 1]
        assert {row.step_id: row.status for row in await place.rows(execution)} == {
            "r": StepStatus.SUCCESS,
            **dict.fromkeys("xyz", StepStatus.CANCELLED),
        }


@pytest.mark.requirement("H5.7")
async def test_what_another_process_asked_for_is_heard_too(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        execution = await place.start(await put_job(storage, a_job("a")))
        await hold.begun.wait()
        why = Failure("cancelled", "cancelled elsewhere", retryable=False)
        await storage.interventions.cancel(execution.id, why=why, at=0)  # nobody wakes the worker
        assert (await place.end(execution)).failure == why


@pytest.mark.requirement("H5.7")
async def test_an_execution_that_waits_for_a_retry_is_cancelled_at_once(storage: Storage) -> None:
    async def fail(request: StepRequest) -> StepResult:
        return broken(retryable=True)

    async with working(storage, {"a": fail}) as place:
        execution = await place.start(await put_job(storage, a_job(a_step("a", retry=LATER))))
        await place.parked(execution)
        assert await place.executions.cancel(execution.id, by="me") is ExecutionState.CANCELLED


async def test_a_step_that_ends_in_the_moment_of_the_cancel_is_told_as_it_was(storage: Storage) -> None:
    begun = asyncio.Event()

    async def stubborn(request: StepRequest) -> StepResult:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return done("done all the same")
        raise AssertionError("not reached")

    async with working(storage, {"a": stubborn}) as place:
        execution = await place.start(await put_job(storage, a_job("a", "b")))
        await begun.wait()
        await place.executions.cancel(execution.id, by="me")
        assert (await place.end(execution)).state is ExecutionState.CANCELLED
        assert [(row.step_id, row.status) for row in await place.rows(execution)] == [("a", StepStatus.SUCCESS)]


async def test_other_executions_do_not_notice(storage: Storage) -> None:
    first, second = Hold(), Hold()
    async with working(storage, {"a": first, "b": second}) as place:
        one = await place.start(await put_job(storage, a_job("a", name="one")))
        other = await place.start(await put_job(storage, a_job("b", "c", name="other")))
        await place.busy(2)
        await place.executions.cancel(one.id, by="me")
        assert (await place.end(one)).state is ExecutionState.CANCELLED
        second.let_go.set()
        assert (await place.end(other)).state is ExecutionState.SUCCESS


async def test_a_worker_that_stops_while_it_cancels_leaves_nothing_that_runs(storage: Storage) -> None:
    class Slow(Hold):
        async def __call__(self, request: StepRequest) -> StepResult:
            try:
                return await super().__call__(request)
            finally:
                await asyncio.sleep(0.2)

    hold = Slow()
    async with working(storage, {"a": hold}) as place:
        execution = await place.start(await put_job(storage, a_job("a")))
        await hold.begun.wait()
        await place.executions.cancel(execution.id, by="me")
        await place.stop(deadline_seconds=5)
        assert (await storage.executions.load(execution.id)).state is ExecutionState.CANCELLED


@pytest.mark.requirement("H5.8")
async def test_a_job_whose_overlap_cancels_lets_the_new_execution_take_the_place(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        stored = await put_job(storage, a_job("a", overlap="cancel_running"))
        first = await place.start(stored)
        await hold.begun.wait()
        hold.let_go.set()
        second = await place.start(stored)
        assert (await place.end(second)).state is ExecutionState.SUCCESS
        ended = await place.end(first)
        assert ended.state in (ExecutionState.CANCELLED, ExecutionState.SUCCESS)
