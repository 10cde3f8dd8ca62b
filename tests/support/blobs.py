"""Looking into an object store."""

from __future__ import annotations

from hengio.blobs.protocol import Blobs


async def keys(blobs: Blobs, prefix: str = "") -> list[str]:
    """Every key below `prefix`, sorted."""
    return sorted([info.key async for info in blobs.list(prefix)])
