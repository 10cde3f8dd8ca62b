"""The scheduler's loop: decide, then wait until the next schedule is due. Any number of processes may run one."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from hengio.clock import SECOND, Clock, Micros
from hengio.errors import Unavailable
from hengio.ids import new_id
from hengio.log import get_logger
from hengio.model.audit import AuditEntry
from hengio.scheduler.firing import Firing
from hengio.storage.audit import AuditStore
from hengio.storage.protocol import JobStore
from hengio.storage.schedules import Decided

log = get_logger("scheduler")

AT_ONCE = 1_000
"""Schedules in one transaction. What is due in one moment is rather written together: executions that begin meanwhile
would keep the others waiting."""
LONGEST_PAUSE_SECONDS = 5.0
AHEAD: Micros = 300 * SECOND
"""A clock that goes back by more was wrong before: what it made due too early is decided again. A smaller step is that
of a clock which is kept right, and is waited for."""


class Scheduler:
    """Follows every schedule. `asked` makes it look at once: a job was changed in this process."""

    def __init__(
        self,
        firing: Firing,
        audit: AuditStore,
        jobs: JobStore,
        clock: Clock,
        *,
        at_once: int = AT_ONCE,
        every_seconds: float = 1.0,
    ) -> None:
        self._firing = firing
        self._audit = audit
        self._jobs = jobs
        self._clock = clock
        self._at_once = at_once
        self._every = every_seconds
        self._latest: Micros | None = None
        self.asked = asyncio.Event()

    async def run(self) -> None:
        """For ever. Whatever one round meets, the next one comes."""
        away = self._every
        while True:
            try:
                await self._check_clock()
                done = await self._firing.once(limit=self._at_once)
                await self._tell(done)
                if len(done.decisions) < self._at_once:
                    await self._pause()
                away = self._every
            except Unavailable as error:
                log.warning("scheduler_waits", error=str(error))
                await asyncio.sleep(away)
                away = min(away * 2, LONGEST_PAUSE_SECONDS)
            except Exception:
                log.exception("scheduler_broke")
                await self._one_by_one()
                await asyncio.sleep(self._every)

    async def _check_clock(self) -> None:
        """Take back what a clock that was far ahead made due, once it is right again."""
        if self._latest is None:
            self._latest = await self._firing.store.latest_decided() or 0
        now = self._clock.now()
        if now < self._latest - AHEAD:
            count = await self._firing.store.reopen(at=now)
            log.warning("clock_went_back", seconds=(self._latest - now) / SECOND, schedules=count)
        self._latest = now

    async def _one_by_one(self) -> None:
        """Something among what is due breaks a whole transaction: find it, and stop it alone."""
        store = self._firing.store
        with suppress(Unavailable):
            for job_id in await store.due(before=self._clock.now(), limit=self._at_once):
                try:
                    await self._tell(await self._firing.settle(job_id, at=self._clock.now()))
                except Unavailable:
                    raise
                except Exception as error:
                    problem = f"what it decided cannot be written: {type(error).__name__}"
                    log.exception("schedule_stopped", job_id=job_id, problem=problem)
                    await store.stop(job_id, problem=problem)
                    await self._alarm(job_id, problem)

    async def _tell(self, done: Decided) -> None:
        """Alarm for what fires no more (H1.8)."""
        for decision in done.decisions:
            if decision.problem is not None:
                log.error("schedule_stopped", job_id=decision.job_id, problem=decision.problem)
                await self._alarm(decision.job_id, decision.problem)

    async def _alarm(self, job_id: str, problem: str) -> None:
        names = await self._jobs.names([job_id])
        entry = AuditEntry(
            id=new_id(),
            at=self._clock.now(),
            action="schedule.stopped",
            actor="scheduler",
            subject=names.get(job_id, job_id),
            detail={"job_id": job_id, "problem": problem},
        )
        await self._audit.add([entry])

    async def _pause(self) -> None:
        """Until the next one is due, but never long: the clock may be set, and others may change schedules."""
        due_at = await self._firing.store.next_at()
        left = self._every if due_at is None else (due_at - self._clock.now()) / SECOND
        with suppress(TimeoutError):
            async with asyncio.timeout(min(max(left, 0.0), self._every)):
                await self.asked.wait()
        self.asked.clear()
