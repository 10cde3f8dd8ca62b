"""The journal: everything that changes an execution goes through here and waits for its own commit.

While one commit is on its way the next batch gathers, so that a hundred executions share a transaction and each still
goes on only after its own row is durable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Protocol

from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.storage.protocol import Answer, Begin, Claim, Entry, ExecutionStore

log = get_logger("journal")

MOST_AT_ONCE = 512
FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 5.0

Waiting = tuple[Entry, "asyncio.Future[Answer]"]


class Writes(Protocol):
    """Where a passage writes what happened, and learns whether it holds."""

    def write(self, entry: Entry) -> Awaitable[Answer]: ...


class Journal:
    """Group commit in front of an `ExecutionStore`.

    When the database cannot be written (full disk, restart), entries of running executions wait and are tried again
    until they are in or the journal is closed; a new execution is refused at once, so that whoever asked hears of it.
    """

    def __init__(self, store: ExecutionStore) -> None:
        self._store = store
        self._waiting: list[Waiting] = []
        self._wake = asyncio.Event()
        self._closing = False
        self._closed = False
        self._away: Unavailable | None = None
        self._task: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin to commit, on the running loop."""
        self._task = asyncio.get_running_loop().create_task(self._work(), name="journal")

    async def close(self) -> None:
        """Commit what waits, then stop. What cannot be written now raises `Unavailable` to whoever wrote it."""
        self._closing = True
        self._wake.set()
        if self._task is not None:
            await asyncio.wait([self._task])

    def write(self, entry: Entry) -> asyncio.Future[Answer]:
        """Hand in an entry; the future is done when it is durable, or refused."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self._closed:
            future.set_exception(Unavailable("the journal is closed"))
            return future
        if self._away is not None and isinstance(entry, Begin):
            future.set_exception(self._away)
            return future
        self._waiting.append((entry, future))
        self._wake.set()
        return future

    async def _work(self) -> None:
        batch: list[Waiting] = []
        try:
            while self._waiting or not self._closing:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    batch, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                    await self._commit(batch)
        finally:  # also when it is cancelled: nobody may wait for an answer that cannot come
            self._closed = True
            _refuse(batch + self._waiting, Unavailable("the journal is closed"), everything=True)
            self._waiting = []

    async def _commit(self, batch: list[Waiting]) -> None:
        pause = FIRST_PAUSE_SECONDS
        while batch := [waiting for waiting in batch if not _given_up(*waiting)]:
            try:
                batch = _settle(batch, await self._store.commit([entry for entry, _ in batch]))
            except Unavailable as error:
                self._away = error
                batch = _refuse(batch, error, everything=self._closing)
                self._waiting = _refuse(self._waiting, error, everything=self._closing)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear it
                batch = _refuse(batch, error, everything=True)
            if batch:
                log.warning("journal_waits", error=str(self._away or ""), entries=len(batch), pause_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        self._away = None


def _given_up(entry: Entry, future: asyncio.Future[Answer]) -> bool:
    """A claim whose worker does not wait for it any more: written now, nobody would hold the execution."""
    return isinstance(entry, Claim) and future.cancelled()


def _settle(batch: list[Waiting], answers: Sequence[Answer | Exception]) -> list[Waiting]:
    """Tell each its answer; entries for which the database went away meanwhile are left, as in `_refuse`."""
    left: list[Waiting] = []
    for (entry, future), answer in zip(batch, answers, strict=True):
        if isinstance(answer, Unavailable):
            left += _refuse([(entry, future)], answer, everything=False)
        elif future.done():
            continue
        elif isinstance(answer, Exception):
            future.set_exception(answer)
        else:
            future.set_result(answer)
    return left


def _refuse(batch: list[Waiting], error: Exception, *, everything: bool) -> list[Waiting]:
    """Refuse new executions, or everything; what is left shall be tried again."""
    left: list[Waiting] = []
    for entry, future in batch:
        if not everything and not isinstance(entry, Begin):
            left.append((entry, future))
        elif not future.done():
            future.set_exception(error)
    return left
