"""What `ExecutionStore` promises, on each database."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from hengio import codec
from hengio.clock import SECOND
from hengio.codec import Raw
from hengio.errors import NotFound
from hengio.model.audit import AuditEntry
from hengio.model.execution import FINAL, TRANSITIONS, ExecutionFilter, ExecutionState, StepStatus
from hengio.model.outcome import Failure
from hengio.storage.protocol import (
    Begin,
    Blocked,
    Claim,
    Claimed,
    Close,
    Done,
    Park,
    Parked,
    Record,
    Stale,
    Storage,
    Work,
)
from tests.support.builders import NOON, a_claim, a_job, a_run, an_execution
from tests.support.storages import begun, claimed, commit, opened, put_job, run_ids

SUCCESS = Close(ExecutionState.SUCCESS, NOON + 5 * SECOND)


async def test_a_new_execution_is_pending_and_reads_back_as_it_was_written(storage: Storage) -> None:
    given = Raw(codec.encode({"name": "Hẹn giờ ✈", "n": 12345678901234567890, "zero": "\x00"}))
    execution = await begun(storage, input=given, nominal_time=NOON - 5, trigger="schedule", exclusive=True)
    assert await storage.executions.load(execution.id) == execution


async def test_an_execution_that_is_not_there_is_not_found(storage: Storage) -> None:
    with pytest.raises(NotFound, match="there is no execution 'nothing'"):
        await storage.executions.load("nothing")


async def test_a_claim_takes_a_pending_execution(storage: Storage) -> None:
    execution = await begun(storage)
    answer = await claimed(storage, execution)
    assert not answer.lost
    assert answer.execution.state is ExecutionState.RUNNING
    assert answer.execution.claim == 1
    assert answer.execution.worker == "worker"
    assert answer.execution.started_at == NOON
    assert await storage.executions.load(execution.id) == answer.execution


async def test_a_second_claim_of_one_dispatch_number_is_stale(storage: Storage) -> None:
    execution = await begun(storage)
    first, second = await commit(storage, a_claim(execution), a_claim(execution))
    assert isinstance(first, Claimed)
    assert second == Stale()
    assert await commit(storage, a_claim(execution)) == [Stale()]


async def test_a_claim_under_another_dispatch_number_is_stale_even_beside_the_right_one(storage: Storage) -> None:
    execution = await begun(storage)
    wrong, right = await commit(storage, a_claim(execution, number=2), a_claim(execution))
    assert wrong == Stale()
    assert isinstance(right, Claimed)


@pytest.mark.requirement("R13.4", "H5.2")
async def test_step_runs_are_written_with_the_claim_and_read_back_in_their_order(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    full = a_run(
        "a",
        execution=execution.id,
        output={"text": "Tết \x00 😀", "big": 2**80},
        branch="0.1",
        visit=3,
        attempt=2,
        failure=Failure("code", "message", {"at": [1]}, retryable=False),
        routing=("b", "c"),
        then="d",
        context=Raw(b'[{"x":null}]'),
        retryable=True,
        detail=Raw(b'{"fuel":1}'),
        output_digest="ab" * 32,
        output_size=1 << 40,
    )
    runs = [full, *(a_run(name, execution=execution.id, sequence=at) for at, name in enumerate("bc", 2))]
    assert await commit(storage, Record(execution.id, 1, (runs[2], runs[0], runs[1]))) == [Done()]
    assert await storage.executions.runs(execution.id) == runs


async def test_a_decision_to_run_nothing_is_not_the_same_as_no_decision(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    runs = (
        a_run("a", execution=execution.id, routing=()),
        a_run("b", execution=execution.id, sequence=2, routing=None),
    )
    await commit(storage, Record(execution.id, 1, runs))
    assert [run.routing for run in await storage.executions.runs(execution.id)] == [(), None]


async def test_a_large_output_comes_back_to_the_byte(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    large = a_run("a", execution=execution.id, output="é\x00\\" * 500_000)
    await commit(storage, Record(execution.id, 1, (large,)))
    [found] = await storage.executions.runs(execution.id)
    assert found == large


async def test_the_last_rows_and_the_end_go_in_together(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    close = Close(ExecutionState.FAILED, NOON + 5, Failure("broken", "it broke"))
    assert await commit(storage, Record(execution.id, 1, (a_run("a", execution=execution.id),), close)) == [Done()]
    ended = await storage.executions.load(execution.id)
    assert (ended.state, ended.finished_at, ended.failure) == (ExecutionState.FAILED, NOON + 5, close.failure)
    assert await run_ids(storage, execution) == ["a"]


async def test_nothing_is_written_for_an_execution_that_is_over(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    await commit(storage, Record(execution.id, 1, (), SUCCESS))
    answers = await commit(
        storage,
        Record(execution.id, 1, (a_run("a", execution=execution.id),)),
        Park(execution.id, 1, NOON),
        a_claim(execution),
    )
    assert answers == [Stale(), Stale(), Stale()]
    assert await run_ids(storage, execution) == []


async def test_a_row_that_is_written_twice_is_kept_once(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    record = Record(execution.id, 1, (a_run("a", execution=execution.id),))
    assert await commit(storage, record) == [Done()]
    assert await commit(storage, record) == [Done()]
    assert await run_ids(storage, execution) == ["a"]


@pytest.mark.requirement("H5.10")
async def test_a_stale_claim_is_dropped_alone_and_its_batch_goes_in(storage: Storage) -> None:
    stored = await put_job(storage)
    lost, other = await begun(storage, stored=stored), await begun(storage, stored=stored)
    await claimed(storage, lost)
    await claimed(storage, other)
    await storage.executions.recover(everything=True, at=NOON)
    assert (await claimed(storage, lost, number=2)).execution.claim == 2
    assert (await claimed(storage, other, number=2)).execution.claim == 2
    answers = await commit(
        storage,
        Record(lost.id, 1, (a_run("old", execution=lost.id),), SUCCESS),
        Record(other.id, 2, (a_run("new", execution=other.id),)),
        Begin(an_execution(stored)),
    )
    assert answers == [Stale(), Done(), Done()]
    assert await run_ids(storage, lost) == []
    assert await run_ids(storage, other) == ["new"]
    assert (await storage.executions.load(lost.id)).state is ExecutionState.RUNNING


async def test_parking_gives_it_back_under_the_next_dispatch_number(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    assert await commit(storage, Park(execution.id, 1, NOON + 7)) == [Parked(2)]
    parked = await storage.executions.load(execution.id)
    assert (parked.state, parked.due_at, parked.worker) == (ExecutionState.PENDING, NOON + 7, None)
    assert await commit(storage, a_claim(execution, number=1)) == [Stale()]


async def test_a_stale_park_beside_the_right_one_is_told_so(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    await storage.executions.recover(everything=True, at=NOON)
    await claimed(storage, execution, number=2)
    assert await commit(storage, Park(execution.id, 1, NOON), Park(execution.id, 2, NOON)) == [Stale(), Parked(3)]


@pytest.mark.requirement("H5.11")
async def test_a_claim_after_a_parked_one_is_not_lost_and_after_a_silent_one_it_is(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    await commit(storage, Park(execution.id, 1, NOON))
    assert not (await claimed(storage, execution, number=2)).lost
    await storage.executions.recover(everything=True, at=NOON)
    again = await claimed(storage, execution, number=3)
    assert again.lost
    assert again.execution.crashes == 1


@pytest.mark.requirement("H5.8")
async def test_an_exclusive_execution_is_blocked_while_another_of_its_job_runs(storage: Storage) -> None:
    stored = await put_job(storage)
    first = await begun(storage, stored=stored, exclusive=True)
    second = await begun(storage, stored=stored, exclusive=True)
    await claimed(storage, first)
    assert await commit(storage, a_claim(second)) == [Blocked()]
    assert await commit(storage, a_claim(second, number=9)) == [Stale()]
    await commit(storage, Record(first.id, 1, (), SUCCESS))
    assert isinstance((await commit(storage, a_claim(second)))[0], Claimed)


@pytest.mark.requirement("H5.8")
async def test_of_exclusive_executions_claimed_together_the_oldest_wins_and_other_jobs_are_not_disturbed(
    storage: Storage,
) -> None:
    stored = await put_job(storage)
    executions = [await begun(storage, stored=stored, exclusive=True) for _ in range(3)]
    free = await begun(storage, stored=stored)
    answers = await commit(storage, *(a_claim(one) for one in (executions[2], free, executions[0], executions[1])))
    assert [type(answer) for answer in answers] == [Blocked, Claimed, Claimed, Blocked]


@pytest.mark.requirement("H5.8")
async def test_a_crash_does_not_let_two_exclusive_executions_run(storage: Storage) -> None:
    stored = await put_job(storage)
    first = await begun(storage, stored=stored, exclusive=True)
    second = await begun(storage, stored=stored, exclusive=True)
    await claimed(storage, first)
    await storage.executions.recover(everything=True, at=NOON)
    answers = await commit(storage, a_claim(second), a_claim(first, number=2))
    assert [type(answer) for answer in answers] == [Blocked, Claimed]


@pytest.mark.requirement("H5.8")
async def test_an_exclusive_execution_that_waits_for_a_retry_lets_no_other_in_between(storage: Storage) -> None:
    stored = await put_job(storage)
    first, second = [await begun(storage, stored=stored, exclusive=True) for _ in range(2)]
    await claimed(storage, first)
    await commit(storage, Park(first.id, 1, NOON + 60))
    assert await commit(storage, a_claim(second)) == [Blocked()]
    assert await storage.executions.due(before=NOON, limit=9) == []
    assert await storage.executions.due(before=NOON + 60, limit=9) == [Work(first.id, 2)]
    assert isinstance((await commit(storage, a_claim(first, number=2)))[0], Claimed)
    await commit(storage, Record(first.id, 2, (), SUCCESS))
    assert isinstance((await commit(storage, a_claim(second)))[0], Claimed)


@pytest.mark.requirement("H5.8")
async def test_of_many_claims_at_the_same_time_one_wins(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as other:
        stored = await put_job(one)
        executions = [await begun(one, stored=stored) for _ in range(20)]
        exclusive = [await begun(one, stored=stored, exclusive=True) for _ in range(5)]
        claims = [a_claim(execution) for execution in (*executions, *exclusive)]
        rounds = [storage.executions.commit(claims) for storage in (one, other) for _ in range(4)]
        answers = await asyncio.gather(*rounds)
        wins = [sum(isinstance(batch[place], Claimed) for batch in answers) for place in range(len(claims))]
        assert wins[:20] == [1] * 20
        assert sum(wins[20:]) == 1


async def test_an_entry_at_fault_hears_of_it_and_the_others_are_written(storage: Storage) -> None:
    stored = await put_job(storage)
    good, orphan = an_execution(stored), an_execution(stored, job_id="gone")
    first, fault, again = await storage.executions.commit([Begin(good), Begin(orphan), Begin(good)])
    assert first == Done()
    assert isinstance(fault, Exception)
    assert isinstance(again, Exception)
    assert (await storage.executions.load(good.id)).id == good.id
    with pytest.raises(NotFound):
        await storage.executions.load(orphan.id)


async def test_due_lists_pending_executions_oldest_first_and_next_due_says_when(storage: Storage) -> None:
    stored = await put_job(storage)
    late = await begun(storage, stored=stored, due_at=NOON + 10)
    early = await begun(storage, stored=stored, due_at=NOON - 10)
    future = await begun(storage, stored=stored, due_at=NOON + 99)
    running = await begun(storage, stored=stored, due_at=NOON - 99)
    await claimed(storage, running)
    assert await storage.executions.due(before=NOON + 10, limit=9) == [Work(early.id, 1), Work(late.id, 1)]
    assert await storage.executions.due(before=NOON + 99, limit=1) == [Work(early.id, 1)]
    assert await storage.executions.next_due() == NOON - 10
    for execution in (late, early, future):
        await claimed(storage, execution)
    assert await storage.executions.next_due() is None


@pytest.mark.requirement("H5.8")
async def test_due_lists_of_a_job_that_allows_none_beside_another_only_the_first(storage: Storage) -> None:
    stored = await put_job(storage, a_job("a", name="one by one"))
    first, second = [await begun(storage, stored=stored, exclusive=True) for _ in range(2)]
    other = await begun(storage, stored=await put_job(storage), due_at=NOON + 1)
    assert await storage.executions.due(before=NOON + 9, limit=9) == [Work(first.id, 1), Work(other.id, 1)]
    await claimed(storage, first)
    assert await storage.executions.due(before=NOON + 9, limit=1) == [Work(other.id, 1)]
    await commit(storage, Record(first.id, 1, close=Close(ExecutionState.SUCCESS, NOON)))
    assert await storage.executions.due(before=NOON + 9, limit=1) == [Work(second.id, 1)]


@pytest.mark.requirement("H5.1")
@pytest.mark.parametrize("state", list(ExecutionState))
async def test_nothing_moves_an_execution_but_along_the_table_of_transitions(
    storage: Storage, state: ExecutionState
) -> None:
    stored = await put_job(storage)
    ends = [Record("", 1, close=Close(end, NOON)) for end in sorted(FINAL)]
    entries: list[Claim | Park | Record] = [a_claim(an_execution()), Park("", 1, NOON), *ends]
    for entry in entries:
        execution = await begun(storage, stored=stored, state=state, claim=1)
        await commit(storage, replace(entry, execution_id=execution.id))
        after = (await storage.executions.load(execution.id)).state
        assert after == state or after in TRANSITIONS[state], entry
    execution = await begun(storage, stored=stored, state=state, claim=1)
    await storage.executions.recover(everything=True, at=NOON)
    after = (await storage.executions.load(execution.id)).state
    assert after == state or after in TRANSITIONS[state], "recover"


async def test_what_was_being_cancelled_when_its_worker_died_is_cancelled(storage: Storage) -> None:
    execution = await begun(storage, state=ExecutionState.CANCELLING, claim=1)
    assert await storage.executions.recover(everything=True, at=NOON) == []
    after = await storage.executions.load(execution.id)
    assert (after.state, after.finished_at) == (ExecutionState.CANCELLED, NOON)


async def test_recent_lists_the_newest_first(storage: Storage) -> None:
    stored = await put_job(storage)
    executions = [await begun(storage, stored=stored, created_at=NOON + number) for number in range(3)]
    assert [one.id for one in await storage.executions.recent(limit=2)] == [executions[2].id, executions[1].id]
    assert await storage.executions.recent(ExecutionFilter(job_id="another")) == []


@pytest.mark.requirement("H5.2", "H5.10")
async def test_only_claims_whose_lease_ran_out_are_recovered(storage: Storage) -> None:
    stored = await put_job(storage)
    dead, alive = await begun(storage, stored=stored), await begun(storage, stored=stored)
    await claimed(storage, dead, lease=0.0)
    await claimed(storage, alive, lease=60.0)
    assert await storage.executions.recover(everything=False, at=NOON + 3) == [Work(dead.id, 2)]
    recovered = await storage.executions.load(dead.id)
    assert (recovered.state, recovered.crashes, recovered.due_at) == (ExecutionState.PENDING, 1, NOON + 3)
    assert (await storage.executions.load(alive.id)).state is ExecutionState.RUNNING


@pytest.mark.requirement("H5.10")
async def test_a_lease_that_is_extended_does_not_run_out_and_a_lost_claim_can_not_extend(storage: Storage) -> None:
    stored = await put_job(storage)
    kept, lost = await begun(storage, stored=stored), await begun(storage, stored=stored)
    await claimed(storage, kept, lease=0.0)
    await claimed(storage, lost, lease=0.0)
    await storage.executions.extend([(kept.id, 1), (lost.id, 7), ("nothing", 1)], lease_seconds=60)
    assert await storage.executions.recover(everything=False, at=NOON) == [Work(lost.id, 2)]


async def test_leases_do_not_follow_the_clock_of_a_worker(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution, lease=60.0)
    assert await storage.executions.recover(everything=False, at=NOON * 10) == []


async def test_recovering_everything_does_not_ask_for_leases(storage: Storage) -> None:
    execution = await begun(storage)
    await claimed(storage, execution)
    assert await storage.executions.recover(everything=True, at=NOON) == [Work(execution.id, 2)]
    assert await storage.executions.recover(everything=True, at=NOON) == []


async def test_what_was_committed_is_there_after_it_is_opened_again(database_url: str) -> None:
    async with opened(database_url) as storage:
        execution = await begun(storage)
        await claimed(storage, execution)
        run = a_run("a", execution=execution.id, status=StepStatus.FAILED)
        await commit(storage, Record(execution.id, 1, (run,)))
    async with opened(database_url) as storage:
        assert await storage.executions.runs(execution.id) == [run]
        await storage.check()


async def test_an_audit_entry_that_may_have_been_written_can_be_added_again(storage: Storage) -> None:
    first, second = (
        AuditEntry(id=name, at=NOON, action="host_call.denied", actor="module:m", subject="file:read a")
        for name in ("1", "2")
    )
    await storage.audit.add([first])
    await storage.audit.add([first, second])
    assert await storage.audit.find(limit=10) == [second, first]
