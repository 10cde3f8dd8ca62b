"""Moments as people write them: RFC 3339, or how long ago."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hengio.clock import SECOND, Micros, SystemClock, to_datetime
from hengio.errors import Refused

_AGO = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def shown(moment: Micros | None) -> str:
    """A moment for people, in UTC to the second; empty for none."""
    return "" if moment is None else to_datetime(moment).strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str, *, option: str) -> Micros:
    """`2026-11-24T08:00Z` (without a zone: UTC), or `90m` for ninety minutes ago. Raises `Refused`."""
    if ago := _AGO.fullmatch(text):
        return SystemClock().now() - int(ago[1]) * _SECONDS[ago[2]] * SECOND
    try:
        when = datetime.fromisoformat(text)
    except ValueError as error:
        raise Refused(f"{option} {text!r} is no moment", hint="write 2026-11-24T08:00Z, or 90m, 12h, 2d ago") from error
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return round(when.timestamp() * SECOND)
