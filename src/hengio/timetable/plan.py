"""Which days fire, which are left out, and to which days their times are moved (H1.4).

All of this happens on the wall, before daylight saving has a say.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hengio.clock import Micros
from hengio.timetable.calendar import Calendar
from hengio.timetable.occurrence import DAY, date_of
from hengio.timetable.rhythm import Moved, Rhythm

_IN_VAIN = 1_000
"""After so many days in a row that are left out, no further one is expected to fire."""


class Day(NamedTuple):
    """What happens on a day: its `own` times and those of `sources` fire; or it is `off` and its own are left out.

    `note` is for its own times, `moved` for those that come from elsewhere.
    """

    number: int
    own: bool = True
    off: bool = False
    note: str = ""
    moved: str = ""
    sources: tuple[Moved, ...] = ()


class Plan:
    """The days of a rhythm under a calendar, as far as its times lie from `first` to `last` on the wall."""

    __slots__ = ("_calendar", "_first", "_last", "_rhythm")

    def __init__(self, rhythm: Rhythm, calendar: Calendar, *, first: Micros, last: Micros) -> None:
        self._rhythm = rhythm
        self._calendar = calendar
        self._first = first
        self._last = last

    def days(self, start: int) -> Iterator[Day]:
        """From day `start` on all days that fire or are left out, ascending."""
        if self._calendar.empty:
            return (Day(day) for day in self._nominal(start))
        match self._calendar.shift:
            case "skip":
                return (self._day(day) for day in self._nominal(start))
            case "next_business_day":
                return self._forwards(start)
            case "previous_business_day":
                return self._backwards(start)

    def fires(self, start: int) -> Iterator[Day]:
        """Only those that fire. Ends if a thousand days in a row are left out."""
        vain = 0
        for day in self.days(start):
            if not day.off:
                vain = 0
                yield day
            elif (vain := vain + 1) == _IN_VAIN:
                return

    def _nominal(self, start: int) -> Iterator[int]:
        end = self._last // DAY
        for day in self._rhythm.days(max(start, self._first // DAY)):
            if day > end:
                return
            yield day

    def _day(self, number: int, moves: str = "") -> Day:
        reason = self._calendar.off(number)
        if reason:
            return Day(number, off=True, note=reason + moves)
        return Day(number, note=self._calendar.unknown(number))

    def _forwards(self, start: int) -> Iterator[Day]:
        """To the next business day. Those that wait for it all wait for the same one."""
        before = self._calendar.business_day(start - 1, step=-1)
        waiting: list[int] = []
        target = 0
        for number in self._nominal(start if before is None else before + 1):
            if waiting and target < number:
                yield self._reached(target, waiting, own=False)
                waiting = []
            if not self._calendar.off(number):
                here, waiting = (waiting, []) if target == number else ([], waiting)
                if number >= start:
                    yield self._reached(number, here, own=True)
                continue
            goal = self._goal(number, step=1)
            if number >= start:
                yield self._day(number, self._told(goal, "next"))
            if goal is not None and self._within(goal):
                target = goal
                waiting.append(number)
        if waiting:
            yield self._reached(target, waiting, own=False)

    def _backwards(self, start: int) -> Iterator[Day]:
        """To the business day before. A day is told when no later one can be moved before or to it."""
        held: dict[int, Day] = {}
        sources: dict[int, list[int]] = {}
        for number in self._nominal(start):
            goal = self._goal(number, step=-1)
            yield from self._release(held, sources, before=number - _IN_VAIN if goal is None else goal)
            if not self._calendar.off(number):
                held[number] = self._day(number)
                continue
            held[number] = self._day(number, self._told(goal, "previous"))
            if goal is not None and goal >= start and self._within(goal):
                sources.setdefault(goal, []).append(number)
        yield from self._release(held, sources, before=None)

    def _release(self, held: dict[int, Day], sources: dict[int, list[int]], *, before: int | None) -> Iterator[Day]:
        """Take out and tell the days before a day, or all of them."""
        for number in sorted({*held, *sources}):
            if before is not None and number >= before:
                return
            day, moved = held.pop(number, None), sources.pop(number, [])
            yield day if day is not None and not moved else self._reached(number, moved, own=day is not None)

    def _goal(self, number: int, *, step: int) -> int | None:
        return self._calendar.business_day(number, step=step)

    def _within(self, day: int) -> bool:
        return self._first // DAY <= day <= self._last // DAY

    def _told(self, goal: int | None, which: str) -> str:
        """Where the times of a day that is left out go, behind the reason."""
        if goal is None:
            return f"; there is no {which} business day within a year"
        if not self._within(goal):
            return f"; the {which} business day, {date_of(goal)}, is outside of the schedule's dates"
        return f": moved to {date_of(goal)}"

    def _reached(self, number: int, waiting: list[int], *, own: bool) -> Day:
        """A day that times of other days are moved to."""
        note = self._calendar.unknown(number)
        if not waiting:
            return Day(number, own=own, note=note)
        more = f" and {len(waiting) - 1} more" if len(waiting) > 1 else ""
        moved = f"moved here from {date_of(waiting[0])} ({self._calendar.off(waiting[0])}){more}"
        sources = tuple(Moved(each, self._first, self._last) for each in waiting)
        return Day(number, own=own, note=note, moved=moved, sources=sources)
