"""Connections; their objects come and go sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, delete, insert, select, update

from hengio.model.audit import AuditEntry
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import revisions, tables
from hengio.storage.sql.database import Database
from hengio.storage.vault import ConnectionRow, Sealer, Stored

_connections = tables.connections


class SqlConnections:
    """`ConnectionStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def put(self, row: ConnectionRow, *, entry: AuditEntry, seal: Sealer | None = None) -> None:
        await self._database.write(lambda connection: _put(connection, row, entry, keys=self._keys, seal=seal))

    async def delete(self, name: str, *, entry: AuditEntry) -> bool:
        return await self._database.write(lambda connection: _delete(connection, name, entry, keys=self._keys))

    async def find(self, name: str) -> ConnectionRow | None:
        query = select(_connections).where(_connections.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _row(row)

    async def all(self) -> list[ConnectionRow]:
        return await self._database.read(lambda connection: list(rows(connection)))


def rows(connection: Connection) -> Iterator[ConnectionRow]:
    """Every connection, by name."""
    return map(_row, connection.execute(select(_connections).order_by(_connections.c.name)).mappings().all())


def _put(
    connection: Connection, row: ConnectionRow, entry: AuditEntry, *, keys: AuditKeys, seal: Sealer | None
) -> None:
    sealing = revisions.changing(connection, entry, keys=keys)
    if seal is not None:
        row = replace(row, stored=seal(sealing))
    values = _values(row)
    if not connection.execute(update(_connections).where(_connections.c.name == row.name).values(values)).rowcount:
        connection.execute(insert(_connections).values(values))
    if row.stored.key_id not in (None, sealing.key_id):
        revisions.hold(connection, str(row.stored.key_id))


def _delete(connection: Connection, name: str, entry: AuditEntry, *, keys: AuditKeys) -> bool:
    if connection.execute(select(_connections.c.name).where(_connections.c.name == name)).first() is None:
        return False
    revisions.changing(connection, entry, keys=keys)
    return connection.execute(delete(_connections).where(_connections.c.name == name)).rowcount > 0


def _values(row: ConnectionRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "value": row.stored.text,
        "key_id": row.stored.key_id,
        "description": row.description,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
    }


def _row(row: Mapping[str, Any] | Any) -> ConnectionRow:
    return ConnectionRow(
        name=row["name"],
        type=row["type"],
        stored=Stored(row["value"], row["key_id"]),
        description=row["description"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
    )
