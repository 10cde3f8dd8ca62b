"""What Hengio asks of an object store."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from hengio.clock import Micros


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """An object's key (relative to its store), size in bytes and time of last change."""

    key: str
    size: int
    modified_at: Micros


class Blobs(Protocol):
    """One area of the object store (`wasm-modules`, `artefacts`, `outputs`, `tapes`, `files`), keyed by paths with `/`.

    Promises: `put` is atomic (readers see the whole old or the whole new object, also after a crash), and
    `put_new` never replaces. Does not promise: order between keys, or metadata (that lives in the database).
    Errors: `NotFound`, `Conflict` (`put_new` on an existing key), `Refused` (a key that leaves the area),
    `Unavailable` (network, full disk, permissions).
    """

    async def get(self, key: str) -> bytes: ...

    def stream(self, key: str, *, chunk_bytes: int = 1 << 20) -> AsyncIterator[bytes]:
        """The object in pieces of at most `chunk_bytes`; memory stays bounded whatever its size."""
        ...

    async def put(self, key: str, data: bytes) -> None: ...

    async def put_new(self, key: str, data: bytes) -> None:
        """Store only if nothing is there, else `Conflict`."""
        ...

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        """Store from pieces, in bounded memory; returns the size. Nothing is visible until the last piece is in."""
        ...

    async def info(self, key: str) -> BlobInfo: ...

    async def delete(self, key: str) -> None:
        """Remove it; removing what is not there is not an error."""
        ...

    def list(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """Every object whose key starts with `prefix`, in no promised order."""
        ...

    async def close(self) -> None: ...
