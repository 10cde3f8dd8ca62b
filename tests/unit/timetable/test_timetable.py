"""Rates, delays and single times, the period of a schedule, and the promises of every timetable (H1.3)."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest

from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate, Misfire, OneTime, Schedule
from hengio.timetable.compile import InvalidSchedule, timetable
from hengio.timetable.occurrence import Occurrence
from tests.support.timetables import after, at, cron, fires

NOON = at("2026-11-23T12:00:00+07:00")


@pytest.mark.requirement("H1.3")
def test_a_fixed_rate_counts_from_its_anchor_which_is_not_a_fire() -> None:
    schedule = FixedRate(interval_seconds=900)
    assert fires(schedule, "2026-11-23T12:00+07:00", 2, anchor=NOON) == [
        "2026-11-23T12:15:00+07:00", "2026-11-23T12:30:00+07:00"
    ]  # fmt: skip
    assert fires(schedule, "2026-11-23T19:15+07:00", 1, anchor=NOON) == ["2026-11-23T19:15:00+07:00"]


@pytest.mark.requirement("H1.3")
def test_an_anchor_keeps_its_fraction_of_a_second() -> None:
    found = next(timetable(FixedRate(interval_seconds=1), anchor=NOON + 250_000).after(NOON + 5_250_000))
    assert found.at == NOON + 6_250_000


@pytest.mark.requirement("H1.3")
def test_a_fixed_rate_with_a_start_counts_from_it_and_fires_there() -> None:
    schedule = FixedRate(interval_seconds=900, start_date="2026-11-24")
    assert fires(schedule, "2026-11-23T12:00+07:00", 2, anchor=NOON) == [
        "2026-11-24T00:00:00+07:00", "2026-11-24T00:15:00+07:00"
    ]  # fmt: skip
    assert fires(schedule, "2026-12-23T12:05+07:00", 1) == ["2026-12-23T12:15:00+07:00"]


@pytest.mark.requirement("H1.2", "H1.3")
def test_a_rate_keeps_its_distance_when_the_clock_is_changed() -> None:
    schedule = FixedRate(interval_seconds=3_600, timezone="America/New_York", start_date="2026-11-01")
    assert [(local, note) for local, _, note in after(schedule, "2026-11-01T00:30-04:00", 3)] == [
        ("2026-11-01T01:00:00-04:00", "first of two 01:00"),
        ("2026-11-01T01:00:00-05:00", "second of two 01:00"),
        ("2026-11-01T02:00:00-05:00", "the clock is changed that day, from UTC-04:00 to UTC-05:00"),
    ]


@pytest.mark.requirement("H1.3")
def test_a_fixed_delay_counts_from_the_end_of_the_execution_before() -> None:
    assert fires(FixedDelay(delay_seconds=90), "2026-11-23T12:00+07:00", 1, anchor=NOON) == [
        "2026-11-23T12:01:30+07:00"
    ]


@pytest.mark.requirement("H1.3")
@pytest.mark.parametrize(
    ("start", "first"), [("2026-11-24", "2026-11-24T00:00:00"), ("2026-11-22", "2026-11-23T12:01:30")]
)
def test_a_fixed_delay_begins_with_its_start_if_that_is_still_to_come(start: str, first: str) -> None:
    schedule = FixedDelay(delay_seconds=90, start_date=start)
    assert fires(schedule, "2026-11-23T12:00+07:00", 1, anchor=NOON) == [f"{first}+07:00"]


@pytest.mark.requirement("H1.3")
@pytest.mark.parametrize(
    ("moment", "zone", "expected"),
    [
        ("2026-11-23T08:00:00", "Asia/Ho_Chi_Minh", ["2026-11-23T08:00:00+07:00"]),
        ("2026-11-23T08:00", "America/New_York", ["2026-11-23T08:00:00-05:00"]),
        ("2026-11-23T08:00:00Z", "Asia/Ho_Chi_Minh", ["2026-11-23T15:00:00+07:00"]),
        ("2026-11-23T08:00:00.25+01:00", "Asia/Ho_Chi_Minh", ["2026-11-23T14:00:00.250000+07:00"]),
        ("2026-03-08T02:30", "America/New_York", ["2026-03-08T03:30:00-04:00"]),
        ("2026-11-01T01:30", "America/New_York", ["2026-11-01T01:30:00-04:00"]),
        ("1969-07-20T20:17", "Asia/Ho_Chi_Minh", []),
        ("9999-12-31T23:59", "Asia/Ho_Chi_Minh", []),
    ],
)
def test_one_time_is_local_unless_it_has_an_offset(moment: str, zone: str, expected: list[str]) -> None:
    assert fires(OneTime(execute_at=moment, timezone=zone), "1970-01-01T00:00Z", 5) == expected


@pytest.mark.requirement("H1.3")
@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2026-11-23", "2026-11-24", ["2026-11-23T00:00", "2026-11-23T12:00", "2026-11-24T00:00", "2026-11-24T12:00"]),
        ("2026-11-23T12:00", "2026-11-24T00:00", ["2026-11-23T12:00", "2026-11-24T00:00"]),
        ("2026-11-23T12:00:01", "2026-11-23T23:59", []),
        ("2026-11-23T05:00:00Z", "2026-11-23T05:00:00Z", ["2026-11-23T12:00"]),
    ],
)
def test_start_and_end_belong_to_the_schedule(start: str, end: str, expected: list[str]) -> None:
    schedule = CronSchedule(expression="0 0 0,12 * * ?", start_date=start, end_date=end)
    assert [local[:16] for local in fires(schedule, "2026-01-01T00:00Z", 9)] == expected
    assert len(fires(schedule, "2026-11-24T12:00:01+07:00", 9)) == 0


@pytest.mark.requirement("H1.3")
def test_a_day_ends_with_the_second_copy_of_its_last_hour() -> None:
    schedule = cron("0 30 23 * * ?", "America/Santiago", end_date="2026-04-04", on_overlap="both")
    assert fires(schedule, "2026-04-04T00:00Z", 9)[-2:] == ["2026-04-04T23:30:00-03:00", "2026-04-04T23:30:00-04:00"]


@pytest.mark.requirement("H1.3")
@pytest.mark.parametrize(
    ("expression", "start", "end", "expected"),
    [
        ("0 30 23 * * ?", "2006-10-28", "2006-10-28", ["2006-10-28T23:30:00-02:30", "2006-10-28T23:30:00-03:30"]),
        ("30 0 0 * * ?", "2006-10-28T12:00", "2006-10-29T03:00:00Z", ["2006-10-29T00:00:30-02:30"]),
        ("0 30 23 * * ?", "2006-10-29T02:30:30Z", "2006-10-29T12:00", ["2006-10-28T23:30:00-03:30"]),
    ],
)
def test_a_period_may_begin_and_end_where_a_day_comes_twice(
    expression: str, start: str, end: str, expected: list[str]
) -> None:
    """At one minute past midnight Newfoundland went back to the day before."""
    schedule = cron(expression, "America/St_Johns", start_date=start, end_date=end, on_overlap="both")
    assert fires(schedule, "2006-01-01T00:00Z", 9) == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize(
    ("zone", "expression", "hour"),
    [("America/New_York", "0 0 20 31 12 ?", "20:00:00-05:00"), ("Pacific/Auckland", "0 0 6 1 1 ?", "06:00:00+13:00")],
)
def test_once_a_year_around_its_end_no_year_is_passed_over(zone: str, expression: str, hour: str) -> None:
    found = fires(cron(expression, zone), "2026-06-01T00:00Z", 20)
    first = 2026 if "31" in expression else 2027
    day = expression.split()
    expected = [f"{year}-{int(day[4]):02}-{int(day[3]):02}T{hour}" for year in range(first, first + 20)]
    assert found == expected


@pytest.mark.requirement("H1.1")
@pytest.mark.parametrize("expression", ["0 0 0 30 2 ?", "0 0 0 31W 4 ?", "0 0 0 1 1 ? 1999"])
def test_a_schedule_that_never_fires_again_ends_at_once(expression: str) -> None:
    table = timetable(CronSchedule(expression=expression), anchor=0)
    assert list(table.after(NOON)) == list(table.fires(NOON)) == []


def test_times_are_those_of_the_years_1970_to_2199() -> None:
    schedule = cron("0 0 0 1 1 ?", "America/New_York")
    assert fires(schedule, "1900-01-01T00:00Z", 1) == ["1970-01-01T00:00:00-05:00"]
    assert fires(schedule, "2198-06-01T00:00Z", 9) == ["2199-01-01T00:00:00-05:00"]
    assert fires(FixedRate(interval_seconds=86_400), "2199-12-31T00:00Z", 9) == ["2199-12-31T07:00:00+07:00"]


def test_it_is_strictly_after_and_begins_between_microseconds() -> None:
    table = timetable(CronSchedule(expression="0 0 12 * * ?"), anchor=0)
    day = 86_400_000_000
    assert [next(table.after(NOON + shift)).at for shift in (-1, 0, 1)] == [NOON, NOON + day, NOON + day]


@pytest.mark.parametrize(
    ("schedule", "field", "message"),
    [
        (cron("0 0 0 * * ?", "Mars/Olympus"), "timezone", "there is no time zone `Mars/Olympus`"),
        (cron("0 0 0 * * ?", "../../etc/passwd"), "timezone", "there is no time zone `../../etc/passwd`"),
        (cron("0 0 25 * * ?", "UTC"), "expression", "`25` in the hour field (column 5) is not from 0 to 23"),
        (cron("0 0 0 * * ?", "UTC", calendar=Calendar(skip_holidays="XX")), "calendar.skip_holidays",
         "no holidays are known of `XX`"),
        (cron("0 0 0 * * ?", "UTC", calendar=Calendar(skip_holidays="DE-XX")), "calendar.skip_holidays",
         "no holidays are known of `DE-XX`"),
        (cron("0 0 0 * * ?", "UTC", calendar=Calendar(blackout_dates=("soon",))), "calendar.blackout_dates",
         "a date cannot be read"),
        (cron("0 0 0 * * ?", "UTC", start_date="soon"), "start_date", "the schedule's dates cannot be read"),
        (FixedRate(interval_seconds=0), "interval_seconds", "must be at least 1"),
        (FixedDelay(delay_seconds=-5), "delay_seconds", "must be at least 1"),
        (OneTime(execute_at="soon"), "execute_at", "the date and time cannot be read"),
    ],
)  # fmt: skip
def test_what_cannot_be_evaluated_is_refused_by_its_field(schedule: Schedule, field: str, message: str) -> None:
    with pytest.raises(InvalidSchedule) as raised:
        timetable(schedule, anchor=0)
    assert [(each.path, each.message) for each in raised.value.problems] == [(field, message)]


@pytest.mark.parametrize("given", [{}, {"jitter_seconds": 5.0}, {"misfire": Misfire(policy="skip")}])
def test_schedules_of_the_same_times_share_a_timetable(given: dict[str, Any]) -> None:
    one = timetable(CronSchedule(expression="0 0 12 * * ?"), anchor=1)
    assert timetable(CronSchedule(expression="0 0 12 * * ?", **given), anchor=2) is one
    assert timetable(FixedRate(interval_seconds=5), anchor=1) is not timetable(FixedRate(interval_seconds=5), anchor=2)


def test_every_second_of_a_day_is_there() -> None:
    table = timetable(CronSchedule(expression="* * * * * ?"), anchor=0)
    assert [each.at for each in islice(table.after(NOON), 86_400)] == [
        NOON + each * 1_000_000 for each in range(1, 86_401)
    ]


def test_a_fire_and_a_skip_at_one_instant_are_one_fire() -> None:
    fire, skip = Occurrence(5, None, "a", 60), Occurrence(5, "holiday", "b", 60)
    assert fire.joined(skip) == Occurrence(5, None, "a; b", 60)
    assert skip.joined(fire) == Occurrence(5, None, "b; a", 60)
    assert skip.joined(skip) == skip
