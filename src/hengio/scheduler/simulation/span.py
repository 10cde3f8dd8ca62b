"""The time that is simulated, in hours of the clock on the wall."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.timetable import zone as zones
from hengio.timetable.occurrence import DAY

HOUR: Micros = 3_600 * SECOND
MINUTE: Micros = 60 * SECOND


class Hour(Struct, frozen=True):
    """From `start` to before `end`, at most an hour; `slot` is its hour on its day, counted from the span's first
    midnight. Where the clock is set back two hours have the same slot."""

    start: Micros
    end: Micros
    slot: int


class Span(Struct, frozen=True, dict=True):
    """From `since` to before `until`, seen from a time zone."""

    since: Micros
    until: Micros
    zone: str

    @classmethod
    def days_from(cls, since: Micros, days: int, zone: str) -> Span:
        """Until the wall shows the same time, so many days later."""
        wall = since + zones.offset(zone, since)
        return cls(since, zones.instant(zone, wall + days * DAY), zone)

    @property
    def seconds(self) -> float:
        return (self.until - self.since) / SECOND

    @cached_property
    def first_day(self) -> int:
        """The first date, counted from 1970-01-01."""
        return (self.since + zones.offset(self.zone, self.since)) // DAY

    @property
    def dates(self) -> int:
        """How many dates it touches."""
        return self.hours[-1].slot // 24 + 1

    @cached_property
    def hours(self) -> tuple[Hour, ...]:
        """Ascending, without holes."""
        return tuple(self._hours())

    def day(self, at: Micros) -> int:
        """The date of a moment in the span, counted from its first; and any later moment has the last one."""
        return self.hours[bisect_right(self._starts, at) - 1].slot // 24

    def next_day(self, day: int) -> Micros:
        """When the date after that one begins; the end of the span if there is none."""
        return self._midnights[day + 1] if day + 1 < len(self._midnights) else self.until

    @cached_property
    def _starts(self) -> list[Micros]:
        return [hour.start for hour in self.hours]

    @cached_property
    def _midnights(self) -> list[Micros]:
        found: dict[int, Micros] = {}
        for hour in self.hours:
            found.setdefault(hour.slot // 24, hour.start)
        starts: list[Micros] = []
        for day, start in sorted(found.items()):  # a date that the zone leaves out begins with the next one
            starts += [start] * (day + 1 - len(starts))
        return starts

    def _hours(self) -> Iterator[Hour]:
        for segment in zones.segments(self.zone, self.since):
            if segment.start >= self.until:
                return
            end = min(segment.end, self.until)
            start = max(segment.start, self.since)
            while start < end:
                wall = start + segment.offset
                following = min(start + HOUR - wall % HOUR, end)
                yield Hour(start, following, wall // HOUR - self.first_day * 24)
                start = following
