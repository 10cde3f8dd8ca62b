"""Schedules and their times, short to write and to compare."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from hengio.clock import SECOND, Micros
from hengio.model.schedule import CronSchedule
from hengio.timetable.occurrence import Occurrence


def at(text: str) -> Micros:
    """The instant of an ISO 8601 text with an offset."""
    return int(datetime.fromisoformat(text).timestamp()) * SECOND


def cron(expression: str, timezone: str, **given: Any) -> CronSchedule:
    return CronSchedule(expression=expression, timezone=timezone, **given)


def told(occurrences: Iterable[Occurrence]) -> list[tuple[str, str | None, str]]:
    """Local time, why it is left out, and the note."""
    return [(each.local, each.skip, each.note) for each in occurrences]
