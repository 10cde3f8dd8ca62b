"""Webhooks: found by the digest of a token; what is secret of them comes and goes sealed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, bindparam, delete, insert, select

from hengio.model.audit import AuditEntry
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import audit, jobs, revisions, tables
from hengio.storage.sql.database import Database
from hengio.storage.vault import Sealer, Sealing, Stored
from hengio.storage.webhooks import Called, WebhookRow

_webhooks = tables.webhooks
_COLUMNS = [column for column in _webhooks.c if column.name != "job_id"]
_CALLED = (
    jobs.latest()
    .add_columns(*_COLUMNS)
    .join(_webhooks, _webhooks.c.job_id == tables.jobs.c.id)
    .where(_webhooks.c.digest == bindparam("wanted"))
)
"""Built once: it is asked for each call."""


class SqlWebhooks:
    """`WebhookStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def add(self, row: WebhookRow, *, entry: AuditEntry, seal: Sealer) -> bool:
        def write(connection: Connection) -> bool:
            if not _add(connection, row, seal):
                return False
            audit.append(connection, [entry], keys=self._keys)
            return True

        return await self._database.write(write)

    async def replace(self, row: WebhookRow, *, entry: AuditEntry, seal: Sealer) -> None:
        def write(connection: Connection) -> None:
            _replace(connection, row, seal)
            audit.append(connection, [entry], keys=self._keys)

        await self._database.write(write)

    async def find(self, job_id: str) -> WebhookRow | None:
        return await self._database.read(lambda connection: _find(connection, job_id))

    async def called(self, digest: str) -> Called | None:
        given = {"wanted": digest}
        row = await self._database.read(lambda connection: connection.execute(_CALLED, given).mappings().first())
        if row is None:
            return None
        found = jobs.stored(row)
        return Called(_row({**row, "job_id": found.id}), found.id, found.version, found.job)

    async def all(self) -> list[WebhookRow]:
        return await self._database.read(lambda connection: list(rows(connection)))


def rows(connection: Connection) -> Iterator[WebhookRow]:
    """Every webhook, by the id of its job."""
    return map(_row, connection.execute(select(_webhooks).order_by(_webhooks.c.job_id)).mappings().all())


def _add(connection: Connection, row: WebhookRow, seal: Sealer) -> bool:
    if _find(connection, row.job_id) is not None:
        return False
    revisions.count_up(connection)  # whoever was before us ends first
    if _find(connection, row.job_id) is not None:
        return False
    _insert(connection, row, sealing=revisions.sealing(connection), seal=seal)
    return True


def _replace(connection: Connection, row: WebhookRow, seal: Sealer) -> None:
    revisions.count_up(connection)
    connection.execute(delete(_webhooks).where(_webhooks.c.job_id == row.job_id))
    _insert(connection, row, sealing=revisions.sealing(connection, but=_webhooks), seal=seal)


def _insert(connection: Connection, row: WebhookRow, *, sealing: Sealing, seal: Sealer) -> None:
    row = replace(row, stored=seal(sealing))
    connection.execute(insert(_webhooks).values(_values(row)))
    if row.stored.key_id not in (None, sealing.key_id):
        revisions.hold(connection, str(row.stored.key_id))


def _find(connection: Connection, job_id: str) -> WebhookRow | None:
    row = connection.execute(select(_webhooks).where(_webhooks.c.job_id == job_id)).mappings().first()
    return None if row is None else _row(row)


def _values(row: WebhookRow) -> dict[str, Any]:
    return {
        "job_id": row.job_id,
        "digest": row.digest,
        "value": row.stored.text,
        "key_id": row.stored.key_id,
        "created_at": row.created_at,
        "created_by": row.created_by,
    }


def _row(row: Mapping[str, Any] | Any) -> WebhookRow:
    return WebhookRow(
        job_id=row["job_id"],
        digest=row["digest"],
        stored=Stored(row["value"], row["key_id"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
    )
