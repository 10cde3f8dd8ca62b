"""Events to whoever watches, inside one process. A slow watcher loses the oldest ones, never slows the work."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from hengio.model.event import Event

MOST_WAITING = 10_000


class Watch:
    """What one watcher has not read yet. Reading ends with the execution's last event."""

    def __init__(self, execution_id: str | None) -> None:
        self.execution_id = execution_id
        self._queue: asyncio.Queue[Event] = asyncio.Queue(MOST_WAITING)

    def put(self, event: Event) -> None:
        """Keep it for the watcher; when full, the oldest goes."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(event)

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            event = await self._queue.get()
            yield event
            if event.type == "execution.finished" and self.execution_id is not None:
                return


class Events:
    """The hub. `watched` lets hot paths skip making events that nobody would see."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()

    @property
    def watched(self) -> bool:
        return bool(self._watches)

    def publish(self, event: Event) -> None:
        """Tell every watcher of this execution, and those who watch all."""
        for watch in self._watches:
            if watch.execution_id in (None, event.execution_id):
                watch.put(event)

    @contextmanager
    def watch(self, execution_id: str | None = None) -> Iterator[Watch]:
        """Watch one execution, or all, from now on."""
        watch = Watch(execution_id)
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)
