"""The reconciler goes on whatever it meets, and ends when it is told to."""

from __future__ import annotations

import asyncio

import pytest

from hengio.clock import SystemClock
from hengio.dispatch.local import LocalDispatcher
from hengio.lifecycle.recover import Reconciler
from hengio.storage.protocol import Storage
from tests.support.waiting import LONG_SECONDS


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_when_cancelled_in_the_moment_in_which_a_job_has_room_again(storage: Storage, turns: int) -> None:
    freed = asyncio.Event()
    dispatcher, clock = LocalDispatcher(), SystemClock()
    reconciler = Reconciler(storage.executions, dispatcher, clock, alone=True, freed=freed, every_seconds=60.0)
    running = asyncio.create_task(reconciler.run())
    await asyncio.sleep(0.05)
    freed.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running], timeout=LONG_SECONDS)
    assert running.cancelled()
