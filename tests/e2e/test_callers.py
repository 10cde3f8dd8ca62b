"""Callers who connect and never ask, against a real server (H11)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.installation import Installation
from tests.support.processes import Child
from tests.support.webhooks import CONNECTION, a_job, port_of, sender

HALF = b"POST /api/webhooks/x HTTP/1.1\r\nHost: x\r\nX-Half"


@asynccontextmanager
async def holding(server: Child, count: int, sent: bytes) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that have sent this and no more."""
    opened = [await asyncio.open_connection("127.0.0.1", port_of(server)) for _ in range(count)]
    for _, writer in opened:
        writer.write(sent)
    try:
        yield [reader for reader, _ in opened]
    finally:
        for _, writer in opened:
            writer.close()


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the other side closes the connection."""
    try:
        return await asyncio.wait_for(reader.read(), 60)
    except ConnectionResetError:
        return b""


@pytest.mark.requirement("H2.3", "H11")
async def test_who_holds_more_connections_than_there_are_files_keeps_nobody_out(tmp_path: Path) -> None:
    place = Installation(tmp_path, {**CONNECTION, "HENGIO_SERVER__HEAD_SECONDS": "3600"})
    await place.apply(a_job())
    async with (
        place.serving(files=256) as server,
        httpx.AsyncClient(timeout=60) as client,
        holding(server, 400, HALF),
    ):
        live = await client.get(f"http://127.0.0.1:{port_of(server)}/health/live")
        assert live.status_code == 200
        answer = await (await sender(place, server, client)).send()
        assert answer.status_code == 202
        execution = answer.json()["execution_id"]
        await place.over(execution)
        assert place.state(execution) == "success"
    assert "connections_full" in place.log()


@pytest.mark.requirement("H2.3", "H11")
@pytest.mark.parametrize("sent", [b"", HALF, b"GET /health/live HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{"])
async def test_a_request_that_does_not_come_to_its_end_is_not_waited_for(tmp_path: Path, sent: bytes) -> None:
    place = Installation(tmp_path, {"HENGIO_SERVER__HEAD_SECONDS": "0.3"})
    async with place.serving() as server, holding(server, 3, sent) as readers:
        ends = await asyncio.gather(*map(end_of, readers))
        assert all(end.startswith(b"HTTP/1.1 200 ") or not end for end in ends)


@pytest.mark.requirement("H9.1")
async def test_what_is_no_request_is_told_in_a_line_like_all_others(tmp_path: Path) -> None:
    place = Installation(tmp_path, {})
    async with place.serving() as server, holding(server, 1, b"nonsense\r\n\r\n") as readers:
        assert (await end_of(readers[0])).startswith(b"HTTP/1.1 400 ")
    lines = [json.loads(line) for line in place.log().splitlines() if line.startswith("{") or "Invalid" in line]
    [told] = [line for line in lines if line["event"] == "Invalid HTTP request received."]
    assert (told["level"], told["area"]) == ("warning", "uvicorn.error")
