"""The next fires can be seen before a schedule is saved (H1.7)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate, OneTime, Schedule
from hengio.service.preview import Previewed, preview
from tests.support.timetables import at, cron

NOON = at("2026-11-23T12:00:00+07:00")


def shown(schedule: Schedule, start: str, count: int, **given: Any) -> list[tuple[str, str]]:
    return [(each.local, each.note) for each in preview(schedule, start=at(start), count=count, **given)]


@pytest.mark.requirement("H1.7")
def test_fires_are_shown_in_both_times() -> None:
    assert preview(CronSchedule(expression="0 0 2 ? * MON-FRI"), start=NOON, count=2) == [
        Previewed("2026-11-24T02:00:00+07:00", "2026-11-23T19:00:00Z", "public holiday: Ngày Văn hóa Việt Nam"),
        Previewed("2026-11-25T02:00:00+07:00", "2026-11-24T19:00:00Z"),
    ]


@pytest.mark.requirement("H1.7")
def test_changes_of_the_clock_are_marked() -> None:
    schedule = cron("0 30 2 * * ?", "America/New_York")
    assert shown(schedule, "2026-03-08T00:00-05:00", 2) == [
        ("2026-03-08T03:30:00-04:00", "02:30 does not exist that day, moved to 03:30"),
        ("2026-03-09T02:30:00-04:00", ""),
    ]


@pytest.mark.requirement("H1.7")
def test_holidays_of_the_country_are_marked_also_where_they_are_not_left_out() -> None:
    schedule = CronSchedule(expression="0 0 8 6 2 ?")
    assert shown(schedule, "2027-01-01T00:00Z", 1) == [("2027-02-06T08:00:00+07:00", "public holiday: Tết Nguyên Đán")]
    elsewhere = cron("0 0 8 6 2 ?", "Europe/Berlin")
    assert shown(elsewhere, "2027-01-01T00:00Z", 1) == [("2027-02-06T08:00:00+01:00", "")]


@pytest.mark.requirement("H1.7")
def test_what_is_left_out_is_shown_if_asked_for() -> None:
    calendar = Calendar(skip_holidays="VN", shift="next_business_day")
    schedule = CronSchedule(expression="0 0 8 6 2 ?", calendar=calendar)
    fire = Previewed("2027-02-11T08:00:00+07:00", "2027-02-11T01:00:00Z", "moved here from 2027-02-06 (Tết Nguyên Đán)")
    left_out = Previewed(
        "2027-02-06T08:00:00+07:00", "2027-02-06T01:00:00Z", "Tết Nguyên Đán: moved to 2027-02-11", "holiday"
    )
    start = at("2027-01-01T00:00Z")
    assert preview(schedule, start=start, count=1) == [fire]
    assert preview(schedule, start=start, count=2, every=True) == [left_out, fire]


@pytest.mark.requirement("H1.3", "H1.7")
@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (FixedRate(interval_seconds=900), [("2026-11-23T12:15:00+07:00", ""), ("2026-11-23T12:30:00+07:00", "")]),
        (FixedDelay(delay_seconds=90), [("2026-11-23T12:01:30+07:00", "at the earliest"),
                                        ("2026-11-23T12:03:00+07:00", "at the earliest")]),
        (OneTime(execute_at="2026-11-23T12:00:00"), [("2026-11-23T12:00:00+07:00", "")]),
        (OneTime(execute_at="2026-11-23T11:59:59"), []),
    ],
)  # fmt: skip
def test_every_kind_of_schedule_can_be_seen(schedule: Schedule, expected: list[tuple[str, str]]) -> None:
    assert shown(schedule, "2026-11-23T12:00+07:00", 2) == expected


def test_a_schedule_that_only_leaves_out_is_seen_as_such() -> None:
    schedule = CronSchedule(expression="* * * ? * SAT", calendar=Calendar(business_days_only=True))
    assert shown(schedule, "2026-11-23T12:00Z", 3) == []
    assert len(shown(schedule, "2026-11-23T12:00Z", 3, every=True)) == 3


def test_it_is_json() -> None:
    (fire,) = preview(CronSchedule(expression="0 0 2 * * ?"), start=NOON, count=1)
    assert msgspec.to_builtins(fire).keys() == {"local", "utc", "note", "skip"}
