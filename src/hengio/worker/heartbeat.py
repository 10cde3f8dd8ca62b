"""Holds the leases of what a worker is doing, so that nobody else takes it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hengio.errors import Unavailable
from hengio.log import get_logger
from hengio.storage.protocol import ExecutionStore

log = get_logger("heartbeat")


async def hold_leases(store: ExecutionStore, live: Mapping[str, int], *, lease_seconds: float) -> None:
    """For ever: extend every live claim three times a lease. A database that is away is tried again; the fencing token
    keeps a worker that was too late from harm."""
    while True:
        await asyncio.sleep(lease_seconds / 3)
        claims = list(live.items())
        if not claims:
            continue
        try:
            await store.extend(claims, lease_seconds=lease_seconds)
        except Unavailable as error:
            log.warning("leases_not_extended", error=str(error), claims=len(claims))
        except Exception:
            log.exception("leases_not_extended", claims=len(claims))
