"""What `InterventionStore` and `CircuitStore` promise, and what deleting and disabling a job do, on each database."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from hengio.codec import Raw
from hengio.errors import Conflict, NotFound
from hengio.ids import new_id
from hengio.model.circuit import Circuit, CircuitState
from hengio.model.execution import FINAL, Execution, ExecutionFilter, ExecutionState
from hengio.model.outcome import Failure
from hengio.storage.protocol import Begin, Close, Done, Existing, Park, Record, Stale, Storage
from tests.support.builders import NOON, a_job, a_run, an_execution
from tests.support.storages import begun, claimed, commit, opened, put_job

WHY = Failure("cancelled", "cancelled by a test", retryable=False)
S = ExecutionState


async def cancel(storage: Storage, execution: Execution) -> ExecutionState:
    return await storage.interventions.cancel(execution.id, why=WHY, at=NOON + 7)


async def dead_letter(storage: Storage) -> Execution:
    return await begun(storage, state=S.DEAD_LETTER, claim=1)


def rerun_of(source: Execution) -> Execution:
    return an_execution(rerun_of=source.id, job_id=source.job_id, root_id=source.root_id, trigger="rerun")


@pytest.mark.requirement("H5.7")
async def test_what_did_not_begin_is_cancelled_at_once(storage: Storage) -> None:
    execution = await begun(storage)
    assert await cancel(storage, execution) is S.CANCELLED
    after = await storage.executions.load(execution.id)
    assert (after.state, after.failure, after.finished_at) == (S.CANCELLED, WHY, NOON + 7)
    assert await storage.interventions.cancelling() == []


@pytest.mark.requirement("H5.7")
async def test_what_runs_is_to_be_cancelled_by_its_worker(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    assert await cancel(storage, execution) is S.CANCELLING
    assert await cancel(storage, execution) is S.CANCELLING
    [one] = await storage.interventions.cancelling()
    assert (one.execution_id, one.claim, one.why) == (execution.id, 1, WHY)


async def test_what_is_being_cancelled_can_not_be_given_back(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    await cancel(storage, execution)
    assert await commit(storage, Park(execution.id, 1, NOON)) == [Stale()]


@pytest.mark.parametrize("state", sorted(FINAL))
async def test_what_is_over_can_not_be_cancelled(storage: Storage, state: ExecutionState) -> None:
    execution = await begun(storage, state=state)
    with pytest.raises(Conflict, match=f"is over: {state.value}"):
        await cancel(storage, execution)


async def test_what_is_not_there_can_neither_be_cancelled_nor_discarded(storage: Storage) -> None:
    with pytest.raises(NotFound):
        await storage.interventions.cancel("nothing", why=WHY, at=NOON)
    with pytest.raises(NotFound):
        await storage.interventions.discard("nothing", why=WHY, at=NOON)


@pytest.mark.requirement("H5.9")
async def test_a_rerun_is_written_with_the_step_runs_it_keeps(storage: Storage) -> None:
    source = await begun(storage, state=S.FAILED)
    new = rerun_of(source)
    row = a_run("a", execution=new.id, output={"n": 1})
    await storage.interventions.rerun(new, [replace(row, claim=0)], source=S.FAILED)
    assert await storage.executions.load(new.id) == new
    assert await storage.executions.runs(new.id) == [replace(row, claim=0)]
    assert (await storage.executions.load(source.id)).redriven_as is None


async def test_what_is_not_over_can_not_be_rerun(storage: Storage) -> None:
    source = await begun(storage)
    with pytest.raises(Conflict, match="is not over: pending"):
        await storage.interventions.rerun(rerun_of(source), [], source=S.PENDING)


@pytest.mark.requirement("H5.4")
async def test_a_dead_letter_is_redriven_once(storage: Storage) -> None:
    source = await dead_letter(storage)
    new = rerun_of(source)
    await storage.interventions.rerun(new, [], source=S.DEAD_LETTER)
    assert (await storage.executions.load(source.id)).redriven_as == new.id
    open_ones = ExecutionFilter(states=(S.DEAD_LETTER,), open_only=True)
    assert await storage.executions.recent(open_ones) == []
    with pytest.raises(Conflict, match=f"was redriven as '{new.id}'"):
        await storage.interventions.rerun(rerun_of(source), [], source=S.DEAD_LETTER)
    with pytest.raises(Conflict, match=f"was redriven as '{new.id}'"):
        await storage.interventions.discard(source.id, why=WHY, at=NOON)


@pytest.mark.requirement("H5.4")
async def test_of_many_who_redrive_a_dead_letter_at_the_same_time_one_does(database_url: str) -> None:
    async with opened(database_url) as storage:
        source = await dead_letter(storage)
        tries = [storage.interventions.rerun(rerun_of(source), [], source=S.DEAD_LETTER) for _ in range(5)]
        answers = await asyncio.gather(*tries, return_exceptions=True)
        assert sorted(type(answer).__name__ for answer in answers) == ["Conflict"] * 4 + ["NoneType"]
        assert len(await storage.executions.recent(ExecutionFilter(states=(S.PENDING,)))) == 1


@pytest.mark.requirement("H5.4")
async def test_a_dead_letter_that_was_discarded_meanwhile_is_not_redriven(storage: Storage) -> None:
    source = await dead_letter(storage)
    await storage.interventions.discard(source.id, why=WHY, at=NOON)
    with pytest.raises(Conflict, match="is no dead letter: cancelled"):
        await storage.interventions.rerun(rerun_of(source), [], source=S.DEAD_LETTER)


async def test_an_execution_is_not_rerun_twice_at_the_same_time(storage: Storage) -> None:
    source = await begun(storage, state=S.FAILED)
    new = rerun_of(source)
    await storage.interventions.rerun(new, [], source=S.FAILED)
    with pytest.raises(Conflict, match=f"is being rerun as '{new.id}'"):
        await storage.interventions.rerun(rerun_of(source), [], source=S.FAILED)
    await storage.interventions.cancel(new.id, why=WHY, at=NOON)
    await storage.interventions.rerun(rerun_of(source), [], source=S.FAILED)


@pytest.mark.requirement("H5.8")
async def test_one_that_takes_the_place_of_others_cancels_them_in_the_same_transaction(storage: Storage) -> None:
    stored = await put_job(storage)
    running, waiting = [await begun(storage, stored=stored) for _ in range(2)]
    await claimed(storage, running)
    new = an_execution(stored, idempotency_key="k")
    assert await storage.interventions.begin_instead(new, why=WHY) == new
    assert (await storage.executions.load(running.id)).state is S.CANCELLING
    assert (await storage.executions.load(waiting.id)).state is S.CANCELLED
    assert await storage.interventions.begin_instead(an_execution(stored, idempotency_key="k"), why=WHY) == new
    assert (await storage.executions.load(new.id)).state is S.PENDING
    assert await storage.executions.keyed(stored.id, "k") == new
    assert await storage.executions.keyed(stored.id, "other") is None


@pytest.mark.requirement("H5.4")
async def test_a_discarded_dead_letter_is_cancelled(storage: Storage) -> None:
    source = await dead_letter(storage)
    await storage.interventions.discard(source.id, why=WHY, at=NOON + 7)
    after = await storage.executions.load(source.id)
    assert (after.state, after.failure) == (S.CANCELLED, WHY)
    with pytest.raises(Conflict, match="is no dead letter: cancelled"):
        await storage.interventions.discard(source.id, why=WHY, at=NOON)


@pytest.mark.requirement("H2.6")
async def test_a_second_begin_under_an_idempotency_key_is_told_of_the_first(storage: Storage) -> None:
    stored = await put_job(storage)
    first, second, free = (an_execution(stored, idempotency_key=key) for key in ("order-7", "order-7", None))
    assert await commit(storage, Begin(first)) == [Done()]
    assert await commit(storage, Begin(second), Begin(free)) == [Existing(first.id), Done()]
    assert {one.id for one in await storage.executions.recent()} == {first.id, free.id}


@pytest.mark.requirement("H2.6")
async def test_of_two_begins_in_one_commit_under_one_key_the_first_stands(storage: Storage) -> None:
    stored = await put_job(storage)
    first, second = (an_execution(stored, idempotency_key="k") for _ in range(2))
    assert await commit(storage, Begin(first), Begin(second)) == [Done(), Existing(first.id)]


async def test_the_same_key_of_another_job_is_another_key(storage: Storage) -> None:
    one, other = await put_job(storage), await put_job(storage, a_job("a", name="other"))
    begins = [Begin(an_execution(stored, idempotency_key="k")) for stored in (one, other)]
    assert await commit(storage, *begins) == [Done(), Done()]


@pytest.mark.requirement("H5.8")
async def test_one_is_begun_alone_only_while_no_other_of_its_job_is_unfinished(storage: Storage) -> None:
    stored = await put_job(storage)
    first = await storage.interventions.begin_alone(an_execution(stored, idempotency_key="k"))
    with pytest.raises(Conflict, match=f"'{first.id}' of this job is not over"):
        await storage.interventions.begin_alone(an_execution(stored))
    assert await storage.interventions.begin_alone(an_execution(stored, idempotency_key="k")) == first
    await claimed(storage, first)
    await commit(storage, Record(first.id, 1, close=Close(S.SUCCESS, NOON)))
    await storage.interventions.begin_alone(an_execution(stored))


async def test_of_many_who_begin_alone_at_the_same_time_one_does(storage: Storage) -> None:
    stored = await put_job(storage)
    tries = [storage.interventions.begin_alone(an_execution(stored)) for _ in range(5)]
    answers = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(answer, Execution) for answer in answers) == 1


async def test_executions_are_listed_page_by_page_and_by_what_is_asked(storage: Storage) -> None:
    stored = await put_job(storage)
    states = [S.SUCCESS, S.FAILED, S.SUCCESS, S.DEAD_LETTER, S.SUCCESS]
    made = [
        await begun(storage, stored=stored, id=new_id(), created_at=NOON + number // 2, state=state)
        for number, state in enumerate(states)
    ]
    newest = [replace(one, input=Raw(b"")) for one in made[::-1]]
    first = await storage.executions.recent(limit=2)
    assert [*first, *await storage.executions.recent(before=first[-1])] == newest
    wanted = ExecutionFilter(states=(S.FAILED, S.DEAD_LETTER))
    assert [one.state for one in await storage.executions.recent(wanted)] == [S.DEAD_LETTER, S.FAILED]
    assert await storage.executions.recent(ExecutionFilter(since=NOON + 1, until=NOON + 2)) == newest[1:3]


async def test_a_list_of_executions_leaves_their_inputs_where_they_are(storage: Storage) -> None:
    execution = await begun(storage, input=Raw(b'{"large": true}'))
    [listed] = await storage.executions.recent()
    newest = await storage.executions.latest([execution.job_id])
    assert listed == newest[execution.job_id] == replace(execution, input=Raw(b""))
    assert (await storage.executions.load(execution.id)).input == execution.input


async def test_a_job_of_that_name_comes_before_one_with_that_id(storage: Storage) -> None:
    other = await put_job(storage)
    named = await storage.jobs.put(a_job("a", name=other.id), at=NOON)
    assert (await storage.jobs.get(other.id)).id == named.id
    assert (await storage.jobs.get(named.id)).id == named.id


async def test_a_job_that_is_deleted_is_gone_its_name_free_and_its_executions_are_kept(storage: Storage) -> None:
    stored = await put_job(storage)
    execution = await begun(storage, stored=stored, state=S.SUCCESS)
    await storage.jobs.delete(stored.id, at=NOON)
    with pytest.raises(NotFound):
        await storage.jobs.get(stored.job.name)
    with pytest.raises(NotFound):
        await storage.jobs.delete(stored.id, at=NOON)
    assert await storage.jobs.all() == []
    assert (await put_job(storage)).id != stored.id
    assert await storage.executions.load(execution.id) == execution
    assert (await storage.jobs.version(stored.id, 1)).job == stored.job
    name = (await storage.jobs.names([stored.id]))[stored.id]
    assert name.startswith("job (deleted")
    for called in (stored.id, name, "job"):
        assert await storage.jobs.deleted(called) == [stored.id]
    assert await storage.jobs.deleted("jo%") == []


async def test_a_job_with_an_execution_that_is_not_over_can_not_be_deleted(storage: Storage) -> None:
    stored = await put_job(storage)
    await begun(storage, stored=stored)
    with pytest.raises(Conflict, match="is not over"):
        await storage.jobs.delete(stored.id, at=NOON)


async def test_a_job_that_people_disabled_stays_so_until_its_definition_says_something_else(storage: Storage) -> None:
    stored = await put_job(storage)
    assert not (await storage.jobs.enable(stored.id, enabled=False, at=NOON)).job.enabled
    assert not (await put_job(storage, a_job("a"))).job.enabled
    changed = await put_job(storage, a_job("a", "b"))
    assert (changed.version, changed.job.enabled) == (2, False)
    assert not (await storage.jobs.get("job")).job.enabled
    assert not (await put_job(storage, a_job("a", enabled=False))).job.enabled
    assert (await put_job(storage, a_job("a"))).job.enabled


@pytest.mark.requirement("H5.5")
async def test_circuits_that_are_not_closed_can_be_seen_by_worker(storage: Storage) -> None:
    opened_ = Circuit(target="http bank:443", state=CircuitState.OPEN, failures=5, changed_at=NOON, reason="503")
    await storage.circuits.put(opened_, worker="one")
    await storage.circuits.put(replace(opened_, state=CircuitState.HALF_OPEN), worker="one")
    await storage.circuits.put(opened_, worker="two")
    assert [(circuit.state, worker) for circuit, worker in await storage.circuits.all()] == [
        (CircuitState.HALF_OPEN, "one"),
        (CircuitState.OPEN, "two"),
    ]
    await storage.circuits.put(replace(opened_, state=CircuitState.CLOSED), worker="one")
    assert [worker for _, worker in await storage.circuits.all()] == ["two"]
