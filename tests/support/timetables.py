"""Schedules and their times, short to write and to compare."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from hengio.clock import SECOND, Micros
from hengio.model.schedule import CronSchedule, Schedule
from hengio.timetable.compile import timetable
from hengio.timetable.occurrence import Occurrence


def at(text: str) -> Micros:
    """The instant of an ISO 8601 text with an offset."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def cron(expression: str, timezone: str, **given: Any) -> CronSchedule:
    return CronSchedule(expression=expression, timezone=timezone, **given)


def told(occurrences: Iterable[Occurrence]) -> list[tuple[str, str | None, str]]:
    """Local time, why it is left out, and the note."""
    return [(each.local, each.skip, each.note) for each in occurrences]


def after(schedule: Schedule, start: str, count: int, *, anchor: Micros = 0) -> list[tuple[str, str | None, str]]:
    """The first times of a schedule from an instant on, itself included."""
    return told(islice(timetable(schedule, anchor=anchor).after(at(start) - 1), count))


def fires(schedule: Schedule, start: str, count: int, *, anchor: Micros = 0) -> list[str]:
    """The local times of the first fires from an instant on, itself included."""
    return [each.local for each in islice(timetable(schedule, anchor=anchor).fires(at(start) - 1), count)]
