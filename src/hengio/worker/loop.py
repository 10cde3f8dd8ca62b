"""The worker: how many executions at once, and how to stop within a deadline."""

from __future__ import annotations

import asyncio

from hengio.dispatch.protocol import Delivery, Dispatcher
from hengio.log import get_logger
from hengio.worker.cancels import watch_cancels
from hengio.worker.heartbeat import hold_leases
from hengio.worker.runner import Runner

log = get_logger("worker")

HAND_BACK_SECONDS = 5.0


class Worker:
    """Takes deliveries, at most `at_once` at a time.

    `stop` lets the steps at hand finish until its deadline, hands every execution back after its current step, and
    cancels what is still running then; nothing is lost, the next worker goes on from the last finished step.
    """

    def __init__(self, runner: Runner, dispatcher: Dispatcher, *, at_once: int) -> None:
        self._runner = runner
        self._dispatcher = dispatcher
        self._at_once = at_once
        self._running: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the dispatcher is closed and what was running has ended; leases are held as long."""
        heartbeat = asyncio.create_task(
            hold_leases(self._runner.storage.executions, self._runner.live, lease_seconds=self._runner.lease_seconds)
        )
        cancels = asyncio.create_task(
            watch_cancels(self._runner.storage.interventions, self._runner.cancel, asked=self._runner.cancel_asked)
        )
        try:
            async for delivery in self._dispatcher.deliveries(at_once=self._at_once):
                task = asyncio.create_task(self._run(delivery))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            while self._running:
                await asyncio.wait(self._running)
        finally:
            heartbeat.cancel()
            cancels.cancel()

    async def stop(self, *, deadline_seconds: float) -> None:
        """Take nothing more, and end what runs: after its current step, or cancelled at the deadline.

        What cannot even be handed back then (the database is away) is left to the next start or to its lease.
        """
        self._runner.stopping.set()
        await self._dispatcher.close()
        late = await self._wait(deadline_seconds)
        if late:
            log.warning("stopped_at_deadline", executions=len(late))
            late = await self._cancel(late, seconds=HAND_BACK_SECONDS)
        if late:
            log.error("not_handed_back", executions=len(late))
            await self._cancel(late, seconds=HAND_BACK_SECONDS)

    async def _cancel(self, tasks: set[asyncio.Task[None]], *, seconds: float) -> set[asyncio.Task[None]]:
        for task in tasks:
            task.cancel()
        return await self._wait(seconds)

    async def _wait(self, seconds: float) -> set[asyncio.Task[None]]:
        """Whatever still runs after that time."""
        if not self._running:
            return set()
        _, late = await asyncio.wait(self._running, timeout=seconds)
        return late

    async def _run(self, delivery: Delivery) -> None:
        try:
            await self._runner.run(delivery)
        except Exception:
            log.exception("delivery_broke", execution_id=delivery.work.execution_id)
