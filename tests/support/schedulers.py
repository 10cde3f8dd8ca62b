"""A scheduler as a process of its own, under a clock that goes faster than the machine's:

    python -m tests.support.schedulers DATABASE_URL BEGAN FACTOR

At the moment BEGAN (seconds since 1970, by the machine's clock) both clocks are the same. It runs until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
import time

from hengio.clock import SECOND, Micros
from hengio.dispatch.local import LocalDispatcher
from hengio.scheduler.firing import Firing
from hengio.scheduler.loop import Scheduler
from hengio.storage.sql.store import open_storage
from tests.support.vaults import audit_keys

LOOK_SECONDS = 0.02


class FastClock:
    """Goes `factor` times as fast as the machine's since `began`; in every process the same."""

    def __init__(self, began: float, factor: float) -> None:
        self._began = began
        self._factor = factor

    def now(self) -> Micros:
        return int((self._began + (time.time() - self._began) * self._factor) * SECOND)

    def monotonic(self) -> float:
        return time.monotonic()


async def schedule(url: str, clock: FastClock) -> None:
    """Follow schedules for ever."""
    storage = open_storage(url, audit_keys())
    await storage.open()
    firing = Firing(store=storage.schedules, dispatcher=LocalDispatcher(), clock=clock, patience_seconds=30.0)
    await Scheduler(firing, storage.audit, storage.jobs, clock, at_once=32, every_seconds=LOOK_SECONDS).run()


if __name__ == "__main__":
    asyncio.run(schedule(sys.argv[1], FastClock(float(sys.argv[2]), float(sys.argv[3]))))
