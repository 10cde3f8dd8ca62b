"""Days on which a schedule does not fire, and the business days next to them (H1.4)."""

from __future__ import annotations

from datetime import date
from functools import lru_cache

from hengio.clock import to_datetime
from hengio.model import schedule as model
from hengio.timetable import country
from hengio.timetable.occurrence import DAY

_EPOCH = date(1970, 1, 1).toordinal()
_FAR = 366
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


class Calendar:
    """What a schedule's `calendar` means, day by day. A day is counted from 1970-01-01.

    A day is off if it is a public holiday of `skip_holidays`, or under `business_days_only` a day of the weekend, or
    one of `blackout_dates`. A business day is none of these, whether or not the schedule leaves out weekends.
    """

    __slots__ = ("_blackout", "_country", "_weekends", "shift")

    def __init__(self, given: model.Calendar) -> None:
        self._country = given.skip_holidays
        self._weekends = given.business_days_only
        self._blackout = frozenset(date.fromisoformat(day).toordinal() - _EPOCH for day in given.blackout_dates)
        self.shift = given.shift

    @property
    def empty(self) -> bool:
        """Whether no day is ever off."""
        return not (self._country or self._weekends or self._blackout)

    def off(self, day: int) -> str:
        """Why a day is left out; empty if it is not."""
        if self._country and (name := _year(self._country, day).holidays.get(day)):
            return name
        if day in self._blackout:
            return "blackout date"
        return _WEEKDAYS[(day + 3) % 7] if self._weekends and self._rests(day) else ""

    def unknown(self, day: int) -> str:
        """That not all holidays of the day's year are known, if so; else empty."""
        if self._country is None or _year(self._country, day).known:
            return ""
        return f"not all holidays of {self._country} in {to_datetime(day * DAY).year} are known"

    def business_day(self, day: int, *, step: int) -> int | None:
        """The next business day in steps of 1 or -1, beginning with `day` itself; None if none is within a year."""
        return next((each for each in range(day, day + step * _FAR, step) if self._works(each)), None)

    def _works(self, day: int) -> bool:
        if day in self._blackout or self._rests(day):
            return False
        return self._country is None or day not in _year(self._country, day).holidays

    def _rests(self, day: int) -> bool:
        return country.weekend(day) if self._country is None else day in _year(self._country, day).rest


def _year(code: str, day: int) -> country.Year:
    return country.year(code, _number(day))


@lru_cache(maxsize=4_096)
def _number(day: int) -> int:
    return date.fromordinal(day + _EPOCH).year
