"""What becomes of each nominal time of a schedule (H1.3, H1.5, H1.6, H1.8)."""

from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from hengio.clock import SECOND
from hengio.codec import Raw
from hengio.errors import Refused
from hengio.model.fire import FireState
from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate, OneTime
from hengio.scheduler.backlog import MOST
from hengio.scheduler.plan import NEVER_AGAIN
from tests.support.builders import NOON
from tests.support.schedules import DAY, HOUR, MINUTE, a_due, at, hourly, misfire, planned, told

HOURS = NOON - NOON % HOUR + HOUR
"""A full hour; what was decided ends just before it."""


@pytest.mark.requirement("H1.6")
def test_what_is_due_fires_and_the_next_time_is_waited_for() -> None:
    done = planned(a_due(hourly(), since=HOURS - 1), now=HOURS + 5)
    assert told(done, base=HOURS) == [(0, "fired")]
    assert (done.decided_until, done.next_at, done.problem) == (HOURS + 5, HOURS + HOUR, None)
    [verdict] = done.verdicts
    assert verdict.due_at == HOURS + 5


def test_what_is_not_due_is_waited_for() -> None:
    done = planned(a_due(hourly(), since=HOURS), now=HOURS + 5)
    assert (told(done), done.next_at) == ([], HOURS + HOUR)


@pytest.mark.requirement("H1.8")
def test_a_clock_that_went_back_repeats_nothing() -> None:
    done = planned(a_due(hourly(), since=HOURS), now=HOURS - 3 * HOUR)
    assert (told(done), done.decided_until, done.next_at) == ([], HOURS, HOURS + HOUR)


@pytest.mark.requirement("H1.8")
def test_a_clock_that_went_ahead_loses_nothing() -> None:
    done = planned(a_due(hourly(misfire=misfire("fire_all")), since=HOURS - 1), now=HOURS + 3 * HOUR)
    assert told(done, base=HOURS) == [(0, "fired"), (1, "fired"), (2, "fired"), (3, "fired")]


def test_a_little_late_is_no_misfire() -> None:
    schedule = CronSchedule(expression="*/20 * * * * ?", misfire=misfire("skip"))
    done = planned(a_due(schedule, since=HOURS - 1, overlap="queue"), now=HOURS + 59 * SECOND)
    assert told(done, base=HOURS, unit=SECOND) == [(0, "fired"), (20, "fired"), (40, "fired")]


@pytest.mark.requirement("H1.5")
def test_what_was_missed_is_made_up_for_once() -> None:
    done = planned(a_due(hourly(), since=HOURS - 1), now=HOURS + 3 * HOUR + MINUTE)
    assert told(done, base=HOURS) == [(0, "missed"), (1, "missed"), (2, "missed"), (3, "fired")]
    assert "made up for once" in done.verdicts[0].note


@pytest.mark.requirement("H1.5")
def test_what_was_missed_is_not_made_up_for_if_that_is_the_policy() -> None:
    done = planned(a_due(hourly(misfire=misfire("skip")), since=HOURS - 1), now=HOURS + HOUR + 5)
    assert told(done, base=HOURS) == [(0, "skipped misfire"), (1, "fired")]


@pytest.mark.requirement("H1.5")
def test_all_that_was_missed_fires_up_to_a_limit_the_latest_first() -> None:
    done = planned(a_due(hourly(misfire=misfire("fire_all", limit=2)), since=HOURS - 1), now=HOURS + 3 * HOUR)
    assert told(done, base=HOURS) == [(0, "missed"), (1, "missed"), (2, "fired"), (3, "fired")]


@pytest.mark.requirement("H1.5")
def test_what_was_missed_for_longer_than_the_window_is_not_made_up_for() -> None:
    schedule = hourly(misfire=misfire("fire_all", window_seconds=5_400))
    done = planned(a_due(schedule, since=HOURS - 1), now=HOURS + 3 * HOUR)
    assert told(done, base=HOURS) == [(0, "skipped misfire"), (1, "skipped misfire"), (2, "fired"), (3, "fired")]


@pytest.mark.requirement("H1.5", "H5.8")
def test_a_fire_is_skipped_while_an_execution_of_the_job_is_not_over() -> None:
    done = planned(a_due(hourly(), since=HOURS - 1, busy="another"), now=HOURS)
    assert told(done, base=HOURS) == [(0, "skipped overlap")]
    assert done.verdicts[0].note == "execution another was not over"


@pytest.mark.requirement("H1.5", "H5.8")
@pytest.mark.parametrize(
    "fields", [{"overlap": "queue"}, {"overlap": "allow", "exclusive": False}, {"exclusive": False}]
)
def test_a_fire_waits_or_runs_beside_another_where_the_job_says_so(fields: dict[str, object]) -> None:
    done = planned(a_due(hourly(), since=HOURS - 1, busy="another", **fields), now=HOURS)
    assert told(done, base=HOURS) == [(0, "fired")]
    assert not done.instead


@pytest.mark.requirement("H1.5")
def test_a_fire_takes_the_place_of_what_runs() -> None:
    done = planned(a_due(hourly(), since=HOURS - 1, busy="another", overlap="cancel_running"), now=HOURS)
    assert (told(done, base=HOURS), done.instead) == ([(0, "fired")], True)
    idle = planned(a_due(hourly(), since=HOURS - 1, overlap="cancel_running"), now=HOURS)
    assert not idle.instead


@pytest.mark.requirement("H1.5")
def test_of_fires_at_the_same_moment_the_first_begins() -> None:
    schedule = CronSchedule(expression="*/20 * * * * ?")
    done = planned(a_due(schedule, since=HOURS - 1), now=HOURS + 50 * SECOND)
    assert told(done, base=HOURS, unit=SECOND) == [(0, "fired"), (20, "skipped overlap"), (40, "skipped overlap")]


@pytest.mark.requirement("H1.5")
@pytest.mark.parametrize(("overlap", "second"), [(None, "fired"), ("queue", "fired"), ("skip", "skipped overlap")])
def test_what_is_made_up_for_queues_unless_the_job_says_skip(overlap: str | None, second: str) -> None:
    schedule = hourly(misfire=misfire("fire_all"))
    done = planned(a_due(schedule, since=HOURS - 1, overlap=overlap), now=HOURS + HOUR)
    assert told(done, base=HOURS) == [(0, "fired"), (1, second)]


@pytest.mark.requirement("H1.8", "H1.6")
@pytest.mark.parametrize("fields", [{"enabled": False}, {"paused": True}])
def test_what_is_paused_is_skipped_and_not_forgotten(fields: dict[str, bool]) -> None:
    done = planned(a_due(hourly(), since=HOURS - 1, **fields), now=HOURS + HOUR)
    assert told(done, base=HOURS) == [(0, "skipped paused"), (1, "skipped paused")]
    assert done.next_at == HOURS + 2 * HOUR


@pytest.mark.requirement("H1.4", "H1.6")
def test_what_the_calendar_leaves_out_is_in_the_ledger_with_its_name() -> None:
    schedule = CronSchedule(expression="0 0 8 * * ?", calendar=Calendar(skip_holidays="VN"))
    eve = at("2026-02-15T08:00:00+07:00")  # the first day of Tết is 17 February
    done = planned(a_due(schedule, since=eve - 1), now=eve + 2 * DAY)
    states = [(verdict.state.value, verdict.reason) for verdict in done.verdicts]
    assert states[-1] == ("skipped", "holiday")
    assert "Tết" in done.verdicts[-1].note


@pytest.mark.requirement("H1.2", "H1.6")
def test_a_time_that_the_clock_jumps_over_is_in_the_ledger() -> None:
    schedule = CronSchedule(expression="0 30 2 * * ?", timezone="America/New_York", on_gap="skip")
    night = at("2026-03-08T00:00:00-05:00")
    done = planned(a_due(schedule, since=night), now=night + 4 * HOUR)
    assert [(verdict.state.value, verdict.reason) for verdict in done.verdicts] == [("skipped", "dst-gap")]


@pytest.mark.requirement("H1.5")
def test_jitter_delays_each_job_by_a_time_of_its_own_that_stays_the_same() -> None:
    schedule = hourly(jitter_seconds=600.0)
    dues = [a_due(schedule, since=HOURS - 1, job_id=f"job-{number}") for number in range(200)]
    delays = [planned(due, now=HOURS).verdicts[0].due_at for due in dues]
    assert delays == [planned(due, now=HOURS).verdicts[0].due_at for due in dues]
    seconds = sorted((due_at - HOURS) / SECOND for due_at in delays if due_at is not None)
    assert 0 <= seconds[0] < 30
    assert 570 < seconds[-1] < 600
    assert len(set(seconds)) == 200


def test_a_late_fire_is_not_delayed_further_than_its_jitter() -> None:
    done = planned(a_due(hourly(jitter_seconds=10.0), since=HOURS - 1), now=HOURS + 30 * SECOND)
    assert done.verdicts[0].due_at == HOURS + 30 * SECOND


@pytest.mark.requirement("H1.6")
def test_a_long_outage_leaves_a_bounded_number_of_rows() -> None:
    schedule = CronSchedule(expression="* * * * * ?", misfire=misfire("fire_once"))
    done = planned(a_due(schedule, since=HOURS), now=HOURS + 30 * DAY)
    assert len(done.verdicts) == MOST + 1
    oldest, *others = done.verdicts
    assert (oldest.state, oldest.at, oldest.until) == (FireState.MISSED, HOURS + 1, others[0].at - 1)
    assert [one.state for one in others].count(FireState.FIRED) == 1
    assert others[-1].at == HOURS + 30 * DAY


@pytest.mark.requirement("H1.8")
def test_a_schedule_that_will_never_fire_again_raises_an_alarm() -> None:
    schedule = CronSchedule(expression="0 0 0 1 1 ? 2027")
    done = planned(a_due(schedule, since=at("2027-06-01T00:00:00+00:00")), now=at("2027-06-01T00:00:00+00:00"))
    assert (done.next_at, done.finished, done.problem) == (None, False, NEVER_AGAIN)


@pytest.mark.requirement("H1.3", "H1.8")
def test_a_schedule_that_came_to_the_end_it_was_given_raises_none() -> None:
    ended = planned(a_due(hourly(end_date="2026-01-01"), since=NOON), now=NOON)
    assert (ended.next_at, ended.finished, ended.problem) == (None, True, None)


@pytest.mark.requirement("H1.3")
def test_one_time_fires_once() -> None:
    moment = at("2030-01-15T08:00:00+07:00")
    due = a_due(OneTime(execute_at="2030-01-15T08:00:00"), since=NOON)
    assert planned(due, now=NOON).next_at == moment
    done = planned(due, now=moment)
    assert (told(done, base=moment), done.finished, done.next_at) == ([(0, "fired")], True, None)


@pytest.mark.requirement("H1.3")
def test_a_fixed_rate_keeps_its_grid_however_late_it_was_decided() -> None:
    done = planned(a_due(FixedRate(interval_seconds=600)), now=NOON + 10 * MINUTE + 7)
    assert (told(done, unit=MINUTE), done.next_at) == ([(10, "fired")], NOON + 20 * MINUTE)


@pytest.mark.requirement("H1.3")
def test_a_fixed_delay_counts_from_the_end_of_the_execution_before() -> None:
    due = a_due(FixedDelay(delay_seconds=600))
    assert planned(due, now=NOON).next_at == NOON + 10 * MINUTE
    done = planned(due, now=NOON + 10 * MINUTE)
    assert told(done, unit=MINUTE) == [(10, "fired")]
    later = NOON + 15 * MINUTE
    runs = a_due(FixedDelay(delay_seconds=600), last_over=False, last_execution_id="e")
    assert (told(planned(runs, now=later)), planned(runs, now=later).next_at) == ([], later + 10 * MINUTE)
    over = a_due(FixedDelay(delay_seconds=600), last_ended_at=NOON + 14 * MINUTE, last_execution_id="e")
    assert (told(planned(over, now=later)), planned(over, now=later).next_at) == ([], NOON + 24 * MINUTE)


@pytest.mark.requirement("H1.3", "H1.8")
def test_an_end_in_the_future_told_by_a_wrong_clock_does_not_silence_a_fixed_delay() -> None:
    due = a_due(FixedDelay(delay_seconds=600), last_ended_at=NOON + 7 * HOUR, last_execution_id="e")
    assert planned(due, now=NOON).next_at == NOON + 10 * MINUTE


@pytest.mark.requirement("H1.3")
def test_a_fixed_delay_that_was_missed_fires_once_and_not_for_each_interval() -> None:
    due = a_due(FixedDelay(delay_seconds=600, misfire=misfire("fire_all")))
    assert told(planned(due, now=NOON + 2 * HOUR), unit=MINUTE) == [(10, "fired")]


@pytest.mark.requirement("H1.3", "H1.8")
def test_a_fixed_delay_whose_turn_was_skipped_counts_from_there() -> None:
    due = a_due(FixedDelay(delay_seconds=600), paused=True)
    on_time = planned(due, now=NOON + 10 * MINUTE + 5)
    assert (told(on_time, unit=MINUTE), on_time.next_at) == ([(10, "skipped paused")], NOON + 20 * MINUTE)
    late = planned(due, now=NOON + 2 * HOUR)
    assert (told(late, unit=MINUTE), late.next_at) == ([(10, "skipped paused")], NOON + 2 * HOUR + 10 * MINUTE)


@pytest.mark.requirement("H1.8")
def test_what_cannot_be_evaluated_says_why() -> None:
    with pytest.raises(Refused, match="cannot be evaluated"):
        planned(a_due(hourly(timezone="Mars/Olympus")), now=NOON)
    due = a_due(hourly())
    with pytest.raises(msgspec.DecodeError):
        planned(replace(due, row=replace(due.row, schedule=Raw(b'{"type": "cron"'))), now=NOON)
