"""The database alone, for commands that only look: also while a server holds the data folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hengio.errors import NotFound, Unavailable
from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.wiring.database import open_database


@asynccontextmanager
async def reading(settings: Settings) -> AsyncIterator[Storage]:
    """The storage. Raises `NotFound` where no embedded database is yet, instead of making one."""
    file = settings.database_file
    if file is not None and not file.exists():
        raise NotFound(f"there is no database {file}", hint="--data-dir names the folder of another")
    storage = open_database(settings)
    try:
        await storage.open()
        yield storage
    finally:
        await storage.close()


@asynccontextmanager
async def making(settings: Settings) -> AsyncIterator[Storage]:
    """The same, and makes the folder and the database where they are not yet."""
    if (file := settings.database_file) is not None:
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{file.parent} cannot be used: {error.strerror}") from error
    storage = open_database(settings)
    try:
        await storage.open()
        yield storage
    finally:
        await storage.close()
