"""Waiting for what a test can only see by looking."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")
LONG_SECONDS = 20.0


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """What `look` returns once that is true; `TimeoutError` if it never is."""
    async with asyncio.timeout(LONG_SECONDS):
        while not (found := await look()):  # noqa: ASYNC110 - it looks from outside
            await asyncio.sleep(0.01)
    return found
