"""Whether a trigger begins an execution, and which (H2.6, H5.8)."""

from __future__ import annotations

import asyncio

import pytest

from hengio.errors import Conflict
from hengio.model.execution import ExecutionState
from hengio.model.job import Triggers
from hengio.scheduler.firing import Firing
from hengio.service.jobs import JobService
from hengio.service.names import FixedNames
from hengio.storage.protocol import Storage
from tests.support.builders import a_job
from tests.support.storages import put_job
from tests.support.vaults import webhooks
from tests.support.workplace import Hold, Workplace, working


def jobs(place: Workplace) -> JobService:
    return JobService(
        storage=place.storage,
        starter=place.starter,
        events=place.events,
        outputs=place.executions.outputs,
        clock=place.executions.clock,
        names=FixedNames(),
        firing=Firing(store=place.storage.schedules, dispatcher=place.dispatcher, clock=place.executions.clock),
        webhooks=webhooks(place.storage),
    )


@pytest.mark.requirement("H5.8")
async def test_a_job_whose_overlap_is_skip_is_refused_while_one_of_it_is_not_over(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        stored = await put_job(storage, a_job("a", overlap="skip"))
        first = await place.start(stored)
        await hold.begun.wait()
        with pytest.raises(Conflict, match=f"'{first.id}' of this job is not over"):
            await place.start(stored)
        hold.let_go.set()
        await place.end(first)
        assert (await place.run(stored)).state is ExecutionState.SUCCESS


@pytest.mark.requirement("H5.8")
async def test_without_a_word_a_second_trigger_waits_for_its_turn(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        stored = await put_job(storage, a_job("a"))
        first, second = await place.start(stored), await place.start(stored)
        await hold.begun.wait()
        assert (await storage.executions.load(second.id)).state is ExecutionState.PENDING
        hold.let_go.set()
        for execution in (first, second):
            assert (await place.end(execution)).state is ExecutionState.SUCCESS
        assert place.script.most == 1


@pytest.mark.requirement("H2.6")
@pytest.mark.parametrize("overlap", [None, "skip", "allow"])
async def test_of_many_triggers_under_one_key_one_execution_comes(storage: Storage, overlap: str | None) -> None:
    async with working(storage) as place:
        stored = await put_job(storage, a_job("a", overlap=overlap))
        given = [jobs(place).trigger(stored, given=number, idempotency_key="order-7") for number in range(8)]
        begun = await asyncio.gather(*given)
        assert len({execution.id for execution in begun}) == 1
        await place.end(begun[0])
        again = await jobs(place).trigger(stored, idempotency_key="order-7")
        assert (again.id, again.state) == (begun[0].id, ExecutionState.SUCCESS)
        assert len(place.script.begun) == 1


async def test_a_job_that_is_disabled_or_not_for_hands_is_not_started(storage: Storage) -> None:
    async with working(storage) as place:
        disabled = await put_job(storage, a_job("a", name="disabled", enabled=False))
        with pytest.raises(Conflict, match="is disabled"):
            await jobs(place).trigger(disabled)
        scheduled = await put_job(storage, a_job("a", name="scheduled", triggers=Triggers(manual=False)))
        with pytest.raises(Conflict, match="is not started by hand"):
            await jobs(place).trigger(scheduled)


async def test_disabling_a_job_does_not_end_what_runs(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        stored = await put_job(storage, a_job("a"))
        execution = await place.start(stored)
        await hold.begun.wait()
        await jobs(place).enable("job", enabled=False, by="me")
        hold.let_go.set()
        assert (await place.end(execution)).state is ExecutionState.SUCCESS
