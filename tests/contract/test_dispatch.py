"""What a dispatcher promises."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hengio.dispatch.local import LocalDispatcher
from hengio.dispatch.protocol import Delivery, Dispatcher
from hengio.storage.protocol import Work

SOON = 5.0


@pytest.fixture(params=["local"])
async def dispatcher(request: pytest.FixtureRequest) -> AsyncIterator[Dispatcher]:
    """Each dispatcher there is."""
    assert request.param == "local"
    dispatcher = LocalDispatcher()
    yield dispatcher
    await dispatcher.close()


def work(number: int, *, dispatch_number: int = 1) -> Work:
    return Work(f"execution-{number}", dispatch_number)


class Taker:
    """Takes deliveries one by one."""

    def __init__(self, dispatcher: Dispatcher, *, at_once: int = 9) -> None:
        self._deliveries = dispatcher.deliveries(at_once=at_once)
        self._next: asyncio.Task[Delivery] | None = None

    async def take(self) -> Delivery:
        """The next delivery."""
        task = self._asked()
        delivery = await asyncio.wait_for(asyncio.shield(task), SOON)
        self._next = None
        return delivery

    async def gets_nothing(self) -> bool:
        """Whether the dispatcher has nothing to give after whatever it has to do at once."""
        task = self._asked()
        for _ in range(20):
            await asyncio.sleep(0)
        return not task.done()

    async def ended(self) -> bool:
        """Whether there will be no more deliveries."""
        try:
            await asyncio.wait_for(self._asked(), SOON)
        except StopAsyncIteration:
            return True
        return False

    def _asked(self) -> asyncio.Task[Delivery]:
        if self._next is None:
            self._next = asyncio.ensure_future(anext(self._deliveries))
        return self._next

    async def __aenter__(self) -> Taker:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait([self._next])


async def test_what_is_published_is_delivered(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        await dispatcher.publish([work(1), work(2)])
        assert {(await taker.take()).work, (await taker.take()).work} == {work(1), work(2)}


async def test_a_worker_that_waits_is_woken(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        assert await taker.gets_nothing()
        await dispatcher.publish([work(1)])
        assert (await taker.take()).work == work(1)


async def test_no_more_than_at_once_are_out_until_one_is_ended(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher, at_once=2) as taker:
        await dispatcher.publish([work(1), work(2), work(3)])
        first = await taker.take()
        await taker.take()
        assert await taker.gets_nothing()
        first.ack()
        assert (await taker.take()).work == work(3)


async def test_what_waits_already_is_not_queued_again(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        await dispatcher.publish([work(1), work(1)])
        await dispatcher.publish([work(1)])
        (await taker.take()).ack()
        assert await taker.gets_nothing()


async def test_the_next_dispatch_number_is_new_work(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        await dispatcher.publish([work(1), work(1, dispatch_number=2)])
        found = {(await taker.take()).work.dispatch_number for _ in range(2)}
        assert found == {1, 2}


async def test_what_is_out_may_be_published_again(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        await dispatcher.publish([work(1)])
        await taker.take()
        await dispatcher.publish([work(1)])
        assert (await taker.take()).work == work(1)


async def test_a_retry_comes_again_after_its_time_and_frees_its_place_at_once(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher, at_once=1) as taker:
        await dispatcher.publish([work(1), work(2)])
        first = await taker.take()
        first.retry(0.05)
        other = await taker.take()
        assert {first.work, other.work} == {work(1), work(2)}
        other.ack()
        assert (await taker.take()).work == first.work


async def test_what_waits_for_its_retry_is_not_handed_out_earlier(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        await dispatcher.publish([work(1)])
        (await taker.take()).retry(60.0)
        await dispatcher.publish([work(1)])
        assert await taker.gets_nothing()


async def test_closing_ends_the_deliveries_and_what_waits_is_left_to_the_database(dispatcher: Dispatcher) -> None:
    async with Taker(dispatcher) as taker:
        assert await taker.gets_nothing()
        await dispatcher.publish([work(1)])
        out = await taker.take()
        await dispatcher.publish([work(2)])
        await dispatcher.close()
        assert await taker.ended()
        out.retry(0.0)
