"""What becomes of times that daylight saving leaves out or repeats, and what people are told of it (H1.2)."""

from __future__ import annotations

import pytest

from tests.support.timetables import after, cron

NEW_YORK = "America/New_York"
GAP = "2026-03-08T00:00-05:00"
OVERLAP = "2026-11-01T00:00-04:00"
FORWARD = "the clock is changed that day, from UTC-05:00 to UTC-04:00"
BACK = "the clock is changed that day, from UTC-04:00 to UTC-05:00"


@pytest.mark.requirement("H1.2")
def test_a_fixed_time_in_a_gap_is_moved_by_what_is_left_out() -> None:
    assert after(cron("0 30 2 * * ?", NEW_YORK), GAP, 2) == [
        ("2026-03-08T03:30:00-04:00", None, "02:30 does not exist that day, moved to 03:30"),
        ("2026-03-09T02:30:00-04:00", None, ""),
    ]


@pytest.mark.requirement("H1.2")
def test_a_time_in_a_gap_may_be_left_out_and_is_told_so() -> None:
    assert after(cron("0 30 2 * * ?", NEW_YORK, on_gap="skip"), GAP, 2) == [
        ("2026-03-08T03:30:00-04:00", "dst-gap", "02:30 does not exist that day"),
        ("2026-03-09T02:30:00-04:00", None, ""),
    ]


@pytest.mark.requirement("H1.2")
def test_a_wildcard_minute_in_a_gap_is_left_out_and_told() -> None:
    assert after(cron("0 */30 1,2 * * ?", NEW_YORK), GAP, 5) == [
        ("2026-03-08T01:00:00-05:00", None, FORWARD),
        ("2026-03-08T01:30:00-05:00", None, FORWARD),
        ("2026-03-08T03:00:00-04:00", "dst-gap", "02:00 does not exist that day"),
        ("2026-03-08T03:30:00-04:00", "dst-gap", "02:30 does not exist that day"),
        ("2026-03-09T01:00:00-04:00", None, ""),
    ]


@pytest.mark.requirement("H1.2")
def test_of_an_interval_that_goes_on_nothing_is_left_out() -> None:
    assert after(cron("0 */30 * * * ?", NEW_YORK), "2026-03-08T01:00-05:00", 4) == [
        ("2026-03-08T01:00:00-05:00", None, FORWARD),
        ("2026-03-08T01:30:00-05:00", None, FORWARD),
        ("2026-03-08T03:00:00-04:00", None, FORWARD),
        ("2026-03-08T03:30:00-04:00", None, FORWARD),
    ]


@pytest.mark.requirement("H1.2")
def test_a_time_that_is_moved_onto_another_is_one_with_it() -> None:
    assert after(cron("0 0 2,3 * * ?", NEW_YORK), GAP, 2) == [
        ("2026-03-08T03:00:00-04:00", None, f"{FORWARD}; 02:00 does not exist that day, moved to 03:00"),
        ("2026-03-09T02:00:00-04:00", None, ""),
    ]


@pytest.mark.requirement("H1.2")
def test_a_time_that_is_left_out_onto_another_is_one_with_it() -> None:
    assert after(cron("0 0 2,3 * * ?", NEW_YORK, on_gap="skip"), GAP, 1) == [
        ("2026-03-08T03:00:00-04:00", None, f"{FORWARD}; 02:00 does not exist that day"),
    ]


@pytest.mark.requirement("H1.2")
def test_moved_and_present_times_stay_in_order() -> None:
    found = after(cron("0 15,45 2,3 * * ?", NEW_YORK, on_gap="shift"), GAP, 2)
    assert [local for local, *_ in found] == ["2026-03-08T03:15:00-04:00", "2026-03-08T03:45:00-04:00"]


@pytest.mark.requirement("H1.2")
@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (None, [("2026-11-01T01:30:00-04:00", "first of two 01:30")]),
        ("first", [("2026-11-01T01:30:00-04:00", "first of two 01:30")]),
        ("second", [("2026-11-01T01:30:00-05:00", "second of two 01:30")]),
        ("both", [("2026-11-01T01:30:00-04:00", "first of two 01:30"),
                  ("2026-11-01T01:30:00-05:00", "second of two 01:30")]),
    ],
)  # fmt: skip
def test_a_fixed_time_that_comes_twice_fires_by_its_policy(policy: str | None, expected: list[tuple[str, str]]) -> None:
    found = after(cron("0 30 1 * * ?", NEW_YORK, on_overlap=policy), OVERLAP, len(expected) + 1)
    assert [(local, note) for local, _, note in found] == [*expected, ("2026-11-02T01:30:00-05:00", "")]


@pytest.mark.requirement("H1.2")
def test_a_wildcard_goes_on_through_both_copies_of_the_hour() -> None:
    found = after(cron("0 */30 * * * ?", NEW_YORK), OVERLAP, 8)
    assert [(local, note) for local, _, note in found] == [
        ("2026-11-01T00:00:00-04:00", BACK),
        ("2026-11-01T00:30:00-04:00", BACK),
        ("2026-11-01T01:00:00-04:00", "first of two 01:00"),
        ("2026-11-01T01:30:00-04:00", "first of two 01:30"),
        ("2026-11-01T01:00:00-05:00", "second of two 01:00"),
        ("2026-11-01T01:30:00-05:00", "second of two 01:30"),
        ("2026-11-01T02:00:00-05:00", BACK),
        ("2026-11-01T02:30:00-05:00", BACK),
    ]


@pytest.mark.requirement("H1.2")
def test_from_inside_the_second_copy_only_the_rest_of_it_follows() -> None:
    found = after(cron("0 */30 * * * ?", NEW_YORK), "2026-11-01T01:10-05:00", 2)
    assert [local for local, *_ in found] == ["2026-11-01T01:30:00-05:00", "2026-11-01T02:00:00-05:00"]


@pytest.mark.requirement("H1.2")
@pytest.mark.parametrize(
    ("zone", "expression", "start", "expected"),
    [
        ("Australia/Lord_Howe", "0 15 2 * * ?", "2026-10-03T15:00Z",
         ("2026-10-04T02:45:00+11:00", "02:15 does not exist that day, moved to 02:45")),
        ("Australia/Lord_Howe", "0 45 1 * * ?", "2026-04-04T14:00Z",
         ("2026-04-05T01:45:00+11:00", "first of two 01:45")),
        ("America/Santiago", "0 30 0 * * ?", "2026-09-06T00:00Z",
         ("2026-09-06T01:30:00-03:00", "00:30 does not exist that day, moved to 01:30")),
        ("America/Santiago", "0 30 23 4 * ?", "2026-04-04T00:00Z",
         ("2026-04-04T23:30:00-03:00", "first of two 23:30")),
        ("Antarctica/Troll", "0 30 2 * * ?", "2026-03-28T23:00Z",
         ("2026-03-29T04:30:00+02:00", "02:30 does not exist that day, moved to 04:30")),
        ("Europe/Dublin", "0 30 1 * * ?", "2026-03-29T00:00Z",
         ("2026-03-29T02:30:00+01:00", "01:30 does not exist that day, moved to 02:30")),
        ("Africa/Casablanca", "0 30 2 * * ?", "2026-02-14T23:00Z",
         ("2026-02-15T02:30:00+01:00", "first of two 02:30")),
        ("Pacific/Apia", "0 30 2 30 12 ?", "2011-12-29T12:00Z",
         ("2011-12-31T02:30:00+14:00", "2011-12-30 02:30 does not exist that day, moved to 2011-12-31 02:30")),
        ("Pacific/Kiritimati", "30 20 31 12 *", "1994-12-30T12:00Z",
         ("1995-01-01T20:30:00+14:00", "1994-12-31 20:30 does not exist that day, moved to 1995-01-01 20:30")),
        ("America/St_Johns", "5 0 29 10 *", "2006-10-28T12:00Z",
         ("2006-10-29T00:05:00-03:30", "")),
        ("Africa/Monrovia", "0 20 0 7 1 ?", "1972-01-06T12:00Z",
         ("1972-01-07T01:04:30+00:00", "00:20 does not exist that day, moved to 01:04:30")),
    ],
)  # fmt: skip
def test_changes_of_other_lengths_and_hours(zone: str, expression: str, start: str, expected: tuple[str, str]) -> None:
    (local, _, note), *_ = after(cron(expression, zone), start, 1)
    assert (local, note.removeprefix("the clock is changed that day, from UTC-02:30 to UTC-03:30")) == expected


@pytest.mark.requirement("H1.2")
def test_a_day_that_was_left_out_as_a_whole_is_told() -> None:
    found = after(cron("0 0 8 * * ?", "Pacific/Apia", on_gap="skip"), "2011-12-29T00:00-10:00", 3)
    assert found == [
        ("2011-12-29T08:00:00-10:00", None, ""),
        ("2011-12-31T08:00:00+14:00", None, "2011-12-30 08:00 does not exist that day"),
        ("2012-01-01T08:00:00+14:00", None, ""),
    ]
