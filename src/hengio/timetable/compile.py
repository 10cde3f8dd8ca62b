"""From a schedule to its timetable."""

from __future__ import annotations

from functools import lru_cache
from typing import assert_never
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from hengio.clock import SECOND, Micros
from hengio.cron.errors import CronError
from hengio.cron.parse import parse
from hengio.errors import Problem, Refused
from hengio.model.schedule import CronSchedule, FixedDelay, FixedRate, Misfire, OneTime, Schedule
from hengio.timetable import country, moments
from hengio.timetable import zone as zones
from hengio.timetable.calendar import Calendar
from hengio.timetable.occurrence import DAY
from hengio.timetable.plan import Plan
from hengio.timetable.rhythm import Clockwork, Grid, Rhythm
from hengio.timetable.timetable import Gaps, Overlaps, Timetable

_END: Micros = 7_258_118_400 * SECOND
"""2200-01-01T00:00Z."""


class InvalidSchedule(Refused):
    """A schedule that has no times because something in it means nothing here. `problems` names the field."""

    code = "invalid_schedule"


def timetable(schedule: Schedule, *, anchor: Micros) -> Timetable:
    """The times of a schedule. Where it names no `start_date`, a fixed rate counts from the `anchor`, and so does a
    fixed delay, whose anchor is the end of the execution before. Raises `InvalidSchedule`."""
    match schedule:
        case CronSchedule() | OneTime():
            anchor = 0
        case FixedRate(start_date=str()):
            anchor = 0
        case _:
            pass
    # What has no say in the nominal times does not make another timetable.
    return _compiled(msgspec.structs.replace(schedule, jitter_seconds=0.0, misfire=Misfire()), anchor)


@lru_cache(maxsize=1_024)
def _compiled(schedule: Schedule, anchor: Micros) -> Timetable:
    zone = _zone(schedule.timezone)
    first, last = _period(schedule)
    calendar = _calendar(schedule)
    rhythm, gaps, overlaps = _rhythm(schedule, anchor, first)
    # Where the clock is changed around midnight, the earliest and the latest that the wall shows.
    first_wall = first + min(zones.offset(zone, first), zones.offset(zone, first + DAY))
    last_wall = last + max(zones.offset(zone, last), zones.offset(zone, last - DAY))
    plan = Plan(rhythm, calendar, first=first_wall, last=last_wall)
    return Timetable(rhythm, plan, zone=zone, first=first, last=last, gaps=gaps, overlaps=overlaps)


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _invalid("timezone", f"there is no time zone `{name[:40]}`") from error
    return name


def _period(schedule: Schedule) -> tuple[Micros, Micros]:
    """The first and the last instant at which anything may happen."""
    first, last = 0, _END - 1
    try:
        if schedule.start_date is not None:
            first = max(first, moments.beginning(schedule.start_date, schedule.timezone))
        if schedule.end_date is not None:
            last = min(last, moments.end(schedule.end_date, schedule.timezone))
    except (ValueError, OverflowError) as error:
        raise _invalid("start_date", "the schedule's dates cannot be read") from error
    return min(first, _END), max(last, 0)


def _calendar(schedule: Schedule) -> Calendar:
    if schedule.calendar.skip_holidays is not None:
        try:
            country.check(schedule.calendar.skip_holidays)
        except country.UnknownCountry as error:
            raise _invalid("calendar.skip_holidays", str(error)) from error
    try:
        return Calendar(schedule.calendar)
    except ValueError as error:
        raise _invalid("calendar.blackout_dates", "a date cannot be read") from error


def _rhythm(schedule: Schedule, anchor: Micros, first: Micros) -> tuple[Rhythm, Gaps, Overlaps]:
    zone = schedule.timezone
    match schedule:
        case CronSchedule():
            return _clockwork(schedule)
        case FixedRate(interval_seconds=seconds, start_date=start):
            step = _step(seconds, "interval_seconds")
            begin = anchor + step if start is None else moments.beginning(start, zone)
            return Grid(range(begin, _END, step), zone), "shift", "both"
        case FixedDelay(delay_seconds=seconds, start_date=start):
            step = _step(seconds, "delay_seconds")
            begin = first if start is not None and first > anchor else anchor + step
            return Grid(range(begin, _END, step), zone), "shift", "both"
        case OneTime(execute_at=text):
            at = _execute_at(text, zone)
            return Grid(range(at, at + 1), zone), "shift", "both"
        case _:
            assert_never(schedule)


def _clockwork(schedule: CronSchedule) -> tuple[Rhythm, Gaps, Overlaps]:
    """Debian's cron: what is fixed runs once, what has a wildcard goes on in real time (H1.2)."""
    try:
        expression = parse(schedule.expression)
    except CronError as error:
        raise _invalid("expression", error.message, error.hint) from error
    gaps: Gaps = schedule.on_gap or ("skip" if expression.is_wildcard else "shift")
    overlaps: Overlaps = schedule.on_overlap or ("both" if expression.is_wildcard else "first")
    if gaps == "skip" and expression.every_hour:
        gaps = "pass"  # nothing is left out: the interval goes on
    return Clockwork(expression), gaps, overlaps


def _step(seconds: int, field: str) -> Micros:
    if seconds < 1:
        raise _invalid(field, "must be at least 1")
    return seconds * SECOND


def _execute_at(text: str, zone: str) -> Micros:
    try:
        return moments.beginning(text, zone)
    except (ValueError, OverflowError) as error:
        raise _invalid("execute_at", "the date and time cannot be read") from error


def _invalid(field: str, message: str, hint: str = "") -> InvalidSchedule:
    return InvalidSchedule("the schedule cannot be evaluated", problems=[Problem(field, message, hint)])
