"""Schedules that are followed: on a real database, with a clock that the test moves (H1)."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from hengio.clock import SECOND
from hengio.model.execution import Execution, ExecutionState
from hengio.model.fire import FireFilter, FireState
from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate, OneTime
from hengio.scheduler.firing import Firing
from hengio.scheduler.loop import Scheduler
from hengio.scheduler.watchdog import Watchdog
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.sql import tables
from tests.support.builders import a_job
from tests.support.schedules import DAY, HOUR, MINUTE, at, hourly, misfire
from tests.support.town import BY, START, Town
from tests.support.waiting import eventually
from tests.support.workplace import working


@pytest.mark.requirement("H1.6", "H2.1")
async def test_a_day_of_an_hourly_job_is_in_the_ledger_hour_by_hour(town: Town) -> None:
    await town.follow(hourly(), overlap="queue")
    begun = await town.pass_(24 * 3_600, step=1_800)
    assert await town.ledger() == [(hour, "fired") for hour in range(1, 25)]
    assert [(one.nominal_time - START) / HOUR for one in begun if one.nominal_time] == [*range(1, 25)]
    assert {one.trigger for one in begun} == {"schedule"}


@pytest.mark.requirement("H1.8")
async def test_nothing_is_lost_or_repeated_when_the_scheduler_was_away(town: Town) -> None:
    await town.follow(hourly(misfire=misfire("fire_all")))
    await town.pass_(3 * 3_600, step=3_600)
    town.clock.advance(9 * 3_600)
    await town.look()
    await town.look()
    assert await town.ledger() == [(1, "fired"), (2, "overlap"), (3, "overlap")] + [(h, "fired") for h in range(4, 13)]


@pytest.mark.requirement("H1.8")
async def test_a_clock_that_is_set_back_fires_nothing_twice(town: Town) -> None:
    await town.follow(hourly(), overlap="queue")
    await town.pass_(3 * 3_600, step=3_600)
    town.clock.advance(-2 * 3_600)
    assert await town.pass_(4 * 3_600, step=600) != []
    assert await town.ledger() == [(hour, "fired") for hour in range(1, 6)]


@pytest.mark.requirement("H1.8")
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_clock_that_was_a_year_ahead_for_a_while_silences_nothing(town: Town, restarted: bool) -> None:
    """Once it is right again each hour fires in its time, but for the one that fired too early."""
    await town.follow(hourly(), overlap="queue")
    await town.pass_(3_600)
    async with town.scheduling():
        town.clock.advance(365 * 86_400)

        async def fired() -> bool:
            return len(await town.ledger()) > 100

        await eventually(fired)
        if not restarted:
            town.clock.advance(-365 * 86_400)
            await eventually(town.is_right)
    if restarted:
        town.clock.advance(-365 * 86_400)
    async with town.scheduling():
        await eventually(town.is_right)
    await town.pass_(2 * 3_600)
    ledger = await town.ledger()
    assert ledger[:3] == [(1, "fired"), (2, "fired"), (3, "fired")]
    assert [state for hour, state in ledger if hour > 3] == ["fired"]


@pytest.mark.requirement("H1.8")
async def test_changing_a_schedule_loses_and_repeats_nothing(town: Town) -> None:
    """The old one is followed up to the change, the new one from there, also where nobody looked in between."""
    await town.follow(hourly(misfire=misfire("fire_all")), overlap="queue")
    town.clock.advance(2 * 3_600 + 1_800)
    await town.follow(CronSchedule(expression="0 15 * * * ?", misfire=misfire("fire_all")), overlap="queue")
    await town.pass_(2 * 3_600, step=900)
    assert await town.ledger() == [(1, "fired"), (2, "fired"), (3.25, "fired"), (4.25, "fired")]


@pytest.mark.requirement("H1.8")
async def test_applying_the_same_schedule_again_changes_nothing(town: Town) -> None:
    schedule = FixedRate(interval_seconds=3_600)
    await town.follow(schedule, overlap="queue")
    town.clock.advance(1_800)
    await town.follow(schedule, overlap="queue", description="changed")
    await town.pass_(2 * 3_600, step=1_800)
    assert await town.ledger() == [(1, "fired"), (2, "fired")]


@pytest.mark.requirement("H1.8", "H1.6")
async def test_pausing_skips_with_its_reason_and_resuming_goes_on(town: Town) -> None:
    await town.follow(hourly(), overlap="queue")
    await town.pass_(3_600)
    await town.service.pause("job", paused=True, by=BY)
    await town.pass_(2 * 3_600)
    await town.service.pause("job", paused=False, by=BY)
    await town.pass_(3_600)
    assert await town.ledger() == [(1, "fired"), (2, "paused"), (3, "paused"), (4, "fired")]
    entries = await town.storage.audit.find(limit=10)
    assert {entry.action for entry in entries} == {"schedule.paused", "schedule.resumed"}


@pytest.mark.requirement("H1.8")
async def test_what_was_due_before_a_pause_still_fires(town: Town) -> None:
    await town.follow(hourly())
    town.clock.advance(3_600)
    await town.service.pause("job", paused=True, by=BY)
    assert await town.ledger() == [(1, "fired")]


@pytest.mark.requirement("H1.3")
async def test_a_fixed_delay_counts_from_each_end(town: Town) -> None:
    await town.follow(FixedDelay(delay_seconds=600))
    [first] = await town.pass_(600)
    assert await town.pass_(1_500) == []
    await town.end(first)
    ended = town.clock.now()
    [second] = await town.pass_(600)
    assert second.nominal_time == ended + 10 * MINUTE


@pytest.mark.requirement("H1.3")
async def test_one_time_fires_once_and_is_finished(town: Town) -> None:
    await town.follow(OneTime(execute_at="2026-11-30T02:00:00"))
    await town.pass_(5 * 3_600, step=1_200)
    assert await town.ledger() == [(2, "fired")]
    assert (await town.service.show("job")).row.finished
    assert await Watchdog(town.storage.schedules, town.clock, town.firing.statistics).look() == []


@pytest.mark.requirement("H1.5", "H5.8")
async def test_a_fire_is_skipped_while_the_one_before_runs(town: Town) -> None:
    await town.follow(hourly())
    [first] = await town.pass_(3 * 3_600)
    assert await town.ledger() == [(1, "fired"), (2, "overlap"), (3, "overlap")]
    await town.end(first)
    await town.pass_(3_600)
    assert (await town.ledger())[-1] == (4, "fired")


@pytest.mark.requirement("H1.4", "H1.6")
async def test_tet_is_left_out_and_made_up_for_on_the_next_business_day(town: Town) -> None:
    """Tết of 2026: the holidays are from Monday the 16th to Friday the 20th of February."""
    town.clock.advance((at("2026-02-13T00:00:00+07:00") - START) / SECOND)
    calendar = Calendar(skip_holidays="VN", business_days_only=True, shift="next_business_day")
    await town.follow(CronSchedule(expression="0 0 8 * * ?", calendar=calendar), overlap="queue")
    await town.pass_(12 * 86_400, step=3_600)
    stored = await town.storage.jobs.get("job")
    found = await town.service.fires(FireFilter(job_id=stored.id, states=(FireState.FIRED,)), limit=100)
    days = [(fire.nominal_time - at("2026-02-01T00:00:00+07:00")) // DAY + 1 for fire in reversed(found)]
    assert days == [13, 23, 24]


async def break_(storage: Storage, stored: StoredJob, schedule: str) -> None:
    """Damage what is stored of a schedule."""
    change = update(tables.schedules).where(tables.schedules.c.job_id == stored.id).values(schedule=schedule)
    await storage.schedules._database.write(lambda connection: connection.execute(change))  # type: ignore[attr-defined]


@pytest.mark.requirement("H1.8")
@pytest.mark.parametrize(
    "schedule",
    [
        '{"type": "cron", "expression": "0 0 * * * ?", "timezone": "Mars/Olympus"}',
        '{"type": "cron", "expression": "broken"}',
        '{"type": "cron"',
        '{"type": "cron", "expression": "0 0 * * * ?", "calendar": {"skip_holidays": "XX"}}',
    ],
)
async def test_a_schedule_that_cannot_be_evaluated_is_stopped_alone(town: Town, schedule: str) -> None:
    broken = await town.follow(hourly(), name="broken")
    await town.follow(hourly(), name="neighbour")
    await break_(town.storage, broken, schedule)

    async def stopped() -> bool:
        return bool(await town.storage.audit.find(action="schedule.stopped", limit=10))

    async def fired() -> bool:
        return await town.ledger("neighbour") == [(1, "fired")]

    async with town.scheduling():
        await eventually(stopped)
        town.clock.advance(3_600)
        await eventually(fired)
    assert await town.ledger("broken") == []
    [stopped_one] = await town.storage.audit.find(action="schedule.stopped", limit=10)
    assert stopped_one.subject == "broken"
    [alarm] = await Watchdog(town.storage.schedules, town.clock, town.firing.statistics).look()
    assert alarm.job_id == broken.id
    assert "cannot be evaluated" in (alarm.problem or "")
    assert town.firing.statistics.without_next == 1


@pytest.mark.requirement("H1.6", "H1.8")
async def test_a_schedule_that_cannot_be_evaluated_is_told_among_the_others(town: Town) -> None:
    broken = await town.follow(hourly(), name="broken")
    await town.follow(hourly(), name="neighbour")
    await break_(town.storage, broken, '{"type": "cron", "expression": "0 0 * * * ?", "timezone": "US/Pacific-New"}')
    problem = "it cannot be evaluated: timezone: there is no time zone `US/Pacific-New`"
    told = {one.job.job.name: (one.problem, one.next_fire) for one in await town.service.listed()}
    assert told == {"broken": (problem, None), "neighbour": (None, START + HOUR)}


@pytest.mark.requirement("H1.8")
async def test_a_repaired_schedule_goes_on_when_it_is_resumed(town: Town) -> None:
    stored = await town.follow(hourly(misfire=misfire("fire_all")))
    await break_(town.storage, stored, "{}")
    await town.pass_(2 * 3_600, step=3_600)
    await break_(
        town.storage, stored, '{"type": "cron", "expression": "0 0 * * * ?", "misfire": {"policy": "fire_all"}}'
    )
    await town.service.pause("job", paused=False, by=BY)
    await town.look()
    assert await town.ledger() == [(1, "fired"), (2, "fired")]


@pytest.mark.requirement("H1.8")
async def test_a_schedule_that_nobody_decides_raises_an_alarm(town: Town) -> None:
    await town.follow(hourly())
    await town.look()
    town.clock.advance(3_600 + 300)
    watchdog = Watchdog(town.storage.schedules, town.clock, town.firing.statistics)
    assert [row.problem for row in await watchdog.look()] == [None]
    assert town.firing.statistics.overdue == 1
    await town.look()
    assert await watchdog.look() == []
    assert town.firing.statistics.overdue == 0


@pytest.mark.requirement("H2.1", "H5.2")
async def test_a_scheduled_job_runs_to_its_end(either_storage: Storage) -> None:
    """The loop, the worker and the machine's own clock."""
    async with working(either_storage) as place:
        await either_storage.jobs.put(
            a_job("a", schedule=CronSchedule(expression="* * * * * ?")), at=place.executions.clock.now()
        )
        firing = Firing(store=either_storage.schedules, dispatcher=place.dispatcher, clock=place.executions.clock)
        running = asyncio.create_task(
            Scheduler(firing, either_storage.audit, either_storage.jobs, place.executions.clock).run()
        )

        async def succeeded() -> list[Execution] | None:
            found = await either_storage.executions.recent(limit=10)
            done = [one for one in found if one.state is ExecutionState.SUCCESS]
            return done if len(done) >= 2 else None

        done = await eventually(succeeded)
        running.cancel()
        await asyncio.wait([running])
    assert {one.trigger for one in done} == {"schedule"}
    assert len({one.nominal_time for one in done}) == len(done)
