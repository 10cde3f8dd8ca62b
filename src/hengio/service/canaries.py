"""Watches canaries: one that fails too often is taken away by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hengio.clock import Clock
from hengio.errors import Conflict, Unavailable
from hengio.log import get_logger
from hengio.model.channel import ChannelChange
from hengio.model.outcome import OutcomeKind
from hengio.model.statistics import CallStatistics
from hengio.service.channels import ChannelService
from hengio.storage.protocol import Storage

EVERY_SECONDS = 5.0
BLAMELESS = frozenset({OutcomeKind.SUCCEEDED, OutcomeKind.INVALID, OutcomeKind.CANCELLED})
"""Outcomes for which a module is not to blame: it said that the data is not valid, or it was cancelled."""
ACTOR = "hengio"

log = get_logger("modules")


@dataclass(slots=True)
class CanaryStatistics:
    """Canaries that this process took away, for `/metrics`."""

    rolled_back: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Canaries:
    """Judges each canary by its newest `runs` since it was set: more than `failures_percent` of that many have failed.

    So a canary is not judged by its first run alone, and one that always fails does not wait until it ran that often.
    Any number of processes may watch: of two that take one away, one is told that it is gone.
    """

    storage: Storage
    channels: ChannelService
    clock: Clock
    runs: int
    failures_percent: float
    statistics: CanaryStatistics = field(default_factory=CanaryStatistics)

    async def look(self) -> list[ChannelChange]:
        """Take away those that fail too often; how each channel is now."""
        ended = []
        for name, channels in (await self.storage.channels.current()).items():
            canary = channels.canary
            if canary is None or canary.module_id is None:
                continue
            seen = await self.storage.calls.statistics(canary.module_id, since=canary.at, most=self.runs)
            if failed(seen) * 100 > self.failures_percent * self.runs:
                ended += await self._end(name, canary, seen)
        return ended

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            try:
                await self.look()
            except Unavailable as error:
                log.warning("canaries_wait", error=str(error))
            except Exception:
                log.exception("watch_of_canaries_broke")

    async def _end(self, name: str, canary: ChannelChange, seen: CallStatistics) -> list[ChannelChange]:
        note = f"{failed(seen)} of its {seen.runs} latest runs failed"
        try:
            change = await self.channels.end(name, by=ACTOR, why="rolled_back_by_itself", note=note)
        except Conflict:  # somebody changed it meanwhile
            return []
        self.statistics.rolled_back += 1
        log.error("canary_rolled_back", module=name, module_id=canary.module_id, outcomes=seen.outcomes, note=note)
        return [change]


def failed(seen: CallStatistics) -> int:
    """How many of the calls ended badly through the module."""
    return sum(count for kind, count in seen.outcomes.items() if kind not in BLAMELESS)
