"""Counts what the sandbox does, for `SandboxStatistics`."""

from __future__ import annotations

import threading
from collections import Counter

from hengio.sandbox.wasmtime.config import Tier


class Tally:
    """Numbers that only grow. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()
        self.compilations: Counter[str] = Counter()
        self.compile_seconds: Counter[str] = Counter()
        self.artefact_hits = 0
        self.artefact_misses = 0

    def call(self, tier: Tier) -> None:
        with self._lock:
            self.calls[tier] += 1

    def compiled(self, tier: Tier, seconds: float, *, missed: bool) -> None:
        """Code was made, in so many seconds; `missed` if kept code could have been there instead."""
        with self._lock:
            self.compilations[tier] += 1
            self.compile_seconds[tier] += seconds  # type: ignore[assignment]  # a Counter adds any numbers
            self.artefact_misses += missed

    def loaded(self) -> None:
        """Kept code was loaded."""
        with self._lock:
            self.artefact_hits += 1
