"""The numbers of a definition that have limits, and what those are (H3, H5, R1.5)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.findings import Findings

MAX_STEPS = 500


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included unless `above`, where `low` itself is too little."""

    low: float
    high: float = math.inf
    above: bool = False

    def holds(self, value: float) -> bool:
        return (value > self.low if self.above else value >= self.low) and value <= self.high

    def __str__(self) -> str:
        if math.isinf(self.high):
            return f"{'greater than' if self.above else 'at least'} {_plain(self.low)}"
        return f"{'above' if self.above else 'from'} {_plain(self.low)} to {_plain(self.high)}"


def _plain(bound: float) -> str:
    """A whole number in all its digits."""
    return str(bound) if isinstance(bound, int) else f"{bound:g}"


_POSITIVE = Range(0, above=True)
_COUNT = Range(1)
_INTERVAL = Range(1, 10 * 366 * 86_400)
"""Ten years, in seconds."""
JOB: Mapping[str, Range] = {
    "timeout_seconds": _POSITIVE,
    "deadline_seconds": _POSITIVE,
    "max_retries": Range(0, 10),
    "max_crashes": Range(0, 100),
    "max_parallel": Range(1, 256),
}
RATE_LIMIT: Mapping[str, Range] = {"max_requests": _COUNT, "window_seconds": _COUNT}
INPUT: Mapping[str, Range] = {"max_length": Range(0)}
SCHEDULE: Mapping[str, Range] = {
    "interval_seconds": _INTERVAL,
    "delay_seconds": _INTERVAL,
    "jitter_seconds": Range(0, 86_400),
}
MISFIRE: Mapping[str, Range] = {"window_seconds": _POSITIVE, "limit": Range(1, 10_000)}
STEP: Mapping[str, Range] = {"timeout_seconds": _POSITIVE, "max_visits": Range(1, 10_000)}
RETRY: Mapping[str, Range] = {"max_retries": Range(0, 10), "delays_seconds": Range(0), "jitter": Range(0, 1)}
CONFIG: Mapping[str, Mapping[str, Range]] = {
    "wasm": {"fuel_limit": Range(1, (1 << 63) - 1), "timeout_seconds": _POSITIVE, "memory_limit_mb": Range(1, 4096)},
    "http": {
        "timeout_seconds": _POSITIVE,
        "success_statuses": Range(200, 599),
        "max_response_bytes": Range(1, 64 << 20),
    },
    "database": {"max_rows": _COUNT, "timeout_seconds": _POSITIVE},
    "file_processing": {"max_rows": _COUNT},
    "sftp": {"port": Range(1, 65_535), "timeout_seconds": _POSITIVE},
}
FORMAT: Mapping[str, Range] = {"sheet": Range(0), "header_row": _COUNT}


def check(value: Json, ranges: Mapping[str, Range], findings: Findings, path: str) -> None:
    """Tell every number (or number of a list) in the object `value` that leaves its range; the rest is passed by."""
    if not isinstance(value, Mapping):
        return
    for name, allowed in ranges.items():
        given = value.get(name)
        for place, each in enumerate(given if isinstance(given, (list, tuple)) else [given]):
            if isinstance(each, (int, float)) and not isinstance(each, bool) and not allowed.holds(each):
                here = words.child(path, name)
                here = words.child(here, place) if isinstance(given, (list, tuple)) else here
                findings.error(here, f"must be {allowed}, got {words.shown(each)}")
