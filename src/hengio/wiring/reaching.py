"""Tries a connection: whether its target answers, and takes what it is shown."""

from __future__ import annotations

from pathlib import Path

from hengio.errors import Refused
from hengio.model.connection import Connection
from hengio.redaction import parts
from hengio.redaction.mask import Mask
from hengio.settings import Settings
from hengio.targets.databases import Databases
from hengio.wiring.vault import database_url


async def reach(settings: Settings, connection: Connection, *, timeout_seconds: float) -> str:
    """What the target said, in words. Raises what a step would meet; no text holds a secret of the connection."""
    match connection.type:
        case "database":
            said = await _database(settings, connection, timeout_seconds)
        case other:
            raise Refused(f"connections of type {other} cannot be tried yet", hint="a job that uses it tells")
    return Mask(parts.secrets(connection.name, connection.document)).text(said)


async def _database(settings: Settings, connection: Connection, timeout_seconds: float) -> str:
    databases = Databases({connection.name: database_url(connection)}, folder=Path(settings.data_dir) / "databases")
    try:
        await databases.execute(connection.name, "SELECT 1", read_only=True, timeout_seconds=timeout_seconds)
    finally:
        await databases.close()
    return "the database answers"
