"""What modules may be granted to reach, from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from hengio.blobs import store
from hengio.blobs.protocol import Blobs
from hengio.sandbox.host.database import DatabaseCapability
from hengio.sandbox.host.files import FileCapability
from hengio.sandbox.host.folders import FolderCapability
from hengio.sandbox.host.http import HttpCapability
from hengio.sandbox.host.outside import Capabilities, Capability
from hengio.sandbox.protocol import OutsideFunction
from hengio.settings import Settings
from hengio.targets.breaker import Breakers
from hengio.targets.databases import Databases
from hengio.targets.http.client import HttpClient
from hengio.targets.secrets import KnownSecrets, Secret


@asynccontextmanager
async def open_capabilities(
    settings: Settings, *, databases: Databases, files: Blobs, breakers: Breakers | None = None
) -> AsyncIterator[Capabilities]:
    """The capabilities behind the host functions; the connections of HTTP end with it."""
    client = HttpClient(breakers=breakers)
    try:
        yield Capabilities(
            {
                "http_request": HttpCapability(client, open_secrets(settings)),
                "db_query": DatabaseCapability(databases),
                **_files(files),
            }
        )
    finally:
        await client.close()


def over(capabilities: Capabilities, files: Blobs) -> Capabilities:
    """The same capabilities, over this files area."""
    return Capabilities({**capabilities.by_function, **_files(files)})


def _files(files: Blobs) -> dict[OutsideFunction, Capability]:
    file, folder = FileCapability(files), FolderCapability(files)
    return {
        "file_read": file,
        "file_write": file,
        "file_find": folder,
        "file_list": folder,
        "file_admit": folder,
    }


def open_folder(folder: Path | None) -> Blobs:
    """A folder as the files area, or without one an empty area in memory."""
    if folder is None:
        return store.open_blobs("memory://", area="files")
    return store.open_folder(folder.resolve(), area="files")


def open_secrets(settings: Settings) -> KnownSecrets:
    """The secrets that an administrator defined, with the hosts they are bound to."""
    return KnownSecrets(
        {name: Secret(one.value.get_secret_value(), tuple(one.hosts)) for name, one in settings.secrets.items()}
    )
