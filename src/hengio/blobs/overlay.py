"""An area over another one: what is written stays above, what is read comes from wherever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hengio.blobs.protocol import BlobInfo, Blobs
from hengio.errors import Conflict, NotFound


class OverlayBlobs:
    """`Blobs` whose changes go to `above` alone; `below` is only read."""

    def __init__(self, below: Blobs, above: Blobs) -> None:
        self._below = below
        self._above = above
        self._deleted: set[str] = set()

    async def get(self, key: str) -> bytes:
        return await (await self._holder(key)).get(key)

    async def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
        async for chunk in (await self._holder(key)).stream(key, chunk_bytes=chunk_bytes):
            yield chunk

    async def put(self, key: str, data: bytes) -> None:
        await self._above.put(key, data)
        self._deleted.discard(key)

    async def put_new(self, key: str, data: bytes) -> None:
        try:
            await self.info(key)
        except NotFound:
            await self._above.put_new(key, data)
            self._deleted.discard(key)
        else:
            raise Conflict(f"there is a file {key!r} already")

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        size = await self._above.put_stream(key, chunks)
        self._deleted.discard(key)
        return size

    async def info(self, key: str) -> BlobInfo:
        return await (await self._holder(key)).info(key)

    async def delete(self, key: str) -> None:
        await self._above.delete(key)
        self._deleted.add(key)

    async def list(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        above = {info.key: info async for info in self._above.list(prefix)}
        for info in above.values():
            yield info
        async for info in self._below.list(prefix):
            if info.key not in above and info.key not in self._deleted:
                yield info

    async def close(self) -> None:
        """What is below belongs to somebody else."""
        await self._above.close()

    async def _holder(self, key: str) -> Blobs:
        """Where the object is, or where its absence is told."""
        try:
            await self._above.info(key)
        except NotFound:
            return self._above if key in self._deleted else self._below
        return self._above
