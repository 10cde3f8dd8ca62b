"""Finds what nobody works on: executions whose worker died, and pending ones that are due or whose message was lost."""

from __future__ import annotations

import asyncio
import math
from contextlib import suppress

from hengio.clock import SECOND, Clock
from hengio.dispatch.protocol import Dispatcher
from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.storage.protocol import ExecutionStore

log = get_logger("recover")

MOST_AT_ONCE = 1_000
REST = 9
"""Rest that many times as long as the last look took, however often a job has room again: a look costs a query over
everything that waits."""


class Reconciler:
    """Publishes again what is pending and due, takes back what dead workers held, and ends what waited too long.

    `alone` says that no other process uses the database: then everything that was running when we start is lost at
    once, without waiting for leases to run out. `freed` asks it to look at once: an execution that was blocked may have
    its turn.

    While the database is away no worker can hold its leases of `lease_seconds`, so that those of the living have run
    out, too, when it is back. Nothing is taken back until they had as long to hold them again.
    """

    def __init__(
        self,
        store: ExecutionStore,
        dispatcher: Dispatcher,
        clock: Clock,
        *,
        alone: bool,
        freed: asyncio.Event | None = None,
        lease_seconds: float = 30.0,
        every_seconds: float = 1.0,
    ) -> None:
        self._store = store
        self._dispatcher = dispatcher
        self._clock = clock
        self._alone = alone
        self._freed = freed or asyncio.Event()
        self._lease = lease_seconds
        self._every = every_seconds
        self._spared_until = -math.inf

    async def recover(self) -> int:
        """Once, at start: take back what was running and publish all that is due. Returns how many were taken back."""
        lost = await self._store.recover(everything=self._alone, at=self._clock.now())
        if lost:
            log.warning("recovered", executions=[work.execution_id for work in lost])
        await self._publish_due()
        return len(lost)

    async def run(self) -> None:
        """For ever: publish what becomes due, take back what ran out. Whatever one round meets, the next one comes."""
        took = 0.0
        while True:
            try:
                await self._rest(await self._pause(), least=REST * took)
                began = self._clock.monotonic()
                if not self._alone and began >= self._spared_until:
                    await self._store.recover(everything=False, at=self._clock.now())
                await self._publish_due()
                took = self._clock.monotonic() - began
            except Unavailable as error:
                log.warning("reconciler_waits", error=str(error))
                self._spared_until = self._clock.monotonic() + self._lease
            except Exception:
                log.exception("reconciler_broke")
                await asyncio.sleep(self._every)

    async def _publish_due(self) -> None:
        if late := await self._store.expire(at=self._clock.now(), limit=MOST_AT_ONCE):
            log.info("expired", executions=late)
        await self._dispatcher.publish(await self._store.due(before=self._clock.now(), limit=MOST_AT_ONCE))

    async def _pause(self) -> float:
        """Until the next pending execution is due, but never longer than `every_seconds`."""
        try:
            due_at = await self._store.next_due()
        except Unavailable:
            return self._every
        if due_at is None:
            return self._every
        left = (due_at - self._clock.now()) / SECOND
        return self._every if left <= 0 else min(left, self._every)

    async def _rest(self, seconds: float, *, least: float) -> None:
        """Wait that long, or at least that and until a job has room again."""
        least = min(seconds, least)
        await asyncio.sleep(least)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds - least):  # `wait_for` of Python 3.11 can swallow a cancel
                await self._freed.wait()
        self._freed.clear()
