"""Variables; the scope of a global one is the empty text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, and_, delete, insert, select, update

from hengio.model.audit import AuditEntry
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import revisions, tables
from hengio.storage.sql.database import Database
from hengio.storage.vault import Sealer, Stored, VariableRow

_variables = tables.variables


class SqlVariables:
    """`VariableStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def put(self, row: VariableRow, *, entry: AuditEntry, seal: Sealer | None = None) -> None:
        await self._database.write(lambda connection: _put(connection, row, entry, keys=self._keys, seal=seal))

    async def delete(self, name: str, *, job_id: str | None, entry: AuditEntry) -> bool:
        return await self._database.write(lambda connection: _delete(connection, name, job_id, entry, keys=self._keys))

    async def find(self, name: str, *, job_id: str | None) -> VariableRow | None:
        query = select(_variables).where(_is(name, job_id))
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _row(row)

    async def all(self) -> list[VariableRow]:
        return await self._database.read(lambda connection: list(rows(connection)))


def rows(connection: Connection) -> Iterator[VariableRow]:
    """Every variable, by name and scope."""
    found = connection.execute(select(_variables).order_by(_variables.c.name, _variables.c.scope)).mappings().all()
    return map(_row, found)


def _put(connection: Connection, row: VariableRow, entry: AuditEntry, *, keys: AuditKeys, seal: Sealer | None) -> None:
    sealing = revisions.changing(connection, entry, keys=keys)
    if seal is not None:
        row = replace(row, stored=seal(sealing))
    values = _values(row)
    if not connection.execute(update(_variables).where(_is(row.name, row.job_id)).values(values)).rowcount:
        connection.execute(insert(_variables).values(values))
    if row.stored.key_id not in (None, sealing.key_id):
        revisions.hold(connection, str(row.stored.key_id))


def _delete(connection: Connection, name: str, job_id: str | None, entry: AuditEntry, *, keys: AuditKeys) -> bool:
    if connection.execute(select(_variables.c.name).where(_is(name, job_id))).first() is None:
        return False
    revisions.changing(connection, entry, keys=keys)
    return connection.execute(delete(_variables).where(_is(name, job_id))).rowcount > 0


def _is(name: str, job_id: str | None) -> Any:
    return and_(_variables.c.name == name, _variables.c.scope == (job_id or ""))


def _values(row: VariableRow) -> dict[str, Any]:
    return {
        "scope": row.job_id or "",
        "name": row.name,
        "value": row.stored.text,
        "key_id": row.stored.key_id,
        "sensitive": row.sensitive,
        "description": row.description,
        "updated_at": row.updated_at,
        "updated_by": row.updated_by,
    }


def _row(row: Mapping[str, Any] | Any) -> VariableRow:
    return VariableRow(
        name=row["name"],
        job_id=row["scope"] or None,
        stored=Stored(row["value"], row["key_id"]),
        sensitive=bool(row["sensitive"]),
        description=row["description"],
        updated_at=row["updated_at"],
        updated_by=row["updated_by"],
    )
