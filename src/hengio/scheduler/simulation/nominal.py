"""The nominal times of a schedule in a span of time, many at once.

The timetable tells its times one by one, with notes. Here most of them are the same day after day: where nothing is
special about the days, a pattern is laid over them; the timetable is asked for the rest. A property test holds the two
together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import takewhile

from hengio.clock import SECOND, Micros
from hengio.cron.expression import Expression
from hengio.cron.parse import parse
from hengio.model.schedule import Calendar, CronSchedule, FixedRate, Schedule
from hengio.timetable import zone as zones
from hengio.timetable.compile import timetable
from hengio.timetable.occurrence import DAY, Occurrence

_NO_DAYS = Calendar()


class LeftOut:
    """What a schedule leaves out itself: how many times for each reason, how many days for each name of a holiday, and
    the dates of gaps of the clock."""

    def __init__(self) -> None:
        self.times: Counter[str] = Counter()
        self.days: Counter[str] = Counter()
        self.gaps: set[int] = set()
        self._last = -1

    def add(self, one: Occurrence) -> None:
        """Count a time that has a reason; times ascend."""
        assert one.skip is not None
        self.times[one.skip] += 1
        day = (one.at + one.offset * SECOND) // DAY
        if one.skip == "dst-gap":
            self.gaps.add(day)
        elif day != self._last:
            self._last = day
            self.days[one.note.partition(":")[0].partition(";")[0]] += 1


class Nominal:
    """The times of a schedule from `since` on. Raises `InvalidSchedule`."""

    def __init__(self, schedule: Schedule, *, anchor: Micros, since: Micros) -> None:
        self._schedule = schedule
        self._table = timetable(schedule, anchor=anchor)
        self._at = since
        self._anchor = anchor
        self._plain = schedule.calendar == _NO_DAYS and schedule.start_date is None and schedule.end_date is None
        self._told = self._table.after(since - 1)
        self._next: Occurrence | None = None
        self.left_out = LeftOut()

    def until(self, high: Micros) -> Sequence[Micros]:
        """The times before `high` that were not asked for yet and that fire; what is left out is counted."""
        low, self._at = self._at, high
        match self._schedule:
            case FixedRate(interval_seconds=seconds) if self._plain:
                return _grid(self._anchor, seconds * SECOND, low, high)
            case CronSchedule(expression=text, timezone=zone) if self._plain:
                return self._patterned(parse(text), zone, low, high)
            case _:
                return self._one_by_one(high)

    def _one_by_one(self, high: Micros) -> list[Micros]:
        found: list[Micros] = []
        if self._next is not None:
            if self._next.at >= high:
                return found
            self._sort(self._next, found)
            self._next = None
        for one in self._told:
            if one.at >= high:
                self._next = one
                break
            self._sort(one, found)
        return found

    def _patterned(self, expression: Expression, zone: str, low: Micros, high: Micros) -> list[Micros]:
        """Where the clock is not changed each day has the same times."""
        found: list[Micros] = []
        for segment in zones.segments(zone, low):
            if segment.start >= high:
                break
            window = next((each for each in segment.windows if each.kind == "real"), None)
            if window is None:
                continue
            moved = 0 if segment.gap is None else segment.gap.end - segment.gap.start
            first, end = max(window.start + moved, low + window.behind), min(window.end, high + window.behind)
            if first < end:
                found += self._asked(low, first - window.behind)
                found += _days(expression, first, end, window.behind)
                low = end - window.behind
        return found + self._asked(low, high)

    def _asked(self, low: Micros, high: Micros) -> list[Micros]:
        found: list[Micros] = []
        if low < high:
            for one in takewhile(lambda one: one.at < high, self._table.after(low - 1)):
                self._sort(one, found)
        return found

    def _sort(self, one: Occurrence, found: list[Micros]) -> None:
        if one.skip is None:
            found.append(one.at)
        else:
            self.left_out.add(one)


def _grid(anchor: Micros, step: Micros, low: Micros, high: Micros) -> range:
    first = anchor + max(1, -((anchor - low) // step)) * step
    return range(first, max(first, high), step)


def _days(expression: Expression, low: Micros, high: Micros, behind: Micros) -> Iterator[Micros]:
    """The instants of times on the wall from `low` to before `high`."""
    pattern = _pattern(expression)
    for day in takewhile(lambda day: day * DAY < high, expression.days(low // DAY)):
        midnight = day * DAY
        base = midnight - behind
        if low <= midnight and midnight + DAY <= high:
            yield from [base + each for each in pattern]
        else:
            yield from [base + each for each in pattern if low <= midnight + each < high]


@lru_cache(maxsize=64)
def _pattern(expression: Expression) -> tuple[Micros, ...]:
    return tuple(second * SECOND for second in expression.times())
