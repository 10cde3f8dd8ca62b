"""A process that is frozen in the middle of a transaction on PostgreSQL keeps nobody waiting for long (H11.1)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from hengio.errors import Unavailable
from hengio.model.schedule import FixedRate
from hengio.storage.sql.postgres import PostgresDatabase
from hengio.storage.sql.store import SqlStorage
from tests.support.builders import NOON, a_job
from tests.support.vaults import audit_keys

SHORT = 0.3
LONG = 30.0


@asynccontextmanager
async def storage(url: str, *, lock: float = LONG, idle: float = LONG) -> AsyncIterator[SqlStorage]:
    made = SqlStorage(PostgresDatabase(url, lock_seconds=lock, idle_seconds=idle), audit_keys())
    await made.open()
    try:
        yield made
    finally:
        await made.close()


@pytest.mark.requirement("H1.8", "H11.1")
async def test_whoever_waits_for_a_row_that_somebody_holds_is_told_so(postgres_url: str) -> None:
    async with storage(postgres_url, lock=SHORT) as ours:
        stored = await ours.jobs.put(a_job("a", schedule=FixedRate(interval_seconds=60)), at=NOON)
        holder = await asyncpg.connect(postgres_url)
        try:
            await holder.execute("BEGIN; SELECT 1 FROM schedules FOR UPDATE")
            with pytest.raises(Unavailable, match="lock timeout"):
                await ours.schedules.pause(stored.id, paused=True, at=NOON)
        finally:
            await holder.close()
        assert (await ours.schedules.pause(stored.id, paused=True, at=NOON)).paused


@pytest.mark.requirement("H1.8", "H11.1")
async def test_what_a_frozen_process_holds_is_free_again(postgres_url: str) -> None:
    """It decides, and stands still in the middle of that."""
    async with storage(postgres_url, idle=SHORT) as frozen, storage(postgres_url) as ours:
        stored = await ours.jobs.put(a_job("a", schedule=FixedRate(interval_seconds=60)), at=NOON)

        def stand_still(_found: object) -> list[object]:
            time.sleep(3 * SHORT)
            return []

        with pytest.raises(Unavailable):
            await frozen.schedules.decide(stand_still, before=NOON, limit=10)  # type: ignore[arg-type]
        await asyncio.wait_for(ours.schedules.pause(stored.id, paused=True, at=NOON), 10)
