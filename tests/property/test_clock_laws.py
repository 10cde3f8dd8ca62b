"""Wherever in the world a clock is changed, a schedule fires as its policy says (H1.2).

Every zone is walked instant by instant around each change of its clock in a year, and what was seen is compared. Zones
that show the same all year long are walked once; that their changes are found is looked at in every one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import pairwise, product, takewhile
from typing import Literal
from zoneinfo import ZoneInfo, available_timezones

import pytest

from hengio.model.schedule import CronSchedule
from hengio.timetable.compile import timetable
from hengio.timetable.zone import segments
from tests.support import clocks
from tests.support.clocks import SECOND

YEAR = 2026
LATEST = int(datetime(2038, 1, 1, tzinfo=UTC).timestamp())
DAY = 86_400
CASES: dict[str, Callable[[datetime], bool]] = {
    "0 30 2 * * ?": lambda wall: (wall.hour, wall.minute) == (2, 30),
    "0 0 0 * * ?": lambda wall: (wall.hour, wall.minute) == (0, 0),
    "0 15,45 0-3 * * ?": lambda wall: wall.hour <= 3 and wall.minute in {15, 45},
    "0 0 1,2,3 ? * SUN": lambda wall: wall.hour in {1, 2, 3} and wall.minute == 0 and wall.isoweekday() == 7,
    "30 23 * * *": lambda wall: (wall.hour, wall.minute) == (23, 30),
    "0 0,30 0-23 * * ?": lambda wall: wall.minute in {0, 30},
    "0 */20 * * * ?": lambda wall: wall.minute % 20 == 0,
    "0 * 2 * * ?": lambda wall: wall.hour == 2,
    "0 0 */2 * * ?": lambda wall: wall.hour % 2 == 0 and wall.minute == 0,
    "*/30 * * * *": lambda wall: wall.minute % 30 == 0,
}
"""Expressions, and whether they mean a whole minute on the wall."""
POLICIES = [(None, None), *product(("shift", "skip"), ("first", "second", "both"))]
HISTORICAL = [
    ("Pacific/Apia", "2011-12-30T10:00Z"),  # a whole day was left out
    ("Pacific/Kiritimati", "1994-12-31T10:40Z"),  # so was the last of a year
    ("Pacific/Kwajalein", "1993-08-21T12:00Z"),
    ("America/Sao_Paulo", "2018-11-04T03:00Z"),  # midnight was left out
    ("America/Sao_Paulo", "2018-02-18T02:00Z"),  # the hour before midnight came twice
    ("America/St_Johns", "2006-10-29T02:31Z"),  # at one minute past midnight back to the day before
    ("America/Caracas", "2016-05-01T07:00Z"),  # half an hour for good
    ("Asia/Pyongyang", "2018-05-04T15:00Z"),
    ("Asia/Pyongyang", "2015-08-14T15:30Z"),
    ("Asia/Singapore", "1981-12-31T16:00Z"),  # half an hour at the beginning of a year
    ("Antarctica/Troll", "2026-03-29T01:00Z"),  # two hours
    ("Asia/Tehran", "2021-03-21T20:30Z"),
    ("Asia/Tehran", "2021-09-21T19:30Z"),
    ("Africa/Casablanca", "2026-02-15T02:00Z"),
    ("Europe/Dublin", "2026-10-25T01:00Z"),
    ("America/Noronha", "2000-10-08T02:00Z"),  # twice within a week
    ("America/Noronha", "2000-10-15T01:00Z"),
    ("Asia/Gaza", "2040-10-20T00:00Z"),
    ("Asia/Ho_Chi_Minh", "1975-06-12T16:00Z"),
]


def policy(expression: str, gap: str | None, overlap: str | None) -> tuple[str, str]:
    """What counts of the policies: without any Debian's rule, and no word of a gap that every hour goes over."""
    minute, hour = expression.split()[-5:][:2]
    wildcard = minute[0] == "*" or hour[0] == "*"
    gap = gap or ("skip" if wildcard else "shift")
    overlap = overlap or ("both" if wildcard else "first")
    return "pass" if gap == "skip" and hour in {"*", "0-23"} else gap, overlap


def found(schedule: CronSchedule, start: int, end: int) -> dict[int, str | None]:
    walk = timetable(schedule, anchor=0).after(start * SECOND - 1)
    return {each.at: each.skip for each in takewhile(lambda each: each.at < end * SECOND, walk)}


def compare(zone: str, start: int, end: int, *, step: int = 60) -> None:
    shown = clocks.readings(zone, start, end, step=step)
    for expression, fires in CASES.items():
        seen = [each for each in shown if each.wall.second == 0 and fires(each.wall)]
        for on_gap, on_overlap in POLICIES:
            gap, overlap = policy(expression, on_gap, on_overlap)
            schedule = CronSchedule(expression=expression, timezone=zone, on_gap=on_gap, on_overlap=on_overlap)  # type: ignore[arg-type]
            wanted = clocks.expected(seen, gap=gap, overlap=overlap)
            assert found(schedule, start, end) == wanted, (zone, expression, on_gap, on_overlap)


@pytest.mark.requirement("H1.2")
def test_every_zone_fires_by_policy_around_every_change_of_its_clock_in_a_year() -> None:
    groups = clocks.clocks_that_change(YEAR)
    assert sum(map(len, groups.values())) > 150, "a machine without a database of zones"
    for changes, zones in groups.items():
        for change, _ in changes[1:]:
            compare(zones[0], *clocks.around(change))


@pytest.mark.requirement("H1.2")
@pytest.mark.parametrize(("zone", "change"), HISTORICAL)
def test_odd_changes_of_the_past_are_no_exception(zone: str, change: str) -> None:
    at = int(datetime.fromisoformat(change).timestamp())
    compare(zone, *clocks.around(at, days=2))


def test_an_offset_of_odd_seconds_is_no_exception() -> None:
    at = int(datetime(1972, 1, 7, tzinfo=UTC).timestamp())
    compare("Africa/Monrovia", *clocks.around(at), step=30)


@pytest.mark.requirement("H1.2")
@pytest.mark.parametrize("overlap", ["first", "both"])
@pytest.mark.parametrize(
    "zone", ["America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Antarctica/Troll", "Pacific/Chatham"]
)
def test_the_whole_year_is_like_that(zone: str, overlap: Literal["first", "both"]) -> None:
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (YEAR, YEAR + 1))
    shown = clocks.readings(zone, start, end, step=900)
    schedule = CronSchedule(expression="*/15 * * * *", timezone=zone, on_gap="shift", on_overlap=overlap)
    assert found(schedule, start, end) == clocks.expected(shown, gap="shift", overlap=overlap)


def test_every_zone_has_the_offset_that_it_says_at_every_hour_of_two_years() -> None:
    start, end = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) for year in (YEAR, YEAR + 2))
    for zone in available_timezones():
        info = ZoneInfo(zone)
        for segment in segments(zone, start * SECOND):
            if segment.start >= end * SECOND:
                break
            hours = range(max(start, segment.start // SECOND), min(end, segment.end // SECOND), 21_600)
            edges = (max(start, segment.start // SECOND), min(end, segment.end // SECOND) - 1)
            offsets = {datetime.fromtimestamp(at, info).utcoffset() for at in (*hours, *edges)}
            assert [each.total_seconds() for each in offsets if each is not None] == [segment.offset / SECOND], (
                zone,
                segment,
            )


def test_every_change_that_a_zone_lists_since_1970_is_found() -> None:
    """The search looks at every third day, and relies on no clock being changed twice within six."""
    zones = {_since_1970(zone): zone for zone in available_timezones() - {"localtime", "Factory"}}
    for since, zone in zones.items():
        assert all(other - one > 6 * DAY for one, other in pairwise(since)), zone
        found: list[int] = []
        for one, other in pairwise(segments(zone, 0)):
            if other.start > max(since, default=0) * SECOND:
                break
            found += [other.start // SECOND] if one.offset != other.offset else []
        assert tuple(found) == since, zone


def _since_1970(zone: str) -> tuple[int, ...]:
    return tuple(at for at in clocks.listed_changes(zone) if 0 < at < LATEST)
