"""A clock that stands still until the test moves it."""

from __future__ import annotations

from hengio.clock import SECOND, Micros


class MovableClock:
    """Starts at `start` microseconds since 1970 and goes only where `advance` takes it."""

    def __init__(self, start: Micros = 1_800_000_000 * SECOND) -> None:
        self._now = start

    def now(self) -> Micros:
        return self._now

    def monotonic(self) -> float:
        return self._now / SECOND

    def advance(self, seconds: float) -> None:
        """Let that much time pass."""
        self._now += int(seconds * SECOND)
