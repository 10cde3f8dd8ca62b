"""How many executions run at once."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from hengio.clock import Micros


class Running:
    """Executions that begin and end, a stretch of time after the other. `most` ran at once, first `at` that moment."""

    def __init__(self) -> None:
        self._ends: list[Micros] = []
        self.most = 0
        self.at: Micros | None = None

    def revise(self, ends: Iterable[tuple[Micros, Micros]]) -> None:
        """Executions that were said to end later than they do: what was told, and what is."""
        for told, real in ends:
            self._ends.pop(bisect_left(self._ends, told))
            self._ends.insert(bisect_left(self._ends, real), real)

    def pass_(
        self, starts: Sequence[Micros], ends: Sequence[Micros], bounds: Sequence[tuple[Micros, Micros]]
    ) -> list[int]:
        """The most that run at once in each part of the stretch, from a moment to before another; `starts` lie in the
        stretch and ascend, `ends` are those of the same executions in any order."""
        over = sorted([*self._ends, *ends])
        peaks, begun, ended, running = [], 0, 0, len(self._ends)
        for low, high in bounds:
            while ended < len(over) and over[ended] <= low:
                ended += 1
                running -= 1
            peak = running
            if peak > self.most:
                self.most, self.at = peak, low
            last = bisect_left(starts, high, begun)
            for start in starts[begun:last]:
                while over[ended] <= start:
                    ended += 1
                    running -= 1
                running += 1
                if running > peak:
                    peak = running
                    if peak > self.most:
                        self.most, self.at = peak, start
            begun = last
            peaks.append(peak)
        self._ends = over[ended:]
        return peaks
