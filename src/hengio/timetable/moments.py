"""Dates and times as a schedule's author writes them, as instants (H1.3)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hengio.clock import Micros
from hengio.timetable import zone as zones
from hengio.timetable.occurrence import DAY

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DATE_LENGTH = len("2026-11-23")


def beginning(text: str, zone: str) -> Micros:
    """The first instant of a date, or the instant of a date and time; local unless it has an offset."""
    return _instant(text, zone, last=False)


def end(text: str, zone: str) -> Micros:
    """The last instant of a date, or the instant of a date and time; of two the later one."""
    if len(text) == _DATE_LENGTH:
        return zones.instant(zone, _wall(datetime.fromisoformat(text)) + DAY, last=True) - 1
    return _instant(text, zone, last=True)


def _instant(text: str, zone: str, *, last: bool) -> Micros:
    read = datetime.fromisoformat(text)
    if read.tzinfo is not None:
        return (read - _EPOCH) // _MICROSECOND
    return zones.instant(zone, _wall(read), last=last)


def _wall(read: datetime) -> Micros:
    return (read.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
