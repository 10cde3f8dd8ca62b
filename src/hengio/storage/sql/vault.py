"""Variables and connections taken together."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection, update

from hengio.model.audit import AuditEntry
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import connections, revisions, tables, variables, webhooks
from hengio.storage.sql.database import Database
from hengio.storage.vault import ConnectionRow, Place, Sealing, Stored, VariableRow, VaultRows
from hengio.storage.webhooks import WebhookRow


class SqlVault:
    """`VaultStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def revision(self) -> int:
        return await self._database.read(revisions.revision)

    async def read(self) -> VaultRows:
        return await self._database.read(_read)

    async def sealing(self) -> Sealing:
        return await self._database.read(revisions.sealing)

    async def reseal(self, key_id: str, change: Callable[[Place, Stored], Stored], *, entry: AuditEntry) -> int:
        def write(connection: Connection) -> int:
            revisions.changing(connection, entry, keys=self._keys, key_id=key_id)
            return _reseal(connection, key_id, change)

        return await self._database.write(write)


def _read(connection: Connection) -> VaultRows:
    """Each statement sees the database as it is then: read again until nothing changed meanwhile."""
    while True:
        before = revisions.revision(connection)
        found = VaultRows(
            revision=before,
            variables=tuple(variables.rows(connection)),
            connections=tuple(connections.rows(connection)),
        )
        if revisions.revision(connection) == before:
            return found


def _reseal(connection: Connection, key_id: str, change: Callable[[Place, Stored], Stored]) -> int:
    found: list[VariableRow | ConnectionRow | WebhookRow] = [
        *variables.rows(connection),
        *connections.rows(connection),
        *webhooks.rows(connection),
    ]
    old = [row for row in found if row.stored.key_id not in (None, key_id)]
    for row in old:
        _replace(connection, row.place, change(row.place, row.stored))
    revisions.hold(connection, key_id)
    return len(old)


def _replace(connection: Connection, place: Place, stored: Stored) -> None:
    table = tables.metadata.tables[place.table]
    match place.table:
        case "variables":
            change = update(table).where(table.c.name == place.name, table.c.scope == place.scope)
        case "connections":
            change = update(table).where(table.c.name == place.name)
        case _:
            change = update(table).where(table.c.job_id == place.name)
    connection.execute(change.values(value=stored.text, key_id=stored.key_id))
