"""What this process decided about schedules, counted for `/metrics` (H9.2)."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field

from hengio.clock import SECOND, Micros
from hengio.model.fire import FireState
from hengio.storage.schedules import Decided

LATENESS_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)
"""The upper bounds of the buckets; one more holds what is above them."""


@dataclass(slots=True)
class FireStatistics:
    """Rows of the ledger by state and reason; how late fires were written, in buckets and in all; schedules that were
    stopped; what the watchdog saw last."""

    fires: dict[tuple[str, str], int] = field(default_factory=dict)
    lateness: list[int] = field(default_factory=lambda: [0] * (len(LATENESS_SECONDS) + 1))
    lateness_seconds: float = 0.0
    stopped: int = 0
    without_next: int = 0
    overdue: int = 0

    def count(self, done: Decided, *, at: Micros) -> None:
        """Take in what was decided; `at` is when it had been written."""
        for decision in done.decisions:
            self.stopped += decision.problem is not None
            for fire in decision.fires:
                key = (fire.state.value, fire.reason or "")
                self.fires[key] = self.fires.get(key, 0) + 1
                if fire.state is FireState.FIRED:
                    self._late((at - fire.nominal_time) / SECOND)

    def _late(self, seconds: float) -> None:
        self.lateness[bisect_left(LATENESS_SECONDS, seconds)] += 1
        self.lateness_seconds += max(seconds, 0.0)
