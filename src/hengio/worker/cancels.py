"""Tells what runs here that it shall be cancelled, wherever that was asked."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.storage.protocol import Cancelling, InterventionStore

log = get_logger("worker")

LOOK_SECONDS = 0.5
"""How often the database is asked. Whoever cancels in the same process is heard at once."""


async def watch_cancels(
    store: InterventionStore,
    cancel: Callable[[Cancelling], None],
    *,
    asked: asyncio.Event,
    every_seconds: float = LOOK_SECONDS,
) -> None:
    """For ever: `cancel` each execution that shall end, every time until it has. `asked` makes it look at once."""
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(every_seconds):
                await asked.wait()
        asked.clear()
        try:
            for one in await store.cancelling():
                cancel(one)
        except Unavailable as error:
            log.warning("cancels_wait", error=str(error))
        except Exception:
            log.exception("cancels_not_seen")
            await asyncio.sleep(every_seconds)
