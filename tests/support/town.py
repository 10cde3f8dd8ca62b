"""An installation that follows schedules, with a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from hengio.dispatch.local import LocalDispatcher
from hengio.errors import NotFound
from hengio.model.execution import Execution
from hengio.model.fire import FireFilter
from hengio.model.outcome import Failure
from hengio.model.schedule import Schedule
from hengio.scheduler.firing import Firing
from hengio.scheduler.loop import Scheduler
from hengio.service.schedules import ScheduleService
from hengio.storage.protocol import Storage, StoredJob
from tests.support.builders import a_job
from tests.support.clock import MovableClock
from tests.support.schedules import HOUR, at

START = at("2026-11-30T00:00:00+07:00")
BY = "a test"


@dataclass
class Town:
    """An installation whose clock the test moves."""

    storage: Storage
    clock: MovableClock
    firing: Firing
    service: ScheduleService

    async def follow(self, schedule: Schedule | None, name: str = "job", **fields: Any) -> StoredJob:
        """Save a job with that schedule now, as the door does: what was due before is decided first."""
        job = a_job("a", name=name, schedule=schedule, **fields)
        with suppress(NotFound):
            await self.firing.settle((await self.storage.jobs.get(name)).id, at=self.clock.now())
        return await self.storage.jobs.put(job, at=self.clock.now())

    async def look(self) -> list[Execution]:
        """One look of the scheduler."""
        return list((await self.firing.once(limit=1_000)).begun)

    async def pass_(self, seconds: float, *, step: float = 60.0) -> list[Execution]:
        """Let time pass, with a look at each step."""
        begun = await self.look()
        for _ in range(int(seconds / step)):
            self.clock.advance(step)
            begun += await self.look()
        return begun

    @asynccontextmanager
    async def scheduling(self) -> AsyncIterator[None]:
        """The scheduler's loop runs meanwhile."""
        scheduler = Scheduler(self.firing, self.storage.audit, self.storage.jobs, self.clock, every_seconds=0.01)
        running = asyncio.create_task(scheduler.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    async def is_right(self) -> bool:
        """Whether the next time to decide is not far ahead."""
        return (await self.storage.schedules.next_at() or 0) <= self.clock.now() + HOUR

    async def end(self, execution: Execution) -> None:
        """End it at once."""
        why = Failure("cancelled", "a test")
        await self.storage.interventions.cancel(execution.id, why=why, at=self.clock.now())

    async def ledger(self, name: str = "job") -> list[tuple[float, str]]:
        """Hours after the start, and what became of each nominal time, in their order."""
        stored = await self.storage.jobs.get(name)
        found = await self.service.fires(FireFilter(job_id=stored.id), limit=10_000)
        told = [
            ((fire.nominal_time - START) / HOUR, fire.state.value if fire.reason is None else fire.reason)
            for fire in found
        ]
        return sorted(told)


def town_of(storage: Storage) -> Town:
    """One on that database, at the start."""
    clock = MovableClock(START)
    firing = Firing(store=storage.schedules, dispatcher=LocalDispatcher(), clock=clock)
    return Town(storage, clock, firing, ScheduleService(storage=storage, firing=firing, clock=clock))
