"""The stores of one database, opened and closed together."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from hengio import address
from hengio.errors import Refused
from hengio.storage.chain import AuditKeys
from hengio.storage.sql.audit import SqlAudit
from hengio.storage.sql.authors import SqlAuthors
from hengio.storage.sql.calls import SqlCalls
from hengio.storage.sql.channels import SqlChannels
from hengio.storage.sql.circuits import SqlCircuits
from hengio.storage.sql.connections import SqlConnections
from hengio.storage.sql.database import Database
from hengio.storage.sql.executions import SqlExecutions
from hengio.storage.sql.interventions import SqlInterventions
from hengio.storage.sql.jobs import SqlJobs
from hengio.storage.sql.modules import SqlModules
from hengio.storage.sql.people import SqlPeople
from hengio.storage.sql.schedules import SqlSchedules
from hengio.storage.sql.sessions import SqlSessions, SqlTokens
from hengio.storage.sql.variables import SqlVariables
from hengio.storage.sql.vault import SqlVault
from hengio.storage.sql.webhooks import SqlWebhooks

SQLITE = "sqlite:///"


class SqlStorage:
    """`Storage` on one database."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys
        self.executions = SqlExecutions(database)
        self.interventions = SqlInterventions(database)
        self.circuits = SqlCircuits(database)
        self.jobs = SqlJobs(database)
        self.schedules = SqlSchedules(database)
        self.modules = SqlModules(database, keys)
        self.channels = SqlChannels(database, keys)
        self.authors = SqlAuthors(database, keys)
        self.calls = SqlCalls(database)
        self.audit = SqlAudit(database, keys)
        self.variables = SqlVariables(database, keys)
        self.connections = SqlConnections(database, keys)
        self.vault = SqlVault(database, keys)
        self.webhooks = SqlWebhooks(database, keys)
        self.people = SqlPeople(database, keys)
        self.sessions = SqlSessions(database, keys)
        self.tokens = SqlTokens(database, keys)

    async def open(self) -> None:
        await self._database.open(self._keys)

    async def check(self) -> None:
        await self._database.read(lambda connection: connection.execute(text("SELECT 1")).scalar())

    async def close(self) -> None:
        await self._database.close()


def open_storage(url: str, keys: AuditKeys) -> SqlStorage:
    """Storage at `sqlite:///path/to/file.db` or `postgresql://user:password@host/name`; not yet connected. `keys`
    seal what is audited.

    Raises `Refused` for a URL that cannot be one, and shows nothing of it.
    """
    if url.startswith(SQLITE) and url != SQLITE:
        from hengio.storage.sql.sqlite import SqliteDatabase

        return SqlStorage(SqliteDatabase(Path(url.removeprefix(SQLITE))), keys)
    address.server(url, what="database_url")
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its text may quote the URL
        raise Refused("database_url cannot be read", hint="sqlite:///file.db or postgresql://…") from None
    match parsed.get_backend_name():
        case "postgresql":
            from hengio.storage.sql.postgres import PostgresDatabase

            return SqlStorage(PostgresDatabase(url), keys)
        case other:
            raise Refused(f"Hengio does not keep its state in '{other}'", hint="use sqlite or postgresql")
