"""What holds for the timetable of every schedule (H1.2, H1.3, H1.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import islice, takewhile
from typing import Literal

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hengio.model.schedule import Calendar, CronSchedule, FixedDelay, FixedRate, OneTime, Schedule
from hengio.timetable.compile import timetable

DAY = timedelta(days=1)
SECOND = 1_000_000
YEARS = (2026, 2027, 2028)
VIETNAM = holidays.country_holidays("VN", years=[2025, *YEARS, 2029], language="vi")
Shift = Literal["skip", "next_business_day", "previous_business_day"]
SHIFTS: tuple[Shift, ...] = ("skip", "next_business_day", "previous_business_day")

zones = st.sampled_from(
    [
        "Asia/Ho_Chi_Minh",
        "America/New_York",
        "Australia/Lord_Howe",
        "Antarctica/Troll",
        "America/Santiago",
        "Africa/Cairo",
    ]
)
days = st.dates(date(2026, 1, 1), date(2027, 12, 31))
moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)).map(
    lambda at: int(at.replace(tzinfo=UTC).timestamp())
)
blackouts = st.lists(days.map(date.isoformat), max_size=6).map(tuple)
calendars = st.one_of(
    st.just(Calendar()),
    st.builds(
        Calendar,
        skip_holidays=st.sampled_from([None, "VN", "US"]),
        business_days_only=st.booleans(),
        shift=st.sampled_from(SHIFTS),
        blackout_dates=blackouts,
    ),
)
expressions = st.sampled_from(
    [
        "0 30 2 * * ?",
        "0 0 */3 * * ?",
        "0 0,30 0-4 ? * MON-FRI",
        "0 15 1 L * ?",
        "*/20 * * * *",
        "0 0 0 ? * SUN",
        "0 0 2 1 1 ?",
    ]
)
dates = st.one_of(st.none(), days.map(date.isoformat))
crons = st.builds(
    CronSchedule,
    expression=expressions,
    timezone=zones,
    on_gap=st.sampled_from([None, "shift", "skip"]),
    on_overlap=st.sampled_from([None, "first", "second", "both"]),
    calendar=calendars,
    start_date=dates,
)
rates = st.builds(
    FixedRate,
    interval_seconds=st.sampled_from([600, 7_200, 86_400, 90_000, 604_800]),
    timezone=zones,
    calendar=calendars,
)
delays = st.builds(FixedDelay, delay_seconds=st.sampled_from([3_600, 86_400]), timezone=zones, calendar=calendars)
single = st.builds(OneTime, execute_at=days.map(lambda day: f"{day}T02:30"), timezone=zones, calendar=calendars)
schedules: st.SearchStrategy[Schedule] = st.one_of(crons, rates, delays, single)


@pytest.mark.requirement("H1.2", "H1.3", "H1.4")
@settings(max_examples=200)
@given(schedules, moments, st.integers(0, 60), st.booleans())
def test_a_later_start_gives_the_rest_of_the_same_times(
    schedule: Schedule, start: int, dropped: int, shortly_before: bool
) -> None:
    table = timetable(schedule, anchor=start * SECOND)
    found = list(islice(table.after(start * SECOND), 100))
    times = [each.at for each in found]
    assert times == sorted(set(times))
    assert all(at > start * SECOND for at in times)
    if dropped < len(found):
        resumed = times[dropped] - (1 if shortly_before else 0)
        rest = found[dropped if shortly_before else dropped + 1 :]
        assert list(islice(table.after(resumed), len(rest))) == rest


@settings(max_examples=100)
@given(schedules, moments)
def test_fires_are_what_is_not_left_out(schedule: Schedule, start: int) -> None:
    table = timetable(schedule, anchor=start * SECOND)
    end = (start + 60 * 86_400) * SECOND
    every = [
        each.at for each in takewhile(lambda each: each.at < end, table.after(start * SECOND)) if each.skip is None
    ]
    assert [each.at for each in takewhile(lambda each: each.at < end, table.fires(start * SECOND))] == every


def is_business_day(day: date, blackout: set[date], *, vietnam: bool) -> bool:
    works = VIETNAM.is_working_day(day) if vietnam else day.isoweekday() <= 5
    return works and day not in blackout


def moved(day: date, shift: Shift, is_business: Callable[[date], bool]) -> date:
    step = DAY if shift == "next_business_day" else -DAY
    while not is_business(day):
        day += step
    return day


@pytest.mark.requirement("H1.4")
@settings(max_examples=150)
@given(
    st.sampled_from(["* *", "5 *", "L *", "? FRI", "? MON,SUN", "1,15,30 *"]),
    blackouts,
    st.booleans(),
    st.booleans(),
    st.sampled_from(SHIFTS),
    days,
)
def test_days_fire_are_left_out_and_move_as_a_slow_count_says(
    given_days: str, blackout: tuple[str, ...], vietnam: bool, business_only: bool, shift: Shift, start: date
) -> None:
    of_month, of_week = given_days.split()
    expression = f"0 0 8 {of_month} * {of_week}"
    calendar = Calendar(
        skip_holidays="VN" if vietnam else None, business_days_only=business_only, shift=shift, blackout_dates=blackout
    )
    black = {date.fromisoformat(each) for each in blackout}
    window = [start + each * DAY for each in range(-40, 100)]
    plain = walked(CronSchedule(expression=expression), window[0], window[-1])
    expected: dict[date, bool] = {}
    for day in plain:
        worked = day in VIETNAM.weekend_workdays if vietnam else False
        rests = day.isoweekday() > 5 and not worked
        off = (vietnam and day in VIETNAM and not worked) or (business_only and rests) or day in black
        if not off:
            expected[day] = True
            continue
        expected.setdefault(day, False)
        if shift != "skip":
            expected[moved(day, shift, lambda each: is_business_day(each, black, vietnam=vietnam))] = True
    found = walked(CronSchedule(expression=expression, calendar=calendar), start, window[60])
    assert found == {day: fires for day, fires in expected.items() if start <= day < window[60]}


def walked(schedule: CronSchedule, start: date, end: date) -> dict[date, bool]:
    """The days of a schedule, and whether they fire."""
    first, last = (int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND for day in (start, end))
    walk = takewhile(lambda each: each.at < last, timetable(schedule, anchor=0).after(first))
    return {date.fromisoformat(each.local[:10]): each.skip is None for each in walk}
