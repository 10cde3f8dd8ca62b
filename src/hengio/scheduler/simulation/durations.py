"""How long executions take: measured before, said by somebody, or assumed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from statistics import fmean, median
from typing import Literal

from msgspec import Struct

from hengio.clock import SECOND, Micros

ASSUMED_SECONDS = 1.0
_MASK = (1 << 64) - 1
_SHORTEST: Micros = 1
"""What has begun and ended at the same moment was at no time at work."""

Source = Literal["measured", "given", "assumed"]
Draw = Callable[[Micros], Micros]


class Durations(Struct, frozen=True):
    """Ascending durations, one of which each execution takes; never empty."""

    source: Source
    values: tuple[Micros, ...]

    @classmethod
    def of(cls, source: Source, seconds: Sequence[float]) -> Durations:
        return cls(source, tuple(sorted(max(int(each * SECOND), _SHORTEST) for each in seconds)))

    @property
    def mean(self) -> float:
        """In seconds, as all of the following."""
        return fmean(self.values) / SECOND

    @property
    def median(self) -> float:
        return median(self.values) / SECOND

    @property
    def p95(self) -> float:
        """What 95 % of them do not exceed."""
        return self.values[-(-len(self.values) * 95 // 100) - 1] / SECOND

    def ends(self, times: Sequence[Micros], draw: Draw) -> list[Micros]:
        """When executions that begin at these times end."""
        if len(self.values) == 1:
            only = self.values[0]
            return [at + only for at in times]
        return [at + draw(at) for at in times]

    def drawn(self, job_id: str) -> Draw:
        """How long the execution of a nominal time takes: any of the values, and the same whenever it is asked."""
        values, count = self.values, len(self.values)
        if count == 1:
            only = values[0]
            return lambda at: only
        key = int.from_bytes(blake2b(job_id.encode(), digest_size=8).digest(), "big")

        def draw(at: Micros) -> Micros:
            mixed = (at ^ key) * 0x9E3779B97F4A7C15 & _MASK
            mixed = (mixed ^ mixed >> 32) * 0xD6E8FEB86659FD93 & _MASK
            return values[(mixed >> 32) * count >> 32]

        return draw


ASSUMED = Durations.of("assumed", [ASSUMED_SECONDS])
