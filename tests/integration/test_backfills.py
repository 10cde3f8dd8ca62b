"""Filling in what a schedule did not fire (H1.8)."""

from __future__ import annotations

import pytest

from hengio.errors import Conflict, Refused
from hengio.model.execution import ExecutionState
from hengio.model.schedule import CronSchedule, FixedDelay, FixedRate
from hengio.service.schedules import Range
from tests.support.schedules import DAY, HOUR, MINUTE, hourly, misfire
from tests.support.town import BY, START, Town


@pytest.mark.requirement("H1.6", "H2.1")
async def test_a_day_of_an_hourly_job_is_in_the_ledger_hour_by_hour(town: Town) -> None:
    await town.follow(hourly(), overlap="queue")
    begun = await town.pass_(24 * 3_600, step=1_800)
    assert await town.ledger() == [(hour, "fired") for hour in range(1, 25)]
    assert [(one.nominal_time - START) / HOUR for one in begun if one.nominal_time] == [*range(1, 25)]
    assert {one.trigger for one in begun} == {"schedule"}


@pytest.mark.requirement("H1.8")
async def test_a_backfill_starts_only_what_is_missing(town: Town) -> None:
    await town.follow(hourly(misfire=misfire("skip")), overlap="queue")
    await town.pass_(2 * 3_600, step=3_600)
    town.clock.advance(3 * 3_600 + 300)
    await town.look()
    span = Range(START - 2 * HOUR, START + 5 * HOUR)
    seen = await town.service.backfill("job", span, limit=100, dry_run=True, by=BY)
    done = await town.service.backfill("job", span, limit=100, dry_run=False, by=BY)
    assert seen.times == done.times
    assert [(moment - START) / HOUR for moment in done.times] == [-2, -1, 0, 3, 4, 5]
    assert [one.nominal_time for one in done.executions] == list(done.times)
    assert {(one.trigger, one.state) for one in done.executions} == {("backfill", ExecutionState.PENDING)}
    again = await town.service.backfill("job", span, limit=100, dry_run=False, by=BY)
    assert again.times == ()
    assert await town.ledger() == [(hour, "fired") for hour in range(-2, 6)]


@pytest.mark.requirement("H1.8")
async def test_a_backfill_after_a_change_goes_by_what_the_ledger_has(town: Town) -> None:
    await town.follow(hourly(misfire=misfire("skip")), overlap="queue")
    await town.pass_(3_600)
    town.clock.advance(2 * 3_600)
    await town.look()
    await town.follow(CronSchedule(expression="0 20 * * * ?"), overlap="queue")
    span = Range(START - HOUR, START + 3 * HOUR)
    seen = await town.service.backfill("job", span, limit=100, dry_run=True, by=BY)
    assert await town.ledger() == [(1, "fired"), (2, "misfire"), (3, "fired")]
    assert [(moment - START) / HOUR for moment in seen.times] == [pytest.approx(-2 / 3), pytest.approx(1 / 3), 2]


@pytest.mark.requirement("H1.8")
async def test_a_backfill_fills_a_period_in_by_the_schedule_as_it_was_then(town: Town) -> None:
    await town.follow(FixedRate(interval_seconds=60, misfire=misfire("skip")), overlap="queue")
    town.clock.advance(40 * 3_600)
    await town.look()
    await town.follow(hourly(), overlap="queue")
    span = Range(START, START + 5 * MINUTE)
    seen = await town.service.backfill("job", span, limit=100, dry_run=True, by=BY)
    assert [(moment - START) / MINUTE for moment in seen.times] == [0, 1, 2, 3, 4, 5]


async def test_a_backfill_is_bounded_and_says_so(town: Town) -> None:
    await town.follow(hourly(), overlap="queue")
    done = await town.service.backfill("job", Range(START - DAY, START), limit=5, dry_run=False, by=BY)
    assert (len(done.executions), done.more) == (5, True)


async def test_what_has_no_times_of_its_own_is_not_backfilled(town: Town) -> None:
    await town.follow(FixedDelay(delay_seconds=60))
    with pytest.raises(Conflict, match="fixed_delay"):
        await town.service.backfill("job", Range(START - DAY, START), limit=5, dry_run=False, by=BY)
    await town.follow(hourly())
    with pytest.raises(Refused, match="ends before it begins"):
        await town.service.backfill("job", Range(START, START - 1), limit=5, dry_run=False, by=BY)
