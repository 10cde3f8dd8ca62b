"""The SFTP step and servers that are slow, broken or hostile: nothing half is ever seen, and nothing waits for ever."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import S3Options, open_blobs
from tests.support.blobs import keys
from tests.support.processes import free_port
from tests.support.proxy import proxied
from tests.support.sftp import PASSWORD, Mischief, Peer, failure, peer, run, sftp_step
from tests.support.steps import output_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.requirement("H4.4")

LARGE = 24 << 20


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Peer]:
    async with peer(tmp_path / "server") as server:
        yield server


@pytest.fixture(params=["folder", "memory"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    """Both ways in which the object store takes what comes."""
    return open_blobs(f"file://{tmp_path}/objects" if request.param == "folder" else "memory://", area="files")


@pytest.fixture(autouse=True)
def nothing_logged(caplog: pytest.LogCaptureFixture) -> object:
    """Neither the SSH library nor the event loop has anything to tell, whatever a server does."""
    caplog.set_level(logging.INFO)
    yield
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.name != "hengio"] == []


@pytest.mark.parametrize(
    ("mischief", "words"),
    [
        (Mischief(grow=1), "before the size that the server said"),
        (Mischief(grow=1 << 40), "before the size that the server said"),
        (Mischief(grow=-1), "its size changed"),
        (Mischief(overfull=True), "more than it was asked for"),
        (Mischief(cut_after=LARGE // 2), "the connection was lost"),
        (Mischief(hang=frozenset({"read"})), "did not answer in time"),
        (Mischief(drip=1), "did not answer in time"),
        (Mischief(hang=frozenset({"open"})), "did not answer in time"),
        (Mischief(hang=frozenset({"stat"})), "did not answer in time"),
    ],
    ids=["too short", "endless", "too long", "overfull", "cut", "hang", "drip", "hang at open", "hang at stat"],
)
async def test_a_broken_download_is_retried_and_leaves_nothing(
    server: Peer, files: Blobs, mischief: Mischief, words: str
) -> None:
    server.write("a.bin", bytes(LARGE))
    server.mischief = mischief
    result = await run(sftp_step(files, stall_seconds=1), server.config("download", "a.bin"))
    assert words in failure(result, retryable=True).message
    assert await keys(files) == []
    server.mischief = Mischief()
    output_of(await run(sftp_step(files), server.config("download", "a.bin")))


async def test_a_listing_that_hangs_ends(server: Peer, files: Blobs) -> None:
    server.write("out/a")
    server.mischief.hang = frozenset({"scandir"})
    config = server.config("download", "out", options={"recursive": True})
    failure(await run(sftp_step(files, stall_seconds=0.5), config), retryable=True)


@pytest.mark.parametrize(
    "mischief",
    [
        Mischief(lose=1),
        Mischief(cut_after=LARGE // 2),
        Mischief(hang=frozenset({"write"})),
        Mischief(hang=frozenset({"fstat"})),
    ],
    ids=["loses a byte", "cut", "hang", "hang at the end"],
)
async def test_a_broken_upload_is_retried_and_nothing_is_seen_under_its_name(
    server: Peer, files: Blobs, mischief: Mischief
) -> None:
    await files.put("a.bin", bytes(LARGE))
    server.mischief = mischief
    config = server.config("upload", "in.bin", local_path="a.bin")
    failure(await run(sftp_step(files, stall_seconds=1), config), retryable=True)
    assert "in.bin" not in server.names()
    server.mischief = Mischief()
    output_of(await run(sftp_step(files), config, attempt=2))
    assert server.names() == ["in.bin"]


@pytest.mark.parametrize("request_", ["open", "read", "scandir", "stat", "write", "posix_rename"])
async def test_cancelling_ends_it_at_once(server: Peer, files: Blobs, request_: str) -> None:
    server.write("out/a.bin", bytes(1 << 20))
    await files.put("a.bin", bytes(1 << 20))
    server.mischief.hang = frozenset({request_})
    upload = request_ in {"write", "posix_rename"}
    config = (
        server.config("upload", "in.bin", local_path="a.bin")
        if upload
        else server.config("download", "out", options={"recursive": True})
    )
    running = asyncio.create_task(run(sftp_step(files), config))
    await asyncio.sleep(0.5)
    assert not running.done()
    began = time.monotonic()
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert time.monotonic() - began < 5
    assert not (server.folder / "in.bin").exists()
    assert await keys(files) == ["a.bin"]


async def test_cancelling_in_full_flow_leaves_nothing(server: Peer, files: Blobs) -> None:
    server.write("a.bin", bytes(LARGE))
    server.mischief.drip = 256 << 10
    running = asyncio.create_task(run(sftp_step(files), server.config("download", "a.bin")))

    async def flowing() -> bool:
        return server.moved > LARGE // 2

    await eventually(flowing)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert await keys(files) == []


async def test_cancelling_an_upload_in_full_flow_leaves_nothing_on_the_server(server: Peer, files: Blobs) -> None:
    await files.put("a.bin", bytes(LARGE))
    server.mischief.drip = 1
    running = asyncio.create_task(run(sftp_step(files), server.config("upload", "in.bin", local_path="a.bin")))

    async def flowing() -> bool:
        return server.moved > LARGE // 4

    await eventually(flowing)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    assert server.names() == []


async def test_the_steps_own_time_ends_it(server: Peer, files: Blobs) -> None:
    server.write("a.bin", b"data")
    server.mischief.hang = frozenset({"read"})
    result = await run(sftp_step(files), server.config("download", "a.bin", timeout_seconds=0.5))
    assert failure(result, retryable=True).code == "timed_out"
    assert result.kind == "timed_out"


async def test_a_line_that_swallows_everything_ends(server: Peer, files: Blobs) -> None:
    server.write("a.bin", bytes(LARGE))
    server.mischief.drip = 256 << 10
    async with proxied("127.0.0.1", server.port) as proxy:
        config = {**server.config("download", "a.bin"), "port": proxy.port}
        running = asyncio.create_task(run(sftp_step(files, stall_seconds=1), config))

        async def flowing() -> bool:
            return server.moved > LARGE // 4

        await eventually(flowing)
        proxy.swallow()
        failure(await running, retryable=True)
        assert await keys(files) == []


async def test_nobody_there_and_no_ssh_there_are_retried(files: Blobs, tmp_path: Path) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n" * 10_000)
        await reader.read(1)
        writer.transport.abort()

    other = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with peer(tmp_path / "server") as server, other:
        for port in (free_port(), other.sockets[0].getsockname()[1]):
            config = {**server.config("download", "a.bin"), "port": port}
            told = failure(await run(sftp_step(files), config), retryable=True)
            assert PASSWORD not in str(told)


@pytest.mark.requirement("H5.5")
async def test_a_server_that_is_away_is_left_alone(server: Peer, files: Blobs) -> None:
    server.write("a.bin", b"data")
    step, config = sftp_step(files, stall_seconds=0.2), server.config("download", "a.bin")
    server.mischief.hang = frozenset({"read"})
    for _ in range(5):
        assert failure(await run(step, config), retryable=True).code == "unavailable"
    assert failure(await run(step, config), retryable=True).code == "circuit_open"


@pytest.mark.requirement("H5.5")
async def test_what_our_own_store_does_is_not_blamed_on_the_server(server: Peer) -> None:
    server.write("a.bin", b"data")
    endpoint = f"http://127.0.0.1:{free_port()}"
    away = S3Options(endpoint=endpoint, access_key="a", secret_key="b", timeout_seconds=1, max_retries=0)
    step = sftp_step(open_blobs("s3://bucket", area="files", s3=away))
    for _ in range(7):
        told = failure(await run(step, server.config("download", "a.bin")), retryable=True)
        assert told.code == "unavailable"


async def test_only_a_few_connections_at_once(server: Peer, files: Blobs) -> None:
    server.write("a.bin", b"data")
    server.mischief.hang = frozenset({"read"})
    step = sftp_step(files)
    running = [asyncio.create_task(run(step, server.config("download", "a.bin"))) for _ in range(10)]
    await asyncio.sleep(1.5)
    assert len(server.logins) == 4
    for task in running:
        task.cancel()
    await asyncio.wait(running)
