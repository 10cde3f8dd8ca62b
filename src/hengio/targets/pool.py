"""Sessions with a server that are kept for the next use, a few at a time, and forget everything in between."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

CONNECTIONS = 8
_IDLE_SECONDS = 60.0
_RESET_SECONDS = 5.0


class Session(Protocol):
    """One session with a server."""

    @property
    def lost(self) -> bool:
        """Whether it is known to have ended."""
        ...

    async def reset(self) -> bool:
        """Make the server forget settings, locks, temporary tables; False if the session is of no more use."""
        ...

    async def abandon(self) -> None:
        """End it, and on the server whatever still runs in it."""
        ...

    def close(self) -> None:
        """End it now, without asking."""
        ...


S = TypeVar("S", bound=Session)


class Pool(Generic[S]):
    """Up to `CONNECTIONS` sessions. One whose use ended in an exception is abandoned, the others are reset and kept."""

    def __init__(self, make: Callable[[float], Awaitable[S]]) -> None:
        """`make` connects, by a time of the loop's clock, or raises."""
        self._make = make
        self._places = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[tuple[S, asyncio.TimerHandle]] = []
        self._closed = False

    @asynccontextmanager
    async def borrowed(self, *, until: float) -> AsyncIterator[S]:
        """A session for one use. Raises `TimeoutError` when all are in use until `until` (the loop's clock)."""
        async with asyncio.timeout_at(until):
            await self._places.acquire()
        try:
            session = self._kept()
            if session is None:
                session = await self._make(until)
            try:
                yield session
            except BaseException:
                await session.abandon()
                raise
            await self._give_back(session)
        finally:
            self._places.release()

    def close(self) -> None:
        """End the sessions that are kept, and the others as they come back."""
        self._closed = True
        while self._idle:
            session, timer = self._idle.pop()
            timer.cancel()
            session.close()

    def _kept(self) -> S | None:
        while self._idle:
            session, timer = self._idle.pop()
            timer.cancel()
            if not session.lost:
                return session
            session.close()
        return None

    async def _give_back(self, session: S) -> None:
        try:
            async with asyncio.timeout(_RESET_SECONDS):
                useful = await session.reset()
        except TimeoutError:
            useful = False
        except BaseException:
            session.close()
            raise
        if not useful or self._closed:
            session.close()
            return
        timer = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._expire, session)
        self._idle.append((session, timer))

    def _expire(self, session: S) -> None:
        self._idle = [kept for kept in self._idle if kept[0] is not session]
        session.close()
