"""Several requests under way at once, answered in the order in which they were made."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Coroutine
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Pipeline(Generic[T]):
    """At most `most` requests. Leaving it ends those that are left, and waits for their end."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._tasks: deque[asyncio.Task[T]] = deque()

    @property
    def full(self) -> bool:
        return len(self._tasks) >= self._most

    @property
    def empty(self) -> bool:
        return not self._tasks

    def add(self, request: Coroutine[None, None, T]) -> None:
        """Begin one more request."""
        self._tasks.append(asyncio.create_task(request))

    async def first(self) -> T:
        """The answer to the oldest request."""
        return await self._tasks.popleft()

    async def __aenter__(self) -> Pipeline[T]:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
