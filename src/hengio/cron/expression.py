"""When an expression fires by the clock on the wall, which knows neither zones nor daylight saving.

A day is counted from 1970-01-01, day 0. A wall-clock time is counted in seconds from the beginning of that day, as if
every day had 86 400 of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from hengio.cron.days import Days, Month
from hengio.cron.fields import FIRST_YEAR, LAST_YEAR

DAY = 86_400
_EPOCH = date(1970, 1, 1).toordinal()
_END = date(LAST_YEAR + 1, 1, 1).toordinal() - _EPOCH
_LENGTHS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_FEBRUARY = 2
_THURSDAY = 4
"""The weekday of day 0, counted from Sunday."""

Dialect = Literal["quartz", "unix"]


@dataclass(frozen=True, slots=True)
class Expression:
    """A cron expression that was read. Its times lie in the years 1970 to 2199.

    `seconds`, `minutes`, `hours`, `months` and `years` ascend; `years` is None for all of them.
    `is_wildcard`: the hour or the minute begins with `*`, so that it is meant to go on in real time when the clock is
    changed (H1.2, Debian's cron).
    """

    text: str
    dialect: Dialect
    is_wildcard: bool = field(compare=False)
    seconds: tuple[int, ...] = field(compare=False, repr=False)
    minutes: tuple[int, ...] = field(compare=False, repr=False)
    hours: tuple[int, ...] = field(compare=False, repr=False)
    months: tuple[int, ...] = field(compare=False, repr=False)
    years: tuple[int, ...] | None = field(compare=False, repr=False)
    rule: Days = field(compare=False, repr=False)
    _kinds: dict[Month, tuple[int, ...]] = field(default_factory=dict, init=False, compare=False, repr=False)

    @property
    def every_hour(self) -> bool:
        """Whether it fires in each hour of a day."""
        return len(self.hours) == 24

    def walls(self, start: int = 0) -> Iterator[int]:
        """All wall-clock times from `start` on, which is included; ascending."""
        start = max(start, 0)
        today, second = divmod(start, DAY)
        for day in self.days(today):
            midnight = day * DAY
            for each in self.times(second if day == today else 0):
                yield midnight + each

    def days(self, start: int = 0) -> Iterator[int]:
        """All days from `start` on, which is included, on which it fires; ascending."""
        if start >= _END:
            return
        begin = date.fromordinal(max(start, 0) + _EPOCH)
        for year in self._years(begin.year):
            first = begin.month if year == begin.year else 1
            for month in self.months[bisect_left(self.months, first) :]:
                before = date(year, month, 1).toordinal() - _EPOCH - 1
                for day in self._days_of(year, month, before):
                    if before + day >= start:
                        yield before + day

    def times(self, first: int = 0, last: int = DAY - 1) -> Iterator[int]:
        """The seconds of a day, from `first` to `last`, both included, at which it fires; ascending."""
        for hour in self.hours[bisect_left(self.hours, first // 3_600) :]:
            start = hour * 3_600
            if start > last:
                return
            for minute in self.minutes[bisect_left(self.minutes, (first - start) // 60) :]:
                base = start + minute * 60
                if base >= first and base + 59 <= last:
                    for second in self.seconds:
                        yield base + second
                else:
                    yield from (base + second for second in self.seconds if first <= base + second <= last)

    def _years(self, start: int) -> Iterator[int]:
        if self.years is None:
            return iter(range(max(start, FIRST_YEAR), LAST_YEAR + 1))
        return iter(self.years[bisect_left(self.years, start) :])

    def _days_of(self, year: int, month: int, before: int) -> tuple[int, ...]:
        """The days of a month; `before` is the day before its first one."""
        leap = month == _FEBRUARY and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        kind = Month(_LENGTHS[month] + leap, (before + 1 + _THURSDAY) % 7)
        found = self._kinds.get(kind)
        if found is None:
            bits = self.rule(kind)
            found = self._kinds[kind] = tuple(day for day in range(1, kind.length + 1) if bits >> day & 1)
        return found
