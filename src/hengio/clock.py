"""Time is handed in, so that a test can hold it still (`tests/support` has a clock that it moves).

Moments are whole microseconds since 1970 in UTC: exact, the same in both databases, and cheap to compare.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

Micros = int
SECOND: Micros = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """What time it is. `now` may jump when an operator sets the clock; `monotonic` never does."""

    def now(self) -> Micros: ...

    def monotonic(self) -> float: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Micros:
        return time.time_ns() // 1_000

    def monotonic(self) -> float:
        return time.monotonic()


def to_datetime(moment: Micros) -> datetime:
    """The same moment as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=moment)


def to_iso(moment: Micros) -> str:
    """RFC 3339 in UTC with microseconds: `2026-11-23T00:00:00.000000Z`."""
    return to_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
