"""A schedule that was compiled, and the walk along its times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from hengio.clock import SECOND, Micros
from hengio.timetable import zone as zones
from hengio.timetable.occurrence import DAY, Occurrence, SkipReason, clock, date_of, merged, noted
from hengio.timetable.plan import Day, Plan
from hengio.timetable.rhythm import Rhythm
from hengio.timetable.zone import Kind, Segment, Window

Gaps = Literal["shift", "skip", "pass"]
"""What becomes of times in a gap: they fire behind it, are told as left out, or nothing is said of them."""
Overlaps = Literal["first", "second", "both"]

_PASSED_BY: dict[Overlaps, Kind | None] = {"first": "second", "second": "first", "both": None}
_AROUND = 2


class Timetable:
    """All nominal times of a schedule, from 1970 to 2199, worked out as far as somebody asks.

    It keeps no times itself, and the days of its months and its zone's changes only as they were looked at.
    """

    __slots__ = ("_first", "_gaps", "_last", "_passed_by", "_plan", "_rhythm", "_zone")

    def __init__(
        self, rhythm: Rhythm, plan: Plan, *, zone: str, first: Micros, last: Micros, gaps: Gaps, overlaps: Overlaps
    ) -> None:
        self._rhythm = rhythm
        self._plan = plan
        self._zone = zone
        self._first = first
        self._last = last
        self._gaps = gaps
        self._passed_by = _PASSED_BY[overlaps]

    def after(self, moment: Micros) -> Iterator[Occurrence]:
        """All that lies after an instant, itself not included: fires, and times that are left out, with the reason.

        Ascending, one occurrence an instant, lazy. Ends with the schedule. A schedule all of whose times are left out
        has no end of them here; to find the next fire ask `fires`.
        """
        return self._walk(moment, fires=False)

    def fires(self, moment: Micros) -> Iterator[Occurrence]:
        """The same without what is left out, over which it passes day by day. Ends if a thousand days bring no fire."""
        return self._walk(moment, fires=True)

    def _walk(self, moment: Micros, *, fires: bool) -> Iterator[Occurrence]:
        """Year by year; over years without a day it passes at once."""
        start = max(moment + 1, self._first)
        while start <= self._last:
            for segment in zones.year_from(self._zone, start):
                if segment.start > self._last:
                    return
                yield from self._in_segment(segment, start, fires=fires)
            day = next(self._days(segment.end // DAY - _AROUND, fires=fires), None)
            if day is None:
                return
            start = max(segment.end, (day.number - _AROUND) * DAY)

    def _days(self, start: int, *, fires: bool) -> Iterator[Day]:
        return self._plan.fires(start) if fires else self._plan.days(start)

    def _in_segment(self, segment: Segment, start: Micros, *, fires: bool) -> Iterator[Occurrence]:
        """All times from an instant on that lie in the segment or in the gap before it."""
        end = min(segment.end, self._last + 1)
        present = [each for each in segment.windows if each.kind != self._passed_by]
        streams = [self._in_windows(present, segment, start, end, fires)]
        if segment.gap and self._gaps != "pass" and not (fires and self._gaps == "skip"):
            streams.append(self._in_windows([segment.gap], segment, start, end, fires))
        return merged(streams)

    def _in_windows(
        self, windows: list[Window], segment: Segment, start: Micros, end: Micros, fires: bool
    ) -> Iterator[Occurrence]:
        for window in windows:
            low, high = max(window.start, start + window.behind), min(window.end, end + window.behind)
            if low >= high:
                continue
            for day in self._days(low // DAY, fires=fires):
                midnight = day.number * DAY
                if midnight >= high:
                    break
                yield from self._on(day, segment, window, max(low, midnight), min(high, midnight + DAY))

    def _on(self, day: Day, segment: Segment, window: Window, low: Micros, high: Micros) -> Iterator[Occurrence]:
        """The times of a day from `low` to before `high` on the wall."""
        change = segment.changes.get(day.number, "") if window.kind == "real" else ""
        skip = self._skip(day, window)
        streams = []
        if day.own:
            walls = self._rhythm.own(window, low, high)
            streams.append(self._told(walls, segment, window, skip, noted(day.note, change)))
        if day.sources:
            walls = self._rhythm.moved(day.sources, window, low, high)
            streams.append(self._told(walls, segment, window, skip, noted(day.moved, change)))
        return merged(streams)

    def _skip(self, day: Day, window: Window) -> SkipReason | None:
        if day.off:
            return "holiday"
        return "dst-gap" if window.kind == "gap" and self._gaps == "skip" else None

    def _told(
        self, walls: Iterator[Micros], segment: Segment, window: Window, skip: SkipReason | None, note: str
    ) -> Iterator[Occurrence]:
        """Occurrences of times on the wall; where a change of the clock concerns them, they tell it."""
        behind, offset = window.behind, segment.offset // SECOND
        if window.kind == "real":
            for wall in walls:
                yield Occurrence(wall - behind, skip, note, offset)
            return
        for wall in walls:
            change = self._change(wall, segment, window, moved=skip is None)
            yield Occurrence(wall - behind, skip, noted(note, change), offset)

    def _change(self, wall: Micros, segment: Segment, window: Window, *, moved: bool) -> str:
        """What a change of the clock does to a time on the wall."""
        if window.kind != "gap":
            return f"{window.kind} of two {clock(wall)}"
        to = wall - window.behind + segment.offset
        if wall // DAY == to // DAY:
            missing, goal = clock(wall), clock(to)
        else:
            missing, goal = (f"{date_of(each // DAY)} {clock(each)}" for each in (wall, to))
        return f"{missing} does not exist that day" + (f", moved to {goal}" if moved else "")
