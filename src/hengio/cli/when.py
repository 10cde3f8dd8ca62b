"""Moments as people write them: RFC 3339, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from hengio.clock import SECOND, Micros, SystemClock, to_datetime
from hengio.definition import words
from hengio.errors import Refused

_AGO = re.compile(r"[0-9]+[smhd]")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST_DATE = "1970-01-01"
_FRACTION = re.compile(r"\.[0-9]+")
_MOST_DIGITS = 12
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
EARLIEST: Micros = 0
LATEST: Micros = (datetime.max.replace(tzinfo=UTC) - _EPOCH) // _MICROSECOND
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def shown(moment: Micros | None) -> str:
    """A moment for people, in UTC to the second; empty for none."""
    return "" if moment is None else to_datetime(moment).strftime("%Y-%m-%d %H:%M:%S")


def local(moment: Micros | None, zone: tzinfo) -> str:
    """A moment for people, in that zone to the second, with its offset; empty for none."""
    return "" if moment is None else to_datetime(moment).astimezone(zone).isoformat(" ", "seconds")


def both(moment: Micros | None, zone: tzinfo) -> dict[str, str] | None:
    """A moment as JSON shows it, in that zone and in UTC (RFC 3339), with a fraction of a second where it has one."""
    if moment is None:
        return None
    return {"local": to_datetime(moment).astimezone(zone).isoformat(), "utc": exact(moment)}


def exact(moment: Micros) -> str:
    """RFC 3339 in UTC, with a fraction of a second where there is one: `2026-11-23T00:00:00Z`."""
    return to_datetime(moment).isoformat().replace("+00:00", "Z")


def to_second(text: str) -> str:
    """A moment in RFC 3339 without its fraction of a second, as people are shown it."""
    return _FRACTION.sub("", text)


def moment(text: str, *, option: str, zone: tzinfo = UTC, end: bool = False) -> Micros:
    """`2026-11-24T08:00Z` (without an offset: in that zone), or `90m` for ninety minutes ago. A date alone is the begin
    of that day, or its `end`, as far as that lies in the years 1970 to 9999. Raises `Refused`, also for a moment
    outside those years."""
    if _DATE.fullmatch(text) and text >= _FIRST_DATE:
        when = _written(f"{text}T23:59:59.999999" if end else text, option, zone)
        return min(max(when, EARLIEST), LATEST)
    when = _ago(text) if _AGO.fullmatch(text) else _written(text, option, zone)
    if not EARLIEST <= when <= LATEST:
        raise Refused(f"{option} '{words.cut(text)}' is no moment between the years 1970 and 9999")
    return when


def _ago(text: str) -> Micros:
    """That long before now; more digits than any moment needs count as too long ago."""
    count, unit = text[:-1], text[-1]
    return -1 if len(count) > _MOST_DIGITS else SystemClock().now() - int(count) * _SECONDS[unit] * SECOND


def _written(text: str, option: str, zone: tzinfo) -> Micros:
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        hint = "write 2026-11-24T08:00Z, or 90m, 12h, 2d ago"
        raise Refused(f"{option} {words.shown(text)} is no moment", hint=hint) from error
    when = when if when.tzinfo else when.replace(tzinfo=zone)
    return (when - _EPOCH) // _MICROSECOND
