"""What `ScheduleStore` promises, on each database: one decides, once, and everything in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from hengio.clock import SECOND, Micros
from hengio.codec import Raw
from hengio.errors import NotFound
from hengio.lifecycle.start import scheduled
from hengio.model.execution import Execution, ExecutionState
from hengio.model.fire import Fire, FireFilter, FireState
from hengio.model.input import Input
from hengio.model.job import Triggers
from hengio.model.outcome import Failure
from hengio.model.schedule import CronSchedule, FixedRate
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.schedules import Decide, Decided, Decision, Due
from tests.support.builders import NOON, a_job
from tests.support.storages import begun, claimed, opened, put_job

S = ExecutionState
HOUR = 3_600 * SECOND


async def a_scheduled(storage: Storage, name: str = "job", *, at: Micros = NOON, **fields: Any) -> StoredJob:
    """A job that follows a schedule, saved at noon."""
    job = a_job("a", name=name, schedule=fields.pop("schedule", FixedRate(interval_seconds=60)), **fields)
    return await storage.jobs.put(job, at=at)


def fired(due: Due, *, at: Micros = NOON + SECOND, **fields: Any) -> Decision:
    """The decision that one nominal time fires, and that the next is an hour later."""
    begins = scheduled(due.row, nominal_time=at, due_at=at, at=at)
    fire = Fire(
        job_id=due.row.job_id,
        job_version=due.row.job_version,
        nominal_time=at,
        state=FireState.FIRED,
        decided_at=at,
        execution_id=begins.id,
    )
    decision = Decision(
        job_id=due.row.job_id,
        fires=(fire,),
        executions=(begins,),
        anchor=due.row.anchor,
        decided_until=at,
        next_at=at + HOUR,
    )
    return replace(decision, **fields)


def each(one: Callable[[Due], Decision]) -> Decide:
    def decide(found: Sequence[Due]) -> list[Decision]:
        return [one(due) for due in found]

    return decide


async def decide(
    storage: Storage, one: Callable[[Due], Decision] = fired, *, before: Micros = NOON + SECOND, **more: Any
) -> Decided:
    return await storage.schedules.decide(each(one), before=before, limit=more.pop("limit", 100), **more)


async def ledger(storage: Storage, stored: StoredJob) -> list[tuple[Micros, str]]:
    found = await storage.schedules.fires(FireFilter(job_id=stored.id), limit=100)
    return [(fire.nominal_time - NOON, fire.state.value) for fire in found]


async def executions(storage: Storage) -> list[Execution]:
    return await storage.executions.recent(limit=100)


@pytest.mark.requirement("H1.6", "H5.13")
async def test_a_fire_its_execution_and_the_next_time_are_written_together(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    done = await decide(storage)
    [execution] = done.begun
    loaded = await storage.executions.load(execution.id)
    assert (loaded.trigger, loaded.nominal_time, loaded.state) == ("schedule", NOON + SECOND, S.PENDING)
    assert await ledger(storage, stored) == [(SECOND, "fired")]
    assert await storage.schedules.next_at() == NOON + SECOND + HOUR
    [work] = await storage.executions.due(before=NOON + SECOND, limit=10)
    assert work.execution_id == execution.id


@pytest.mark.requirement("H1.6")
async def test_a_nominal_time_fires_once_whoever_decides_it_again(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    await decide(storage)
    again = await decide(storage, before=NOON + 2 * HOUR)
    assert again.begun == ()
    assert await ledger(storage, stored) == [(SECOND, "fired")]
    assert len(await executions(storage)) == 1


async def test_what_is_not_due_is_left_alone(storage: Storage) -> None:
    await a_scheduled(storage)
    assert (await decide(storage, before=NOON - 1)).decisions == ()
    assert await storage.schedules.due(before=NOON - 1, limit=10) == []


async def test_a_decision_that_raises_writes_nothing(storage: Storage) -> None:
    stored = await a_scheduled(storage)

    def broken(_due: Due) -> Decision:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await decide(storage, broken)
    assert await ledger(storage, stored) == []
    assert await storage.schedules.next_at() == NOON


async def test_those_due_longest_are_decided_first_and_at_most_as_many_as_asked(storage: Storage) -> None:
    late = [await a_scheduled(storage, f"job-{place}", at=NOON - place) for place in range(3)]
    done = await decide(storage, limit=2)
    assert [decision.job_id for decision in done.decisions] == [late[2].id, late[1].id]


@pytest.mark.requirement("H1.6", "H11.1")
async def test_many_who_decide_at_once_write_each_fire_once(database_url: str) -> None:
    async with opened(database_url) as storage:
        for place in range(40):
            await a_scheduled(storage, f"job-{place}")
        many = [storage] if database_url.startswith("sqlite") else []
        async with opened(database_url) as second, opened(database_url) as third:
            rounds = [decide(one, limit=7) for _ in range(8) for one in (many or (storage, second, third))]
            begun = [execution for done in await asyncio.gather(*rounds) for execution in done.begun]
            begun += (await decide(storage)).begun
        assert len(begun) == len({execution.job_id for execution in begun}) == 40
        assert len(await storage.executions.recent(limit=100)) == 40


@pytest.mark.requirement("H1.5")
async def test_whoever_decides_sees_what_is_not_over(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    running = await begun(storage, stored=stored)
    seen: list[str | None] = []

    def look(due: Due) -> Decision:
        seen.append(due.busy)
        return fired(due)

    await decide(storage, look)
    assert seen == [running.id]


async def test_of_a_job_that_runs_side_by_side_nobody_asks_what_is_not_over(storage: Storage) -> None:
    stored = await a_scheduled(storage, allow_concurrent=True)
    await begun(storage, stored=stored)
    seen: list[str | None] = []

    def look(due: Due) -> Decision:
        seen.append(due.busy)
        return fired(due)

    await decide(storage, look)
    assert seen == [None]


@pytest.mark.requirement("H1.3")
async def test_whoever_decides_sees_when_the_last_execution_ended(storage: Storage) -> None:
    await a_scheduled(storage)
    [first] = (await decide(storage)).begun
    seen: list[Due] = []

    def look(due: Due) -> Decision:
        seen.append(due)
        return fired(due, fires=(), executions=(), next_at=NOON)

    later = NOON + 2 * HOUR
    await decide(storage, look, before=later)
    await storage.interventions.cancel(first.id, why=Failure("cancelled", "a test"), at=NOON + 7)
    await decide(storage, look, before=later)
    assert [(due.last_over, due.last_ended_at) for due in seen] == [(False, None), (True, NOON + 7)]


@pytest.mark.requirement("H1.5")
async def test_what_runs_is_cancelled_for_what_takes_its_place(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    running, waiting = await begun(storage, stored=stored), await begun(storage, stored=stored)
    await claimed(storage, running)
    why = Failure("cancelled", "its place was taken", retryable=False)
    [new] = (await decide(storage, lambda due: fired(due, instead=why))).begun
    states = {one.id: (one.state, one.failure) for one in await executions(storage)}
    assert states == {
        running.id: (S.CANCELLING, why),
        waiting.id: (S.CANCELLED, why),
        new.id: (S.PENDING, None),
    }


@pytest.mark.requirement("H1.8")
async def test_a_changed_schedule_counts_from_its_change(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    await decide(storage)
    changed = await a_scheduled(storage, at=NOON + 9 * SECOND, schedule=CronSchedule(expression="0 0 2 * * ?"))
    row = await storage.schedules.get(stored.id)
    assert row is not None
    assert (row.job_version, row.anchor - NOON, row.decided_until - NOON) == (changed.version, 9 * SECOND, 9 * SECOND)
    assert row.next_at == NOON + 9 * SECOND


@pytest.mark.requirement("H1.3", "H1.8")
@pytest.mark.parametrize(
    ("changed", "moves"),
    [
        (FixedRate(interval_seconds=60, jitter_seconds=1.0), False),
        (FixedRate(interval_seconds=60, end_date="2030-01-01"), False),
        (FixedRate(interval_seconds=61), True),
        (FixedRate(interval_seconds=60, start_date="2026-01-01"), True),
    ],
)
async def test_intervals_go_on_counting_from_where_they_did_unless_they_change(
    storage: Storage, changed: FixedRate, moves: bool
) -> None:
    stored = await a_scheduled(storage)
    await decide(storage)
    await a_scheduled(storage, at=NOON + 9 * SECOND, schedule=changed)
    row = await storage.schedules.get(stored.id)
    assert row is not None
    assert row.anchor == (NOON + 9 * SECOND if moves else NOON)


@pytest.mark.requirement("H1.8")
async def test_a_change_elsewhere_in_the_job_leaves_its_schedule_where_it_was(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    await decide(storage)
    before = await storage.schedules.get(stored.id)
    await a_scheduled(storage, at=NOON + 9 * SECOND, description="other")
    after = await storage.schedules.get(stored.id)
    assert before is not None
    assert after == replace(before, job_version=2)


@pytest.mark.requirement("H1.8")
async def test_what_was_due_when_a_schedule_changed_is_not_lost(storage: Storage) -> None:
    """Nobody decided for the old one: the new one takes over where the old one stood."""
    stored = await a_scheduled(storage)
    await a_scheduled(storage, at=NOON + 9 * SECOND, schedule=CronSchedule(expression="* * * * * ?"))
    row = await storage.schedules.get(stored.id)
    assert row is not None
    assert row.decided_until == NOON


@pytest.mark.parametrize("fields", [{"schedule": None}, {"triggers": Triggers(scheduled=False)}])
async def test_a_job_without_a_schedule_is_not_followed(storage: Storage, fields: dict[str, Any]) -> None:
    stored = await a_scheduled(storage)
    await a_scheduled(storage, **fields)
    assert await storage.schedules.get(stored.id) is None
    assert await storage.schedules.next_at() is None


async def test_a_deleted_job_is_not_followed_and_its_ledger_stays(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    [execution] = (await decide(storage)).begun
    await storage.interventions.cancel(execution.id, why=Failure("cancelled", "a test"), at=NOON)
    await storage.jobs.delete(stored.id, at=NOON + SECOND)
    assert await storage.schedules.get(stored.id) is None
    assert await ledger(storage, stored) == [(SECOND, "fired")]


@pytest.mark.requirement("H1.8")
async def test_disabling_and_pausing_make_a_schedule_inactive(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    await storage.jobs.enable(stored.id, enabled=False, at=NOON)
    assert (await storage.schedules.pause(stored.id, paused=True, at=NOON)).active is False
    await storage.jobs.enable(stored.id, enabled=True, at=NOON)
    row = await storage.schedules.get(stored.id)
    assert row is not None
    assert (row.enabled, row.paused, row.active) == (True, True, False)
    assert (await storage.schedules.pause(stored.id, paused=False, at=NOON)).active


async def test_what_has_no_schedule_can_not_be_paused(storage: Storage) -> None:
    stored = await put_job(storage)
    with pytest.raises(NotFound):
        await storage.schedules.pause(stored.id, paused=True, at=NOON)


@pytest.mark.requirement("H1.8")
async def test_what_may_fire_and_is_not_going_to_is_found(storage: Storage) -> None:
    stopped, late = await a_scheduled(storage, "stopped"), await a_scheduled(storage, "late")
    finished, paused = await a_scheduled(storage, "finished"), await a_scheduled(storage, "paused")
    ends = {finished.id: {"next_at": None, "finished": True}, late.id: {}}
    await storage.schedules.pause(paused.id, paused=True, at=NOON)
    await decide(storage, lambda due: fired(due, **ends.get(due.row.job_id, {"next_at": None, "problem": "why"})))
    found = await storage.schedules.alarming(overdue_before=NOON + 2 * HOUR, limit=10)
    assert [(row.job_id, row.problem) for row in found] == [(stopped.id, "why"), (late.id, None)]


async def test_resuming_clears_a_problem_and_looks_again(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    await storage.schedules.stop(stored.id, problem="why")
    assert await storage.schedules.next_at() is None
    row = await storage.schedules.pause(stored.id, paused=False, at=NOON + SECOND)
    assert (row.problem, row.next_at, row.decided_until) == (None, NOON + SECOND, NOON)


@pytest.mark.requirement("H1.8")
async def test_a_backfill_writes_only_what_did_not_fire(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    [known] = (await decide(storage)).begun
    row = await storage.schedules.get(stored.id)
    assert row is not None

    def filled(at: Micros) -> tuple[Fire, Execution]:
        begins = scheduled(row, nominal_time=at, due_at=NOON, at=NOON, trigger="backfill")
        fire = Fire(
            job_id=row.job_id,
            job_version=1,
            nominal_time=at,
            state=FireState.FIRED,
            decided_at=NOON,
            execution_id=begins.id,
        )
        return fire, begins

    times = [NOON + SECOND, NOON - HOUR]
    begun_now = await storage.schedules.backfill([filled(at) for at in times])
    assert [one.nominal_time for one in begun_now] == [NOON - HOUR]
    assert await storage.schedules.backfill([filled(at) for at in times]) == []
    assert await ledger(storage, stored) == [(SECOND, "fired"), (-HOUR, "fired")]
    assert {one.id for one in await executions(storage)} == {known.id, begun_now[0].id}


@pytest.mark.requirement("H1.8")
async def test_what_a_clock_that_was_ahead_decided_is_taken_back_but_for_what_fired(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    assert await storage.schedules.latest_decided() is None
    assert await storage.schedules.first_fire(stored.id) is None

    def early(due: Due) -> Decision:
        [fire] = fired(due, at=NOON + 3 * HOUR).fires
        others = [
            replace(fire, state=FireState.MISSED, execution_id=None, nominal_time=NOON + h * HOUR) for h in (1, 2)
        ]
        period = replace(others[0], nominal_time=NOON - HOUR, until=NOON + HOUR - 1)
        return fired(due, at=NOON + 3 * HOUR, fires=(period, *others, fire), decided_until=NOON + 3 * HOUR)

    await decide(storage, early)
    assert await storage.schedules.latest_decided() == NOON + 3 * HOUR
    assert await storage.schedules.first_fire(stored.id) == NOON - HOUR
    assert await storage.schedules.reopen(at=NOON + HOUR) == 1
    assert await ledger(storage, stored) == [(3 * HOUR, "fired"), (HOUR, "missed"), (-HOUR, "missed")]
    row = await storage.schedules.get(stored.id)
    assert row is not None
    assert (row.decided_until, row.next_at) == (NOON + HOUR, NOON + HOUR)
    again = await decide(storage, lambda due: fired(due, at=NOON + 3 * HOUR), before=NOON + HOUR)
    assert again.begun == ()
    assert await storage.schedules.reopen(at=NOON + 9 * HOUR) == 0


async def test_the_ledger_is_read_page_by_page_and_by_state(storage: Storage) -> None:
    one, other = await a_scheduled(storage, "one"), await a_scheduled(storage, "other")
    await decide(storage)
    page = await storage.schedules.fires(FireFilter(), limit=1)
    rest = await storage.schedules.fires(FireFilter(), limit=10, before=page[-1])
    assert {fire.job_id for fire in page + rest} == {one.id, other.id}
    assert len(rest) == 1
    assert await storage.schedules.fires(FireFilter(states=(FireState.MISSED,)), limit=10) == []
    assert await storage.schedules.fires(FireFilter(until=NOON + SECOND), limit=10) == []
    latest = await storage.schedules.latest_fires([one.id])
    assert list(latest) == [one.id]


async def test_a_row_that_stands_for_a_period_is_found_by_any_time_of_it(storage: Storage) -> None:
    stored = await a_scheduled(storage)
    period = Fire(
        job_id=stored.id,
        job_version=1,
        nominal_time=NOON,
        until=NOON + HOUR,
        state=FireState.MISSED,
        decided_at=NOON + HOUR,
    )
    await decide(storage, lambda due: fired(due, fires=(period,), executions=(), next_at=None, finished=True))
    [found] = await storage.schedules.fires(FireFilter(since=NOON + HOUR - 1), limit=10)
    assert found == period


@pytest.mark.requirement("H2.1")
@pytest.mark.parametrize(
    ("inputs", "given"),
    [(None, b"null"), ({"region": Input(type="string", default="hn"), "n": Input(type="integer")}, b'{"region":"hn"}')],
)
async def test_what_a_schedule_starts_is_given_the_defaults_of_the_job(
    storage: Storage, inputs: dict[str, Input] | None, given: bytes
) -> None:
    await a_scheduled(storage, inputs=inputs)
    [execution] = (await decide(storage)).begun
    assert (await storage.executions.load(execution.id)).input == Raw(given)
