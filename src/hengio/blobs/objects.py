"""`Blobs` over any store of obstore."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import TYPE_CHECKING

import obstore

from hengio.blobs.faults import translated
from hengio.blobs.protocol import BlobInfo
from hengio.errors import NotFound
from hengio.keys import check_key, check_prefix

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PART_BYTES = 8 << 20
_PARTS_AT_ONCE = 2


class ObstoreBlobs:
    """`Blobs` over any obstore store. An upload that is cut short stays invisible; S3 keeps its parts until the
    bucket's lifecycle rule for incomplete uploads removes them."""

    def __init__(self, store: ObjectStore, *, area: str) -> None:
        self._store = store
        self._area = area

    async def get(self, key: str) -> bytes:
        check_key(key)
        with translated("read", key, self._area):
            found = await obstore.get_async(self._store, key)
            return bytes(await found.bytes_async())

    async def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
        """As promised by `Blobs`. Each piece is its own request, so that a slow reader holds no connection open; a
        change of the object in between is `Conflict`, never a mixture of two."""
        check_key(key)
        with translated("read", key, self._area):
            head = await obstore.head_async(self._store, key)
        for start in range(0, head["size"], chunk_bytes):
            end = min(start + chunk_bytes, head["size"])
            with translated("read", key, self._area):
                found = await obstore.get_async(
                    self._store, key, options={"range": (start, end), "if_match": head["e_tag"]}
                )
                piece = bytes(await found.bytes_async())
            yield piece

    async def put(self, key: str, data: bytes) -> None:
        check_key(key)
        with translated("write", key, self._area):
            await obstore.put_async(self._store, key, data, chunk_size=PART_BYTES, max_concurrency=_PARTS_AT_ONCE)

    async def put_new(self, key: str, data: bytes) -> None:
        check_key(key)
        with translated("write", key, self._area):
            await obstore.put_async(self._store, key, data, mode="create", use_multipart=False)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        check_key(key)
        source = _Source(chunks)
        first = await source.part()
        if len(first) < PART_BYTES:
            await self.put(key, first)
            return len(first)
        try:
            with translated("write", key, self._area):
                await obstore.put_async(
                    self._store,
                    key,
                    source.parts(first),
                    use_multipart=True,
                    chunk_size=PART_BYTES,
                    max_concurrency=_PARTS_AT_ONCE,
                )
        except Exception:
            if source.error is not None:  # the giver's own failure is not the store's
                raise source.error from None
            raise
        return source.size

    async def info(self, key: str) -> BlobInfo:
        check_key(key)
        with translated("look up", key, self._area):
            head = await obstore.head_async(self._store, key)
        return BlobInfo(key, head["size"], _micros(head["last_modified"]))

    async def delete(self, key: str) -> None:
        check_key(key)
        try:
            with translated("delete", key, self._area):
                await obstore.delete_async(self._store, key)
        except NotFound:
            return

    async def list(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        check_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")  # the library lists whole folders only
        with translated("list", prefix, self._area):
            async for batch in obstore.list(self._store, folder or None):
                for item in batch:
                    if item["path"].startswith(prefix) and self._is_object(item["path"]):
                        yield BlobInfo(item["path"], item["size"], _micros(item["last_modified"]))

    def _is_object(self, key: str) -> bool:
        return True

    async def close(self) -> None:
        """Nothing to give back: connections end with the store object."""


class _Source:
    """Chunks of any size as parts of `PART_BYTES`, remembering the size so far and the giver's error."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = bytearray()
        self.size = 0
        self.error: BaseException | None = None

    async def part(self) -> bytes:
        """The next full part; a shorter one only at the end, empty after it."""
        while len(self._rest) < PART_BYTES:
            try:
                chunk = await anext(self._chunks)
            except StopAsyncIteration:
                break
            except BaseException as error:
                self.error = error
                raise
            self._rest += chunk
        part = bytes(memoryview(self._rest)[:PART_BYTES])
        del self._rest[:PART_BYTES]
        self.size += len(part)
        return part

    async def parts(self, first: bytes) -> AsyncIterator[bytes]:
        part = first
        while part:
            yield part
            part = await self.part()


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
