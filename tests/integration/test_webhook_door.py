"""The door of webhooks where time passes while a call comes in (H2)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from hengio.api.webhooks import WebhookDoor
from hengio.clock import SECOND
from hengio.errors import Corrupt
from hengio.storage.protocol import Storage
from tests.support.clock import MovableClock
from tests.support.receiving import START, Caller, hooked, receiving
from tests.support.webhooks import signature
from tests.support.workplace import working


async def post(door: WebhookDoor, caller: Caller, body: Any) -> httpx.Response:
    """Call the application that the server would serve, with a body as it comes."""
    whole = b'{"n": 1}'
    headers = {
        "X-Hengio-Timestamp": str(START),
        "X-Hengio-Signature": signature(caller.access.secret, str(START), whole),
    }
    transport = httpx.ASGITransport(Starlette(routes=[door.route]))
    async with httpx.AsyncClient(transport=transport, base_url="http://hengio") as client:
        return await client.post(f"/api/webhooks/{caller.access.token}", content=body, headers=headers)


async def slowly(between: Callable[[], Awaitable[object]]) -> Any:
    yield b'{"n"'
    await between()
    yield b": 1}"


@pytest.mark.requirement("H2.5")
async def test_a_url_that_ends_while_a_body_comes_does_not_start_the_job(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        door = WebhookDoor(caller.receiver, most_bytes=100)

        async def regenerate() -> None:
            await caller.receiver.webhooks.regenerate(caller.stored, by="me")
            await asyncio.sleep(0.1)

        assert (await post(door, caller, slowly(lambda: asyncio.sleep(0.1)))).status_code == 202
        assert (await post(door, caller, slowly(regenerate))).status_code == 404
    assert len(await storage.executions.recent()) == 1


async def test_a_body_that_does_not_come_to_its_end_in_time_is_not_waited_for(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        door = WebhookDoor(caller.receiver, most_bytes=100, body_seconds=0.1)
        answer = await post(door, caller, slowly(lambda: asyncio.sleep(60)))
        assert (answer.status_code, answer.json()["code"]) == (408, "timed_out")
        assert answer.headers["connection"] == "close"
        assert door.results == {"timed_out": 1}


async def test_a_fault_of_ours_is_told_to_the_log_by_its_place_and_to_the_caller_by_its_status(
    storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    class Faulty(MovableClock):
        def now(self) -> int:
            raise ValueError("it quotes a body")

    class Altered(MovableClock):
        def now(self) -> int:
            raise Corrupt("a secret of /somewhere is altered")

    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        for broken, told in ((Faulty(), "internal"), (Altered(), "corrupt")):
            receiver = type(caller.receiver)(
                storage=storage,
                webhooks=caller.receiver.webhooks,
                known=caller.receiver.known,
                starter=caller.receiver.starter,
                clock=broken,
                refusals=caller.receiver.refusals,
            )
            answer = await post(WebhookDoor(receiver, most_bytes=100), caller, b'{"n": 1}')
            assert (answer.status_code, answer.json()["code"]) == (500, told)
            assert set(answer.json()) == {"type", "title", "status", "code"}
    logged = capsys.readouterr().err
    assert "quotes a body" not in logged
    assert "service/receiving.py:" in logged
