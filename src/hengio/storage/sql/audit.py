"""The audit log: entries are added and read, never changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from hengio import codec
from hengio.clock import Micros
from hengio.model.audit import AuditEntry
from hengio.storage.sql import tables
from hengio.storage.sql.database import Database

_audit = tables.audit


class SqlAudit:
    """`AuditStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        rows = {entry.id: row(entry) for entry in entries}

        def write(connection: Connection) -> None:
            known = set(connection.execute(select(_audit.c.id).where(_audit.c.id.in_(rows))).scalars())
            if new := [each for name, each in rows.items() if name not in known]:
                connection.execute(insert(_audit), new)

        if rows:
            await self._database.write(write)

    async def find(
        self, *, action: str | None = None, execution_id: str | None = None, since: Micros | None = None, limit: int
    ) -> list[AuditEntry]:
        query = select(_audit).order_by(_audit.c.at.desc(), _audit.c.id.desc()).limit(limit)
        if action is not None:
            query = query.where(_audit.c.action == action)
        if execution_id is not None:
            query = query.where(_audit.c.execution_id == execution_id)
        if since is not None:
            query = query.where(_audit.c.at >= since)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_entry(one) for one in found]


def row(entry: AuditEntry) -> dict[str, Any]:
    """The values of an entry's row."""
    return {
        "id": entry.id,
        "at": entry.at,
        "action": entry.action,
        "actor": entry.actor,
        "subject": entry.subject,
        "execution_id": entry.execution_id,
        "step_id": entry.step_id,
        "detail": codec.encode(entry.detail).decode(),
    }


def _entry(found: Mapping[str, Any] | Any) -> AuditEntry:
    return AuditEntry(**{**found, "detail": codec.decode(found["detail"].encode())})
