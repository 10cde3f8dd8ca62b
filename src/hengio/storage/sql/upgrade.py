"""Brings a database to the tables of this release (Alembic), and skips the work when it is there already."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from hengio.errors import Conflict
from hengio.storage.chain import AuditKeys

HEAD = "0011"


def to_head(connection: Connection, keys: AuditKeys) -> None:
    """Apply what is missing, inside the caller's transaction. A database of a later release is a `Conflict`."""
    if current(connection) == HEAD:
        return
    from alembic.command import upgrade as alembic_upgrade
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    config.attributes["audit_keys"] = keys
    try:
        alembic_upgrade(config, "head")
    except CommandError as error:
        raise Conflict(
            "this database was made by a later version of Hengio", hint="upgrade Hengio, or use another database"
        ) from error


def current(connection: Connection) -> str | None:
    """The revision the database stands at; None for one without any of our tables."""
    try:
        with connection.begin_nested():
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError:
        return None
