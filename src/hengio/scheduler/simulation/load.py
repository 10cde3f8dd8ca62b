"""What all jobs together come to: how much begins and runs when, and which minutes are the busiest."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from heapq import heappush, heappushpop
from itertools import chain

from msgspec import Struct

from hengio.clock import Micros
from hengio.scheduler.simulation.course import Begun
from hengio.scheduler.simulation.running import Running
from hengio.scheduler.simulation.span import MINUTE, Hour, Span

MOST_MINUTES = 10
MOST_NAMED = 20


class Minute(Struct, frozen=True, kw_only=True):
    """A minute in which many executions begin: how many, of how many jobs, and those with the most of them."""

    at: Micros
    begun: int
    jobs: int
    most: tuple[tuple[str, int], ...]


class Heat(Struct, frozen=True, kw_only=True):
    """Hour by hour, 24 for each date of the span: how many executions begin, and how many run at once at most."""

    begun: Sequence[int]
    peak: Sequence[int]


class Load:
    """Is told what begins, a stretch of time after the other."""

    def __init__(self, span: Span, names: Sequence[str]) -> None:
        self._names = names
        self._begun = array("q", bytes(8 * 24 * span.dates))
        self._peak = array("q", bytes(8 * 24 * span.dates))
        self._minutes: list[tuple[int, Micros, Minute]] = []
        self.running = Running()

    def add(self, begun: Sequence[Begun], hours: Sequence[Hour]) -> None:
        """What begins of each job in these hours, which follow one another."""
        starts = sorted(chain.from_iterable(one.starts for one in begun))
        ends = list(chain.from_iterable(one.ends for one in begun))
        self.running.revise(chain.from_iterable(one.revised for one in begun))
        peaks = self.running.pass_(starts, ends, [(hour.start, hour.end) for hour in hours])
        for hour, peak in zip(hours, peaks, strict=True):
            count = bisect_left(starts, hour.end) - bisect_left(starts, hour.start)
            self._begun[hour.slot] += count
            self._peak[hour.slot] = max(self._peak[hour.slot], peak)
        self._note_minutes(starts, begun)

    def heat(self) -> Heat:
        return Heat(begun=self._begun, peak=self._peak)

    def minutes(self) -> tuple[Minute, ...]:
        """The busiest first; of equal ones the earlier."""
        return tuple(minute for *_, minute in sorted(self._minutes, key=lambda one: (-one[0], -one[1])))

    def _note_minutes(self, starts: Sequence[Micros], begun: Sequence[Begun]) -> None:
        counted = Counter([start // MINUTE for start in starts])
        for number, count in sorted(counted.most_common(MOST_MINUTES), key=lambda one: (-one[1], one[0])):
            if len(self._minutes) == MOST_MINUTES and count <= self._minutes[0][0]:
                return
            minute = self._minute(number * MINUTE, count, begun)
            entry = (count, -minute.at, minute)
            if len(self._minutes) < MOST_MINUTES:
                heappush(self._minutes, entry)
            else:
                heappushpop(self._minutes, entry)

    def _minute(self, at: Micros, count: int, begun: Sequence[Begun]) -> Minute:
        counts = [bisect_left(one.starts, at + MINUTE) - bisect_left(one.starts, at) for one in begun]
        there = [(name, each) for name, each in zip(self._names, counts, strict=True) if each]
        most = sorted(there, key=lambda one: (-one[1], one[0]))[:MOST_NAMED]
        return Minute(at=at, begun=count, jobs=len(there), most=tuple(most))
