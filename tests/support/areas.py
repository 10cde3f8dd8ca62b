"""A files area that guests reach, and grants on it."""

from __future__ import annotations

from hengio.blobs.protocol import Blobs
from hengio.grants.check import read
from hengio.sandbox.host.files import FileCapability
from hengio.sandbox.host.folders import FolderCapability
from hengio.sandbox.host.outside import Capabilities, Scope, ScopedOutside


def reaching(area: Blobs, *layers: list[str], file_bytes: int = 64 << 20) -> ScopedOutside:
    """The world outside of a call with these grants, each as `permission resource`: that area, and nothing else."""
    file, folder = FileCapability(area), FolderCapability(area)
    functions = Capabilities(
        {"file_read": file, "file_write": file, "file_find": folder, "file_list": folder, "file_admit": folder}
    )
    granted = tuple(tuple(read(text) for text in layer) for layer in layers)
    return functions.of(Scope(layers=granted, key="k", file_bytes=file_bytes))


async def contents(area: Blobs) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {info.key: await area.get(info.key) async for info in area.list()}
