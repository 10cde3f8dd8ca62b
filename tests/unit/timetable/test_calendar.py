"""Holidays, weekends and blackout dates, and where fires go instead; right at Tết (H1.4)."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from hengio.model.schedule import Calendar, CronSchedule, FixedRate, OneTime
from hengio.timetable.compile import timetable
from tests.support.timetables import after, at, cron, fires

VN = "Asia/Ho_Chi_Minh"


def under(expression: str, zone: str = VN, **calendar: Any) -> CronSchedule:
    return cron(expression, zone, calendar=Calendar(**calendar))


def dates(schedule: CronSchedule, start: str, count: int) -> list[str]:
    return [local[: len("2027-02-05")] for local in fires(schedule, f"{start}T00:00+07:00", count)]


@pytest.mark.requirement("H1.4")
@pytest.mark.parametrize(
    ("last_before", "first_after"),
    [
        ("2024-02-07", "2024-02-15"),
        ("2025-01-24", "2025-02-03"),
        ("2026-02-13", "2026-02-23"),
        ("2027-02-03", "2027-02-11"),
        ("2028-01-21", "2028-01-31"),
    ],
)
def test_over_tet_nothing_fires_and_everything_is_told(last_before: str, first_after: str) -> None:
    schedule = under("0 0 8 * * ?", skip_holidays="VN", business_days_only=True)
    assert dates(schedule, last_before, 2) == [last_before, first_after]
    first, *skipped, last = after(schedule, f"{last_before}T00:00+07:00", 20)[: _days(last_before, first_after) + 1]
    assert first == (f"{last_before}T08:00:00+07:00", None, "")
    assert {why for _, why, _ in skipped} == {"holiday"}
    assert "Tết Nguyên Đán" in {note for _, _, note in skipped}
    assert last == (f"{first_after}T08:00:00+07:00", None, "")


def _days(start: str, end: str) -> int:
    return (at(f"{end}T00:00+00:00") - at(f"{start}T00:00+00:00")) // 86_400_000_000


@pytest.mark.requirement("H1.4")
def test_a_fire_in_tet_moves_to_the_first_business_day_after_it() -> None:
    schedule = under("0 0 8 5 * ?", skip_holidays="VN", shift="next_business_day")
    assert after(schedule, "2027-02-01T00:00+07:00", 3) == [
        ("2027-02-05T08:00:00+07:00", "holiday", "Giao thừa Tết Nguyên Đán: moved to 2027-02-11"),
        ("2027-02-11T08:00:00+07:00", None, "moved here from 2027-02-05 (Giao thừa Tết Nguyên Đán)"),
        ("2027-03-05T08:00:00+07:00", None, ""),
    ]


@pytest.mark.requirement("H1.4")
def test_a_fire_in_tet_moves_to_the_last_business_day_before_it() -> None:
    schedule = under("0 0 8 8 * ?", skip_holidays="VN", shift="previous_business_day")
    assert after(schedule, "2027-02-01T00:00+07:00", 3) == [
        ("2027-02-03T08:00:00+07:00", None, "moved here from 2027-02-08 (Mùng ba Tết Nguyên Đán)"),
        ("2027-02-08T08:00:00+07:00", "holiday", "Mùng ba Tết Nguyên Đán: moved to 2027-02-03"),
        ("2027-03-08T08:00:00+07:00", None, ""),
    ]


@pytest.mark.requirement("H1.4")
@pytest.mark.parametrize(
    ("shift", "target"), [("next_business_day", "2027-02-11"), ("previous_business_day", "2027-02-03")]
)
def test_the_days_of_tet_all_move_to_one_fire_that_is_there_anyway(shift: str, target: str) -> None:
    schedule = under("0 0 8 * * ?", skip_holidays="VN", business_days_only=True, shift=shift)
    assert dates(schedule, "2027-02-03", 3) == ["2027-02-03", "2027-02-11", "2027-02-12"]
    (note,) = [note for local, why, note in after(schedule, "2027-02-03T00:00+07:00", 9) if why is None and note]
    assert note == "moved here from 2027-02-04 (29 Tết) and 6 more"
    assert sum(f"moved to {target}" in note for _, _, note in after(schedule, "2027-02-03T00:00+07:00", 9)) == 7


@pytest.mark.requirement("H1.4")
def test_a_saturday_that_is_worked_instead_of_another_day_is_a_business_day() -> None:
    """2026-08-22 for the bridge day 2026-08-31, and 2014-12-27 for a day of the next year."""
    schedule = under("0 0 8 * * ?", skip_holidays="VN", business_days_only=True)
    assert dates(schedule, "2026-08-21", 3) == ["2026-08-21", "2026-08-22", "2026-08-24"]
    assert dates(schedule, "2026-08-28", 2) == ["2026-08-28", "2026-09-03"]
    assert dates(schedule, "2014-12-26", 3) == ["2014-12-26", "2014-12-27", "2014-12-29"]
    moved = under("0 0 8 31 8 ?", skip_holidays="VN", shift="previous_business_day")
    assert dates(moved, "2026-01-01", 1) == ["2026-08-28"]


@pytest.mark.requirement("H1.4")
def test_holidays_alone_leave_weekends_as_they_are_but_are_no_target() -> None:
    """Sunday 2027-05-02 lies between holidays: Friday, Saturday, and the Monday that is given for the Saturday."""
    schedule = under("0 0 8 * * ?", skip_holidays="VN", shift="next_business_day")
    assert after(schedule, "2027-04-29T00:00+07:00", 6) == [
        ("2027-04-29T08:00:00+07:00", None, ""),
        ("2027-04-30T08:00:00+07:00", "holiday", "Ngày Chiến thắng: moved to 2027-05-04"),
        ("2027-05-01T08:00:00+07:00", "holiday", "Ngày Quốc tế Lao động: moved to 2027-05-04"),
        ("2027-05-02T08:00:00+07:00", None, ""),
        ("2027-05-03T08:00:00+07:00", "holiday", "Ngày Quốc tế Lao động (nghỉ bù): moved to 2027-05-04"),
        ("2027-05-04T08:00:00+07:00", None, "moved here from 2027-04-30 (Ngày Chiến thắng) and 2 more"),
    ]
    backwards = under("0 0 8 * * ?", skip_holidays="VN", shift="previous_business_day")
    assert dates(backwards, "2027-04-29", 3) == ["2027-04-29", "2027-05-02", "2027-05-04"]


@pytest.mark.requirement("H1.4")
def test_business_days_of_no_country_are_monday_to_friday() -> None:
    schedule = under("0 0 8 * * ?", business_days_only=True)
    assert dates(schedule, "2026-12-24", 4) == ["2026-12-24", "2026-12-25", "2026-12-28", "2026-12-29"]
    assert after(schedule, "2026-12-26T00:00+07:00", 1) == [("2026-12-26T08:00:00+07:00", "holiday", "Saturday")]


@pytest.mark.requirement("H1.4")
def test_a_country_has_its_own_weekend_and_parts() -> None:
    saudi = under("0 0 8 * * ?", "Asia/Riyadh", skip_holidays="SA", business_days_only=True)
    assert [each[:10] for each in fires(saudi, "2026-11-05T00:00+03:00", 2)] == ["2026-11-05", "2026-11-08"]
    feast = "2026-08-15T00:00+02:00"
    bavaria = under("0 0 8 * * ?", "Europe/Berlin", skip_holidays="DE-BY")
    assert after(bavaria, "2026-01-06T00:00+01:00", 1)[0][1:] == ("holiday", "Heilige Drei Könige")
    assert after(under("0 0 8 * * ?", "Europe/Berlin", skip_holidays="DE-BE"), feast, 1)[0][1] is None


@pytest.mark.requirement("H1.4")
def test_blackout_dates_are_days_of_ones_own() -> None:
    schedule = under("0 0 8 * * ?", blackout_dates=("2026-12-24", "2026-12-31"), shift="next_business_day")
    assert after(schedule, "2026-12-24T00:00+07:00", 2) == [
        ("2026-12-24T08:00:00+07:00", "holiday", "blackout date: moved to 2026-12-25"),
        ("2026-12-25T08:00:00+07:00", None, "moved here from 2026-12-24 (blackout date)"),
    ]
    assert dates(schedule, "2026-12-30", 2) == ["2026-12-30", "2027-01-01"]


@pytest.mark.requirement("H1.4")
def test_a_holiday_is_a_day_of_the_schedules_own_zone() -> None:
    schedule = under("0 30 23 * * ?", "America/New_York", skip_holidays="US")
    assert after(schedule, "2026-07-02T12:00-04:00", 2) == [
        ("2026-07-02T23:30:00-04:00", None, ""),
        ("2026-07-03T23:30:00-04:00", "holiday", "Independence Day (observed)"),
    ]


@pytest.mark.requirement("H1.2", "H1.4")
def test_a_day_is_moved_before_daylight_saving_has_a_say() -> None:
    schedule = under("0 30 2 7 3 ?", "America/New_York", blackout_dates=("2026-03-07",), shift="next_business_day")
    sunday = under("0 30 2 8 3 ?", "America/New_York", business_days_only=True)
    assert after(schedule, "2026-03-01T00:00Z", 2)[1][0] == "2026-03-09T02:30:00-04:00"
    assert after(sunday, "2026-03-01T00:00Z", 1) == [
        ("2026-03-08T03:30:00-04:00", "holiday", "Sunday; 02:30 does not exist that day")
    ]


@pytest.mark.requirement("H1.4")
def test_what_is_moved_stays_within_the_schedules_dates() -> None:
    calendar = Calendar(skip_holidays="VN", shift="next_business_day")
    until = CronSchedule(expression="0 0 8 5 * ?", end_date="2027-02-10", calendar=calendar)
    told = "Giao thừa Tết Nguyên Đán; the next business day, 2027-02-11, is outside of the schedule's dates"
    assert after(until, "2027-02-01T00:00+07:00", 9) == [("2027-02-05T08:00:00+07:00", "holiday", told)]
    backwards = Calendar(skip_holidays="VN", shift="previous_business_day")
    before = CronSchedule(expression="0 0 8 * * ?", end_date="2027-02-03", calendar=backwards)
    assert after(before, "2027-02-03T00:00+07:00", 9) == [("2027-02-03T08:00:00+07:00", None, "")]
    noon = CronSchedule(expression="0 0 8,14 * * ?", end_date="2027-02-04T10:00", calendar=backwards)
    assert [note for *_, note in after(noon, "2027-02-03T00:00+07:00", 9)] == [
        "moved here from 2027-02-04 (29 Tết)", "", "29 Tết: moved to 2027-02-03"
    ]  # fmt: skip


@pytest.mark.requirement("H1.3", "H1.4")
@pytest.mark.parametrize(
    ("shift", "moved"), [("next_business_day", "2027-02-11"), ("previous_business_day", "2027-02-03")]
)
def test_the_calendar_counts_for_every_kind_of_schedule(shift: Any, moved: str) -> None:
    calendar = Calendar(skip_holidays="VN", shift=shift)
    once = OneTime(execute_at="2027-02-06T08:00", calendar=calendar)
    assert fires(once, "2027-01-01T00:00Z", 5) == [f"{moved}T08:00:00+07:00"]
    weekly = FixedRate(interval_seconds=7 * 86_400, start_date="2027-01-30T08:00", calendar=calendar)
    assert fires(weekly, "2027-01-25T00:00Z", 3) == [
        "2027-01-30T08:00:00+07:00", f"{moved}T08:00:00+07:00", "2027-02-13T08:00:00+07:00"
    ]  # fmt: skip
    hourly = FixedRate(interval_seconds=3_600, calendar=calendar)
    found = fires(hourly, "2027-02-03T16:30Z", 30)
    assert found[0] == "2027-02-11T00:00:00+07:00"
    assert len(set(found)) == 30


@pytest.mark.requirement("H1.3", "H1.4")
def test_moved_times_of_a_rate_join_its_own_in_order() -> None:
    calendar = Calendar(blackout_dates=("2027-02-04",), shift="next_business_day")
    schedule = FixedRate(interval_seconds=7 * 3_600, start_date="2027-02-04", calendar=calendar)
    hours = [local[:16] for local in fires(schedule, "2027-02-03T00:00Z", 8)]
    assert hours == [
        "2027-02-05T00:00", "2027-02-05T04:00", "2027-02-05T07:00", "2027-02-05T11:00", "2027-02-05T14:00",
        "2027-02-05T18:00", "2027-02-05T21:00", "2027-02-06T01:00",
    ]  # fmt: skip


@pytest.mark.requirement("H1.2", "H1.4")
@pytest.mark.parametrize(
    ("execute_at", "expected"),
    [("2026-03-07T02:30", "2026-03-08T03:30:00-04:00"), ("2026-10-31T01:30", "2026-11-01T01:30:00-04:00")],
)
def test_a_single_time_that_is_moved_to_where_the_clock_is_changed_fires_once(execute_at: str, expected: str) -> None:
    """Saudi Arabia works on Sundays, on which the clock is changed elsewhere."""
    calendar = Calendar(skip_holidays="SA", business_days_only=True, shift="next_business_day")
    schedule = OneTime(execute_at=execute_at, timezone="America/New_York", calendar=calendar)
    assert fires(schedule, "2026-01-01T00:00Z", 5) == [expected]


@pytest.mark.requirement("H1.4")
def test_a_schedule_all_of_whose_days_are_off_has_an_end() -> None:
    never = timetable(under("* * * ? * SAT", business_days_only=True), anchor=0)
    assert next(never.fires(at("2026-01-01T00:00Z")), None) is None
    assert next(never.after(at("2026-01-01T00:00Z"))).skip == "holiday"


@pytest.mark.requirement("H1.4")
def test_a_day_with_no_business_day_within_a_year_is_only_left_out() -> None:
    days = tuple(
        f"{year}-{month:02}-{day:02}" for year in (2026, 2027) for month in range(1, 13) for day in range(1, 29)
    )
    schedule = under("0 0 8 1 * ?", blackout_dates=days, shift="next_business_day", business_days_only=True)
    (first, *_) = after(schedule, "2026-01-01T00:00+07:00", 3)
    assert first[1] == "holiday"


@pytest.mark.requirement("H1.4")
def test_of_years_that_the_library_does_not_know_it_is_said_so() -> None:
    schedule = under("0 0 8 1 1 ?", skip_holidays="VN")
    assert after(schedule, "2100-01-01T00:00+07:00", 2) == [
        ("2100-01-01T08:00:00+07:00", "holiday", "Tết Dương lịch"),
        ("2101-01-01T08:00:00+07:00", None, "not all holidays of VN in 2101 are known"),
    ]
    india = under("0 0 8 15 8 ?", "Asia/Kolkata", skip_holidays="IN", shift="next_business_day")
    assert [note for *_, note in after(india, "2035-08-01T00:00Z", 2)] == [
        "Independence Day: moved to 2035-08-16",
        "moved here from 2035-08-15 (Independence Day)",
    ]
    daily = under("0 0 8 12 8 ?", "Asia/Kolkata", skip_holidays="IN")
    assert [note for *_, note in after(daily, "2035-08-01T00:00Z", 2)] == [
        "",
        "not all holidays of IN in 2036 are known",
    ]


@pytest.mark.requirement("H1.4")
@pytest.mark.parametrize(
    ("shift", "target"), [("next_business_day", "2027-02-11"), ("previous_business_day", "2027-02-03")]
)
@pytest.mark.parametrize(
    "rhythm",
    [
        OneTime(execute_at="2027-02-06T08:00", timezone=VN),
        FixedRate(interval_seconds=10 * 86_400, start_date="2027-01-27T08:00", timezone=VN),
    ],
)
def test_a_moved_time_names_the_only_day_that_it_comes_from(
    rhythm: OneTime | FixedRate, shift: Any, target: str
) -> None:
    calendar = Calendar(skip_holidays="VN", business_days_only=True, shift=shift)
    schedule = msgspec.structs.replace(rhythm, calendar=calendar)
    table = after(schedule, "2027-02-01T00:00+07:00", 2)
    assert (f"{target}T08:00:00+07:00", None, "moved here from 2027-02-06 (Tết Nguyên Đán)") in table
