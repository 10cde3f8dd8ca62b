"""Dispatch inside one process: a queue, and a set of what waits in it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence

from hengio.storage.protocol import Work


class LocalDelivery:
    """A delivery of the local queue."""

    __slots__ = ("_dispatcher", "work")

    def __init__(self, dispatcher: LocalDispatcher, work: Work) -> None:
        self._dispatcher = dispatcher
        self.work = work

    def ack(self) -> None:
        self._dispatcher.end()

    def retry(self, after_seconds: float) -> None:
        self._dispatcher.end()
        self._dispatcher.put_later(self.work, after_seconds)


class LocalDispatcher:
    """`Dispatcher` for one worker in this process."""

    def __init__(self) -> None:
        self._queue: deque[Work] = deque()
        self._queued: set[Work] = set()
        self._timers: dict[Work, asyncio.TimerHandle] = {}
        self._in_flight = 0
        self._at_once = 0
        self._wake = asyncio.Event()
        self._closed = False

    async def publish(self, work: Sequence[Work]) -> None:
        for piece in work:
            self._put(piece)

    async def deliveries(self, *, at_once: int) -> AsyncIterator[LocalDelivery]:
        self._at_once = at_once
        while not self._closed:
            if self._queue and self._in_flight < self._at_once:
                work = self._queue.popleft()
                self._queued.discard(work)
                self._in_flight += 1
                yield LocalDelivery(self, work)
            else:
                self._wake.clear()
                await self._wake.wait()

    async def close(self) -> None:
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._wake.set()

    def end(self) -> None:
        """A delivery was ended: one more may go out."""
        self._in_flight -= 1
        self._wake.set()

    def put_later(self, work: Work, after_seconds: float) -> None:
        """Queue it again after a while, unless closed by then."""
        if self._closed:
            return
        loop = asyncio.get_running_loop()
        self._timers[work] = loop.call_later(after_seconds, self._due, work)

    def _due(self, work: Work) -> None:
        self._timers.pop(work, None)
        self._put(work)

    def _put(self, work: Work) -> None:
        if work not in self._queued and work not in self._timers:
            self._queued.add(work)
            self._queue.append(work)
            self._wake.set()
