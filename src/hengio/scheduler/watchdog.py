"""Watches that schedules which may fire are going to: apart from the loop that fires them, so that it also sees when
that one stands still (H1.8)."""

from __future__ import annotations

import asyncio

from hengio.clock import SECOND, Clock
from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.scheduler.statistics import FireStatistics
from hengio.storage.schedules import ScheduleRow, ScheduleStore

log = get_logger("watchdog")

EVERY_SECONDS = 30.0
OVERDUE_SECONDS = 60.0
MOST = 1_000


class Watchdog:
    """Alarms once for each schedule, as long as it is so."""

    def __init__(self, store: ScheduleStore, clock: Clock, statistics: FireStatistics) -> None:
        self._store = store
        self._clock = clock
        self._statistics = statistics
        self._told: set[tuple[str, str]] = set()

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(every_seconds)
            try:
                await self.look()
            except Unavailable as error:
                log.warning("watchdog_waits", error=str(error))
            except Exception:
                log.exception("watchdog_broke")

    async def look(self) -> list[ScheduleRow]:
        """What is wrong now; what is new of it is told in the log."""
        before = self._clock.now() - int(OVERDUE_SECONDS * SECOND)
        found = await self._store.alarming(overdue_before=before, limit=MOST)
        kinds = {(row.job_id, "without_next" if row.next_at is None else "overdue"): row for row in found}
        for (job_id, kind), row in kinds.items():
            if (job_id, kind) not in self._told:
                log.error(f"schedule_{kind}", job_id=job_id, problem=row.problem, next_at=row.next_at)
        self._told = set(kinds)
        self._statistics.without_next = sum(kind == "without_next" for _, kind in kinds)
        self._statistics.overdue = len(kinds) - self._statistics.without_next
        return found
