"""The http step and servers that are slow, broken, lying or away (H4.1, H5.5)."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from hengio.steps.protocol import StepResult
from hengio.targets.breaker import BreakerPolicy, Breakers, CircuitState
from tests.support.clock import MovableClock
from tests.support.processes import free_port
from tests.support.requests import Stepping, run
from tests.support.steps import output_of
from tests.support.web import Seen, always, response, serving


def ended(result: StepResult) -> tuple[str, str, bool]:
    assert result.failure is not None
    return result.failure.code, result.kind, result.retryable


async def silent(_seen: Seen, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


async def dripping_body(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def dripping_head(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def hinting(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0.001)


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize("handler", [silent, dripping_body, dripping_head, hinting])
@pytest.mark.parametrize("limit", ["step", "config"])
async def test_a_slow_server_is_waited_for_no_longer_than_the_step_says(handler: Any, limit: str) -> None:
    async with serving(handler) as web:
        config = {"url": web.url()} | ({"timeout_seconds": 0.3} if limit == "config" else {})
        async with asyncio.timeout(5):
            result = await run(config, timeout_seconds=0.3 if limit == "step" else None)
    assert ended(result) == ("timed_out", "timed_out", True)


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcdef",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000 + b"\r\n",
        response(gzip.compress(b"abc")[:-6], content_encoding="gzip"),
        response(gzip.compress(b"abc") * 2, content_encoding="gzip"),
        response(b"abc", content_encoding="br"),
        response(b'{"a": 1, "b', content_type="application/json"),
    ],
)
async def test_a_broken_or_lying_server_is_a_failure_worth_another_try(data: bytes) -> None:
    async with serving(always(data)) as web:
        code, kind, retryable = ended(await run({"url": web.url()}))
    assert (code in {"unavailable", "broken_response", "http_status"}, kind, retryable) == (True, "failed", True)


async def test_what_a_server_sends_too_much_is_no_answer_to_the_next_request() -> None:
    """A connection on which more came than was announced is not used again."""
    count = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal count
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                count += 1
                writer.write(response(b"first") + (response(b"smuggled") if count == 1 else b""))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server, Stepping() as stepping:
        await stepping.run({"url": url})
        assert output_of(await stepping.run({"url": url}))["body"] == "first"


async def test_a_connection_that_is_reset_or_refused_is_a_failure_worth_another_try() -> None:
    async def reset(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc")
        await writer.drain()
        writer.transport.abort()

    async with serving(reset) as web:
        assert ended(await run({"method": "POST", "url": web.url(), "body": {}})) == ("unavailable", "failed", True)
    gone = f"http://127.0.0.1:{free_port()}/"
    assert ended(await run({"url": gone})) == ("unavailable", "failed", True)
    assert ended(await run({"url": "http://no-such-host.invalid/"})) == ("unavailable", "failed", True)


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize(
    "data",
    [
        response(b"x" * 200_000),
        response(gzip.compress(b"x" * 50_000_000), content_encoding="gzip"),
        response(gzip.compress(b"") + b"x" * 200_000, content_encoding="gzip"),
    ],
    ids=["large", "bomb", "tail"],
)
async def test_a_response_over_its_limit_is_not_kept(data: bytes) -> None:
    async with serving(always(data)) as web:
        code, _, retryable = ended(await run({"url": web.url(), "max_response_bytes": 100_000}))
    assert (code, retryable) in {("too_large", False), ("unavailable", True)}


async def test_a_large_response_within_the_limit_is_read_whole() -> None:
    rows = b"[" + b",".join(b'{"n":%d}' % n for n in range(300_000)) + b"]"
    async with serving(always(response(rows, content_type="application/json"))) as web:
        assert len(output_of(await run({"url": web.url()}))["body"]) == 300_000


@pytest.mark.requirement("H5.5")
async def test_a_server_that_is_away_is_left_alone_until_it_is_tried_again() -> None:
    clock = MovableClock()
    breakers = Breakers(clock, BreakerPolicy(failures=2, open_seconds=10))
    answers = [b"HTTP/1.1 200 OK\r\n", response(status="503 Service Unavailable"), response(b"back")]

    async def handle(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(answers.pop(0))

    async with serving(handle) as web, Stepping(breakers=breakers) as stepping:
        config = {"url": web.url()}
        assert [ended(await stepping.run(config))[0] for _ in range(2)] == ["unavailable", "http_status"]
        assert [circuit.target for circuit in breakers.circuits()] == [f"http 127.0.0.1:{web.port}"]
        assert ended(await stepping.run(config)) == ("circuit_open", "failed", True)
        assert len(web.seen) == 2
        clock.advance(10)
        assert output_of(await stepping.run(config))["body"] == "back"
    assert breakers.circuits() == []


@pytest.mark.requirement("H5.5")
async def test_what_a_server_answers_is_no_failure_of_it_and_a_hurry_neither() -> None:
    breakers = Breakers(MovableClock(), BreakerPolicy(failures=1))
    async with serving(always(response(b"x" * 99, status="500 Internal Server Error"))) as web:
        for config in {"max_response_bytes": 9}, {}, {"max_response_bytes": 9}:
            await run({"url": web.url(), **config}, breakers=breakers)
    async with serving(silent) as web:
        await run({"url": web.url(), "timeout_seconds": 0.1}, breakers=breakers)
        assert breakers.circuits() == []
        await run({"url": web.url(), "timeout_seconds": 1.1}, breakers=breakers)
        assert [circuit.state for circuit in breakers.circuits()] == [CircuitState.OPEN]
