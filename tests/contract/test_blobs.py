"""What every object store promises: in memory, in a local folder, and on a real S3 server (named in the test's id)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import AREAS, S3Options, open_blobs
from hengio.clock import SECOND, SystemClock
from hengio.errors import Conflict, HengioError, NotFound, Refused
from tests.support.blobs import keys
from tests.support.servers import S3Server, s3_kind

S3 = f"s3-{s3_kind()}"


class Place:
    """Where one test keeps its objects; `open` gives one area of it."""

    def __init__(self, url: str, options: S3Options | None = None) -> None:
        self.url = url
        self.options = options

    def open(self, area: str = "files") -> Blobs:
        return open_blobs(self.url, area=area, s3=self.options)


@pytest.fixture(params=["memory", "folder", S3])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "memory":
        return Place("memory://")
    if request.param == "folder":
        return Place(f"file://{tmp_path}/store")
    server: S3Server = request.getfixturevalue("s3_server")
    return Place(server.url(), server.options)


@pytest.fixture
async def blobs(place: Place) -> AsyncIterator[Blobs]:
    opened = place.open()
    yield opened
    await opened.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_what_was_put_is_what_is_read(blobs: Blobs) -> None:
    await blobs.put("modules/m.wasm", b"\0asm" + os.urandom(100))
    await blobs.put("modules/m.wasm", b"second")
    assert await blobs.get("modules/m.wasm") == b"second"


async def test_an_empty_object_is_an_object(blobs: Blobs) -> None:
    await blobs.put("empty", b"")
    assert await blobs.get("empty") == b""
    assert [piece async for piece in blobs.stream("empty")] == []
    assert (await blobs.info("empty")).size == 0


@pytest.mark.parametrize(
    "key", ["a b.csv", "tháng 7/Báo cáo.xlsx", "100%.csv", "a%2Fb", "a+b&c=d?.csv", "#1.csv", "~/.hidden", "x" * 240]
)
async def test_a_key_may_hold_any_visible_letters(blobs: Blobs, key: str) -> None:
    await blobs.put(key, b"kept")
    assert await blobs.get(key) == b"kept"
    assert await keys(blobs) == [key]


async def test_put_new_never_replaces(blobs: Blobs) -> None:
    await blobs.put_new("once", b"first")
    with pytest.raises(Conflict, match="once"):
        await blobs.put_new("once", b"second")
    assert await blobs.get("once") == b"first"


async def test_of_many_who_create_the_same_key_at_once_exactly_one_wins(place: Place) -> None:
    shared = place.open()
    doors = [shared] * 16 if place.url.startswith("memory") else [place.open() for _ in range(16)]
    results = await asyncio.gather(
        *(door.put_new("race", b"%d" % number) for number, door in enumerate(doors)), return_exceptions=True
    )
    winners = [number for number, result in enumerate(results) if result is None]
    assert len(winners) == 1
    assert all(isinstance(result, Conflict) for result in results if result is not None)
    assert await doors[0].get("race") == b"%d" % winners[0]


async def test_what_is_not_there_is_not_found(blobs: Blobs) -> None:
    with pytest.raises(NotFound, match="absent"):
        await blobs.get("absent")
    with pytest.raises(NotFound, match="absent"):
        await blobs.info("absent")
    with pytest.raises(NotFound, match="absent"):
        await anext(aiter(blobs.stream("absent")))


async def test_deleting_twice_is_not_an_error(blobs: Blobs) -> None:
    await blobs.put("folder/gone", b"x")
    await blobs.delete("folder/gone")
    await blobs.delete("folder/gone")
    assert await keys(blobs) == []


async def test_a_large_object_is_streamed_in_and_out_in_small_pieces(blobs: Blobs) -> None:
    block = os.urandom(1 << 20)

    async def giving() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield block

    assert await blobs.put_stream("large", giving()) == 20 << 20
    sizes = []
    async for piece in blobs.stream("large", chunk_bytes=3 << 20):
        start = sum(sizes) % len(block)
        assert (block * 5)[start : start + len(piece)] == piece
        sizes.append(len(piece))
    assert sum(sizes) == 20 << 20
    assert max(sizes) <= 3 << 20


async def test_a_small_stream_and_an_empty_one_are_kept_too(blobs: Blobs) -> None:
    assert await blobs.put_stream("small", pieces(b"a", b"", b"bc")) == 3
    assert await blobs.put_stream("none", pieces()) == 0
    assert (await blobs.get("small"), await blobs.get("none")) == (b"abc", b"")


@pytest.mark.parametrize("size", [10, 9 << 20])
async def test_a_stream_that_breaks_leaves_the_old_object_as_it_was(blobs: Blobs, size: int) -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"x" * size
        raise LookupError("the source broke")

    await blobs.put("kept", b"old")
    with pytest.raises(LookupError, match="the source broke"):
        await blobs.put_stream("kept", breaking())
    assert await blobs.get("kept") == b"old"
    assert await keys(blobs) == ["kept"]


async def test_a_reader_never_sees_half_of_a_replacement(blobs: Blobs) -> None:
    whole = {letter * (4 << 20) for letter in (b"a", b"b")}
    await blobs.put("swapped", next(iter(whole)))

    async def swapping() -> None:
        for _ in range(5):
            for data in whole:
                await blobs.put("swapped", data)

    async def reading() -> None:
        for _ in range(10):
            assert await blobs.get("swapped") in whole

    await asyncio.gather(swapping(), reading())


async def test_an_object_that_changes_while_it_is_streamed_is_a_conflict(blobs: Blobs) -> None:
    await blobs.put("changing", b"a" * 10)
    stream = aiter(blobs.stream("changing", chunk_bytes=4))
    assert await anext(stream) == b"aaaa"
    await blobs.put("changing", b"b" * 11)
    with pytest.raises(Conflict, match="changing"):
        await anext(stream)


async def test_info_tells_size_and_time(blobs: Blobs) -> None:
    await blobs.put("told", b"12345")
    info = await blobs.info("told")
    assert (info.key, info.size) == ("told", 5)
    assert abs(info.modified_at - SystemClock().now()) < 60 * SECOND


async def test_listing_is_by_prefix_of_the_key_and_not_of_folders_only(blobs: Blobs) -> None:
    for key in ("jobs/1/a.csv", "jobs/1/b.csv", "jobs/12/c.csv", "other"):
        await blobs.put(key, b"x")
    assert await keys(blobs, "jobs/1") == ["jobs/1/a.csv", "jobs/1/b.csv", "jobs/12/c.csv"]
    assert await keys(blobs, "jobs/1/") == ["jobs/1/a.csv", "jobs/1/b.csv"]
    assert await keys(blobs, "nothing/") == []
    assert await keys(blobs) == ["jobs/1/a.csv", "jobs/1/b.csv", "jobs/12/c.csv", "other"]


async def test_areas_do_not_see_each_other(place: Place) -> None:
    areas = {area: place.open(area) for area in AREAS}
    for area, blobs in areas.items():
        await blobs.put("same/key", area.encode())
    for area, blobs in areas.items():
        assert await blobs.get("same/key") == area.encode()
        assert await keys(blobs) == ["same/key"]


LEAVING = [
    *("..", "../modules/x", "a/../../x", "a/..", ".", "a/./b", "/etc/passwd", "a//b", "a/", "", "//host/x"),
    *("a\\b", "..\\x", "a\0b", "a\nb", "a\x7fb", "a\u202eb", "\ud800", "x" * 241, "/".join(["x" * 100] * 9)),
    *(".writing/x", "a#1", "a#1/b"),
]


@pytest.mark.parametrize("key", LEAVING, ids=ascii)
async def test_a_key_that_leaves_the_area_is_refused_by_every_operation(blobs: Blobs, key: str) -> None:
    operations = [blobs.get(key), blobs.put(key, b""), blobs.put_new(key, b""), blobs.info(key), blobs.delete(key)]
    operations += [blobs.put_stream(key, pieces(b"x")), anext(aiter(blobs.stream(key)))]  # type: ignore[list-item]
    for operation in operations:
        with pytest.raises(Refused, match="not allowed"):
            await operation
    if key:
        with pytest.raises(HengioError):
            await keys(blobs, key + "x/../")


async def test_a_cancelled_write_leaves_nothing_behind(blobs: Blobs) -> None:
    started = asyncio.Event()

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x" * (9 << 20)
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(blobs.put_stream("stalled", stalling()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await keys(blobs) == []
