"""The days of a month that an expression means.

Which days they are depends on nothing but the month's length and the weekday it begins with, so there are only 28 kinds
of month. A set of days is a whole number whose bit `d` stands for day `d`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from hengio.cron.fields import Part, number, numbers

SATURDAY = 6


class Month(NamedTuple):
    """A kind of month: its length, and the weekday of its first day (0 is Sunday)."""

    length: int
    first: int

    def weekday(self, day: int) -> int:
        return (self.first + day - 1) % 7

    def nearest(self, day: int) -> int:
        """The day from Monday to Friday next to `day`, in the same month (Quartz's `W`)."""
        match self.weekday(day):
            case 6:
                return day - 1 if day > 1 else day + 2
            case 0:
                return day + 1 if day < self.length else day - 2
            case _:
                return day

    def all_on(self, weekday: int) -> range:
        """Every day of the month that is that weekday."""
        return range(1 + (weekday - self.first) % 7, self.length + 1, 7)


Days = Callable[[Month], int]
"""The bits of a month's days. Those past the month's end may be set, too."""

_FROM_END = re.compile(r"L(?:-(\d+))?(W)?", re.ASCII)
_NEAREST = re.compile(r"(\d+)W", re.ASCII)
_NTH = re.compile(r"([A-Z0-9]+)#(.*)", re.ASCII)
_MOST_FROM_END = 30
_SPECIAL = re.compile("[LW#]")
_MONTH_HINT = "1 to 31, L (the last day), L-3 (three days before it), 15W (the weekday nearest to the 15th) or LW"
_WEEK_HINT = "1 (SUN) to 7 (SAT), 6L or FRIL (the last Friday), 6#3 or FRI#3 (the third Friday)"


def every(month: Month) -> int:
    """All days."""
    return -1


def on(days: Collection[int]) -> Days:
    """Fixed days of the month."""
    bits = sum(1 << day for day in set(days))
    return lambda month: bits


def on_weekdays(weekdays: Collection[int]) -> Days:
    """Weekdays (0 is Sunday)."""
    wanted = frozenset(weekdays)
    return lambda month: sum(1 << day for weekday in wanted for day in month.all_on(weekday))


def of_month(part: Part) -> Days:
    """The field day-of-month of Quartz: numbers, `L`, `L-n`, `LW`, `L-nW`, `nW`, in a list if need be."""
    if not _SPECIAL.search(part.text):
        return on(numbers(part))
    return _any([_month_entry(entry) for entry in part.entries()])


def _month_entry(part: Part) -> Days:
    if found := _FROM_END.fullmatch(part.text):
        return _from_end(_before(part, found[1]), weekday=bool(found[2]))
    if found := _NEAREST.fullmatch(part.text):
        return _nearest(number(part, found[1]))
    if _SPECIAL.search(part.text):
        part.refuse("cannot be read", _MONTH_HINT)
    return on(numbers(part))


def _before(part: Part, text: str | None) -> int:
    """How many days before the last one."""
    if text is None:
        return 0
    if len(text) > len(str(_MOST_FROM_END)) or int(text) > _MOST_FROM_END:
        part.refuse(f"goes back by more than {_MOST_FROM_END} days", _MONTH_HINT)
    return int(text)


def _from_end(before: int, *, weekday: bool) -> Days:
    def days(month: Month) -> int:
        day = month.length - before
        if day < 1:
            return 0
        return 1 << (month.nearest(day) if weekday else day)

    return days


def _nearest(day: int) -> Days:
    """No day in a month that is too short for it."""
    return lambda month: 1 << month.nearest(day) if day <= month.length else 0


def of_week(part: Part) -> Days:
    """The field day-of-week of Quartz: numbers and names, `L` (Saturday), `nL`, `n#k`, in a list if need be."""
    if not _SPECIAL.search(part.text):
        return on_weekdays([each - 1 for each in numbers(part)])
    return _any([_week_entry(entry) for entry in part.entries()])


def _week_entry(part: Part) -> Days:
    if part.text == "L":
        return on_weekdays([SATURDAY])
    if found := _NTH.fullmatch(part.text):
        return _nth(number(part, found[1]) - 1, _count(part, found[2]))
    if part.text.endswith("L"):
        return _last(number(part, part.text[:-1]) - 1)
    if part.text.endswith("W"):
        part.refuse("belongs to the day of the month", _WEEK_HINT)
    return on_weekdays([each - 1 for each in numbers(part)])


def _count(part: Part, text: str) -> int:
    if text not in {"1", "2", "3", "4", "5"}:
        part.refuse("does not count from 1 to 5", _WEEK_HINT, text=f"#{text}")
    return int(text)


def _nth(weekday: int, count: int) -> Days:
    """No day in a month that has fewer of them."""
    return lambda month: 1 << (month.all_on(weekday)[0] + 7 * (count - 1))


def _last(weekday: int) -> Days:
    return lambda month: 1 << month.all_on(weekday)[-1]


def _any(rules: list[Days]) -> Days:
    def days(month: Month) -> int:
        bits = 0
        for rule in rules:
            bits |= rule(month)
        return bits

    return days


def either(one: Days, other: Days) -> Days:
    """Days that one of both means."""
    return lambda month: one(month) | other(month)


def both(one: Days, other: Days) -> Days:
    """Days that both mean."""
    return lambda month: one(month) & other(month)
