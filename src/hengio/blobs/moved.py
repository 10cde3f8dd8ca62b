"""An area that has moved: what is written goes to the new place, what was left at the old one is still found."""

from __future__ import annotations

from collections.abc import AsyncIterator

from hengio.blobs.protocol import BlobInfo, Blobs
from hengio.errors import NotFound


class MovedBlobs:
    """`Blobs` at a new place, over the place where earlier releases wrote them."""

    def __init__(self, new: Blobs, old: Blobs) -> None:
        self._new = new
        self._old = old

    async def get(self, key: str) -> bytes:
        try:
            return await self._new.get(key)
        except NotFound:
            return await self._old.get(key)

    async def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
        async for chunk in (await self._holder(key)).stream(key, chunk_bytes=chunk_bytes):
            yield chunk

    async def put(self, key: str, data: bytes) -> None:
        await self._new.put(key, data)

    async def put_new(self, key: str, data: bytes) -> None:
        await self._new.put_new(key, data)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        return await self._new.put_stream(key, chunks)

    async def info(self, key: str) -> BlobInfo:
        return await (await self._holder(key)).info(key)

    async def delete(self, key: str) -> None:
        await self._new.delete(key)
        await self._old.delete(key)

    async def list(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        seen: set[str] = set()
        async for found in self._new.list(prefix):
            seen.add(found.key)
            yield found
        async for found in self._old.list(prefix):
            if found.key not in seen:
                yield found

    async def close(self) -> None:
        await self._new.close()
        await self._old.close()

    async def _holder(self, key: str) -> Blobs:
        try:
            await self._new.info(key)
        except NotFound:
            return self._old
        return self._new
