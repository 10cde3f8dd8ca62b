"""The guests' threads: nothing is lost, nothing waits behind what is stuck."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from hengio.sandbox.threads import Threads

STACK = 1 << 20


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads(3, stack_bytes=STACK)
    yield made
    made.close()


async def test_every_call_gets_its_own_result(threads: Threads) -> None:
    def square(number: int) -> int:
        return number * number

    results = await asyncio.gather(*(threads.submit(lambda n=n: square(n)) for n in range(2000)))
    assert results == [number * number for number in range(2000)]


async def test_what_a_call_raises_is_raised_where_it_is_awaited(threads: Threads) -> None:
    def fail() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await threads.submit(fail)
    assert await threads.submit(lambda: 1) == 1


async def test_short_calls_pass_a_long_one(threads: Threads) -> None:
    release = threading.Event()
    long = threads.submit(release.wait)
    try:
        results = await asyncio.wait_for(asyncio.gather(*(threads.submit(lambda: 1) for _ in range(100))), 10)
        assert len(results) == 100
        assert not long.done()
    finally:
        release.set()
    assert await long


async def test_results_before_a_long_call_do_not_wait_for_it(threads: Threads) -> None:
    release = threading.Event()
    short = [threads.submit(lambda: 1) for _ in range(20)]
    long = threads.submit(release.wait)
    try:
        assert await asyncio.wait_for(asyncio.gather(*short), 10) == [1] * 20
    finally:
        release.set()
    assert await long


async def test_long_calls_use_every_thread(threads: Threads) -> None:
    meeting = threading.Barrier(3)
    await asyncio.wait_for(asyncio.gather(*(threads.submit(lambda: meeting.wait(10)) for _ in range(3))), 10)


async def test_a_call_cancelled_before_it_starts_does_not_run(threads: Threads) -> None:
    release, ran = threading.Event(), []
    blocking = [threads.submit(release.wait) for _ in range(3)]
    await asyncio.sleep(0.05)
    waiting = threads.submit(lambda: ran.append(1))
    waiting.cancel()
    release.set()
    await asyncio.gather(*blocking)
    await threads.submit(lambda: None)
    assert ran == []


async def test_closing_waits_for_what_runs_and_cancels_what_waits() -> None:
    threads = Threads(1, stack_bytes=STACK)
    release = threading.Event()
    running = threads.submit(release.wait)
    await asyncio.sleep(0.02)
    waiting = threads.submit(lambda: 1)
    closing = asyncio.create_task(asyncio.to_thread(threads.close))
    with pytest.raises(asyncio.CancelledError):
        await waiting
    release.set()
    await closing
    assert await running
    with pytest.raises(RuntimeError, match="closed"):
        threads.submit(lambda: 1)


def test_several_event_loops_may_share_the_threads(threads: Threads) -> None:
    async def ask(number: int) -> int:
        return sum(await asyncio.gather(*(threads.submit(lambda: number) for _ in range(50))))

    totals: list[int] = []
    loops = [threading.Thread(target=lambda n=n: totals.append(asyncio.run(ask(n)))) for n in range(4)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join()
    assert sorted(totals) == [0, 50, 100, 150]


def test_a_loop_that_is_gone_disturbs_nobody(threads: Threads) -> None:
    async def leave() -> None:
        threads.submit(lambda: time.sleep(0.05))
        await asyncio.sleep(0.01)

    asyncio.run(leave())
    time.sleep(0.1)
    assert asyncio.run(_one(threads)) == 1


async def _one(threads: Threads) -> int:
    return await threads.submit(lambda: 1)
