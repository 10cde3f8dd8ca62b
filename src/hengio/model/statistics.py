"""What the calls of a module took and how they ended, over a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import ceil

from msgspec import Struct

from hengio.clock import Micros


class Spread(Struct, frozen=True):
    """Percentiles by nearest rank: a value that really was, at or below which that share of all lies."""

    p50: float
    p95: float
    p99: float
    max: float


class CallStatistics(Struct, frozen=True, kw_only=True):
    """Calls that ended in a window of time, at most so many, the newest. `outcomes` counts them by outcome's word.

    `fuel`, `memory_bytes` and `duration_ms` are of those that got as far as to measure them; None if none did. `more`
    is true where there were more calls in the window than were looked at.
    """

    runs: int
    failures: int
    outcomes: Mapping[str, int]
    fuel: Spread | None
    memory_bytes: Spread | None
    duration_ms: Spread | None
    last_run_at: Micros | None
    more: bool


def spread(values: Iterable[float]) -> Spread | None:
    """The spread of values; None without any."""
    ordered = sorted(values)
    if not ordered:
        return None
    p50, p95, p99 = (ordered[ceil(len(ordered) * share / 100) - 1] for share in (50, 95, 99))
    return Spread(p50, p95, p99, ordered[-1])
