"""A time zone as segments in which its offset stays the same (H1.2).

The database of zones only tells the offset of an instant. So changes are found by looking every few days and closing
in, a year at a time, and are kept. Since 1970 no zone has changed its clock twice within six days (a test looks).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from hengio.clock import SECOND, Micros, to_datetime
from hengio.timetable.occurrence import DAY

FIRST_YEAR, LAST_YEAR = 1970, 2199
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STRIDE = 3 * DAY
_NEAR = 2 * DAY
"""More than any change of a clock, and less than half of what lies between two of them."""

Kind = Literal["real", "first", "second", "gap"]


class Window(NamedTuple):
    """Times on the wall from `start` to before `end` that become instants by going back `behind`.

    They are there once (`real`), are the `first` or the `second` of two, or are not there at all: in a `gap` they are
    read with the offset before it, so that 02:30 becomes 03:30 (RFC 5545, 3.3.5).
    """

    kind: Kind
    start: Micros
    end: Micros
    behind: Micros


class Segment(NamedTuple):
    """A time from instant `start` to before `end` with one `offset`.

    `windows` are the times on the wall that fall into it, ascending, and `gap` those that are left out where it begins.
    `changes` says of days on which the clock is changed how it is.
    """

    start: Micros
    end: Micros
    offset: Micros
    windows: tuple[Window, ...]
    gap: Window | None
    changes: Mapping[int, str]


def year_from(zone: str, moment: Micros) -> Sequence[Segment]:
    """The segments of the year of `moment`, from that in which it lies on; ascending, without holes, at least one.

    A year may begin some days late, and so end: no change of the clock is near its ends. Of a moment before 1970 it is
    the first year, after 2199 the last.
    """
    year = min(max(to_datetime(moment).year, FIRST_YEAR), LAST_YEAR)
    if moment < _beginning(zone, year):
        year = max(year - 1, FIRST_YEAR)
    found = _year(zone, year)
    return found if len(found) == 1 else [each for each in found if each.end > moment] or found[-1:]


def segments(zone: str, moment: Micros) -> Iterator[Segment]:
    """All segments from that of `moment` on, to the end of 2199."""
    while moment < _utc(LAST_YEAR + 1):
        found = year_from(zone, moment)
        yield from found
        moment = found[-1].end


def instant(zone: str, wall: Micros, *, last: bool = False) -> Micros:
    """When a wall shows that time: the first such instant, or the `last`. One in a gap is moved past it."""
    if not 0 <= wall < _utc(LAST_YEAR):
        return wall  # nothing happens then: it only bounds something
    found = wall
    for segment in segments(zone, wall - _NEAR):
        if segment.start > wall + _NEAR:
            break
        for window in (*segment.windows, *([segment.gap] if segment.gap else [])):
            if window.start <= wall < window.end:
                found = wall - window.behind
                if not last:
                    return found
    return found


def offset(zone: str, moment: Micros) -> Micros:
    """What the clocks of the zone are ahead of UTC at an instant."""
    return next((each.offset for each in segments(zone, moment)), 0)


@lru_cache(maxsize=4_096)
def _year(zone: str, year: int) -> tuple[Segment, ...]:
    """The segments of a year, which begins and ends where no change of the clock is near."""
    start, end = _beginning(zone, year), _beginning(zone, year + 1)
    info = ZoneInfo(zone)
    looks = [*range(start, end, _STRIDE), end]
    seen = [(look, _at(info, look)) for look in looks]
    changes = [_change(info, low, high) for (low, one), (high, other) in pairwise(seen) if one != other]
    edges = [start, *changes, end]
    offsets = [_at(info, edge) for edge in edges]
    pieces = zip(edges, edges[1:], [offsets[0], *offsets], offsets, offsets[1:], strict=False)
    return tuple(_segment(*piece) for piece in pieces)


def _segment(start: Micros, end: Micros, before: Micros, here: Micros, after: Micros) -> Segment:
    """The segment between two changes, from and to these offsets."""
    first, last = start + here, end + here
    twice_until = max(first, start + before)
    twice_from = min(last, end + after)
    windows = (
        Window("second", first, twice_until, here),
        Window("real", twice_until, twice_from, here),
        Window("first", twice_from, last, here),
    )
    gap = Window("gap", start + before, first, before) if before < here else None
    changes = {**_changes(start, before, here), **_changes(end, here, after)}
    return Segment(start, end, here, tuple(each for each in windows if each.start < each.end), gap, changes)


def _changes(at: Micros, before: Micros, after: Micros) -> dict[int, str]:
    """The days whose times are left out or come twice by a change, and how the clock is changed."""
    if before == after:
        return {}
    low, high = sorted((at + before, at + after))
    told = f"the clock is changed that day, from UTC{_signed(before)} to UTC{_signed(after)}"
    return dict.fromkeys(range(low // DAY, (high - 1) // DAY + 1), told)


def _signed(offset: Micros) -> str:
    minutes, seconds = divmod(abs(offset) // SECOND, 60)
    shown = f"{'-' if offset < 0 else '+'}{minutes // 60:02}:{minutes % 60:02}"
    return f"{shown}:{seconds:02}" if seconds else shown


@lru_cache(maxsize=4_096)
def _beginning(zone: str, year: int) -> Micros:
    """The first of January, or some days later if a change is near."""
    info, start = ZoneInfo(zone), _utc(year)
    while _at(info, start - _NEAR) != _at(info, start + _NEAR):
        start += 2 * _NEAR
    return start


def _change(info: ZoneInfo, low: Micros, high: Micros) -> Micros:
    """The instant between two with different offsets from which the second one holds; changes lie on whole seconds."""
    after = _at(info, high)
    first, last = low // SECOND, high // SECOND
    while last - first > 1:
        middle = (first + last) // 2
        if _at(info, middle * SECOND) == after:
            last = middle
        else:
            first = middle
    return last * SECOND


def _at(info: ZoneInfo, moment: Micros) -> Micros:
    ahead = datetime.fromtimestamp(moment // SECOND, info).utcoffset()
    assert ahead is not None
    return (ahead.days * 86_400 + ahead.seconds) * SECOND


def _utc(year: int) -> Micros:
    return round((datetime(year, 1, 1, tzinfo=UTC) - _EPOCH).total_seconds()) * SECOND
