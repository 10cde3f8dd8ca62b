"""What repeats in a schedule: times of the day, or instants at equal distances."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from heapq import merge
from itertools import groupby
from typing import NamedTuple, Protocol

from hengio.clock import SECOND, Micros
from hengio.cron.expression import Expression
from hengio.timetable.occurrence import DAY
from hengio.timetable.zone import Window, segments


class Moved(NamedTuple):
    """Times of the day `source` that fire on another one, as far as they lie from `first` to `last` on the wall."""

    source: int
    first: Micros
    last: Micros


class Rhythm(Protocol):
    """A schedule's times on the wall, without its calendar."""

    def days(self, start: int) -> Iterator[int]:
        """From day `start` on every day that has a time, ascending."""
        ...

    def own(self, window: Window, low: Micros, high: Micros) -> Iterator[Micros]:
        """Times on the wall from `low` to before `high`, which lie on one day and in the window; ascending."""
        ...

    def moved(self, sources: Collection[Moved], window: Window, low: Micros, high: Micros) -> Iterator[Micros]:
        """The same of times that are moved here from other days; ascending and unique."""
        ...


class Clockwork:
    """The rhythm of a cron expression: each of its days has the same times."""

    __slots__ = ("_expression",)

    def __init__(self, expression: Expression) -> None:
        self._expression = expression

    def days(self, start: int) -> Iterator[int]:
        return self._expression.days(start)

    def own(self, window: Window, low: Micros, high: Micros) -> Iterator[Micros]:
        midnight = low // DAY * DAY
        first, last = -((midnight - low) // SECOND), (high - 1 - midnight) // SECOND
        for second in self._expression.times(first, last):
            yield midnight + second * SECOND

    def moved(self, sources: Collection[Moved], window: Window, low: Micros, high: Micros) -> Iterator[Micros]:
        day = low // DAY
        bounds = {
            (max(low, _here(each.first, each, day)), min(high, _here(each.last, each, day) + 1)) for each in sources
        }
        return _unique(*(self.own(window, first, end) for first, end in bounds if first < end))


class Grid:
    """Instants at equal distances: `range` says which. They go on in real time when the clock is changed."""

    __slots__ = ("_instants", "_zone")

    def __init__(self, instants: range, zone: str) -> None:
        self._instants = instants
        self._zone = zone

    def days(self, start: int) -> Iterator[int]:
        """Near each instant: which day it is depends on the zone."""
        told = start - 1
        for at in self._between((start - 1) * DAY, self._instants.stop):
            day = at // DAY
            for each in range(max(day - 1, told + 1), day + 2):
                told = each
                if self._has(each):
                    yield each

    def own(self, window: Window, low: Micros, high: Micros) -> Iterator[Micros]:
        if window.kind == "gap":
            return iter(())
        return (at + window.behind for at in self._between(low - window.behind, high - window.behind))

    def moved(self, sources: Collection[Moved], window: Window, low: Micros, high: Micros) -> Iterator[Micros]:
        """At an hour that comes twice, the first one."""
        if window.kind == "second":
            return iter(())
        return _unique(*(self._from(each, low, high) for each in sources))

    def _has(self, day: int) -> bool:
        walls = (self._walls(window, day * DAY, (day + 1) * DAY) for window in self._windows(day))
        return any(True for each in walls for _ in each)

    def _from(self, moved: Moved, low: Micros, high: Micros) -> Iterator[Micros]:
        far = (low // DAY - moved.source) * DAY
        first = max(moved.source * DAY, moved.first, low - far)
        end = min((moved.source + 1) * DAY, moved.last + 1, high - far)
        return _unique(
            *((wall + far for wall in self._walls(window, first, end)) for window in self._windows(moved.source))
        )

    def _windows(self, day: int) -> Iterator[Window]:
        for segment in segments(self._zone, (day - 2) * DAY):
            if segment.start > (day + 2) * DAY:
                return
            yield from segment.windows

    def _walls(self, window: Window, first: Micros, end: Micros) -> Iterator[Micros]:
        return self.own(window, max(first, window.start), min(end, window.end))

    def _between(self, low: Micros, high: Micros) -> range:
        """The instants from `low` to before `high`."""
        base, step = self._instants.start, self._instants.step
        first = max(0, -((base - low) // step))
        end = min(len(self._instants), max(0, -((base - high) // step)))
        return self._instants[first:end] if first < end else range(0)


def _here(wall: Micros, moved: Moved, day: int) -> Micros:
    return wall + (day - moved.source) * DAY


def _unique(*streams: Iterator[Micros]) -> Iterator[Micros]:
    return (each for each, _ in groupby(merge(*streams)))
