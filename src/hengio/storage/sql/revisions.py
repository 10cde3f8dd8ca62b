"""The vault's revision, which every change of a variable or a connection counts up, and the key that holds."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select, update

from hengio.model.audit import AuditEntry
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import audit, tables
from hengio.storage.vault import Sealing

_revisions = tables.revisions
_SEALED = (tables.variables, tables.connections, tables.webhooks)
_IS_VAULT = _revisions.c.name == tables.VAULT


def changing(connection: Connection, entry: AuditEntry, *, keys: AuditKeys, key_id: str | None = None) -> Sealing:
    """Count the revision up, which also makes every other change wait for the end of this transaction; audit it, with
    `key_id` under that key."""
    count_up(connection)
    audit.append(connection, [entry], keys=keys, key_id=key_id)
    return sealing(connection)


def count_up(connection: Connection) -> None:
    """Something changed that executions see."""
    connection.execute(update(_revisions).where(_IS_VAULT).values(value=_revisions.c.value + 1))


def hold(connection: Connection, key_id: str) -> None:
    """From now on values are to be sealed under that key."""
    connection.execute(update(_revisions).where(_IS_VAULT).values(key_id=key_id))


def revision(connection: Connection) -> int:
    """How often the vault was changed."""
    return int(connection.execute(select(_revisions.c.value).where(_IS_VAULT)).scalar_one())


def sealing(connection: Connection, *, but: Table | None = None) -> Sealing:
    """The key that holds, and how many values are sealed, those of one table aside."""
    key_id = connection.execute(select(_revisions.c.key_id).where(_IS_VAULT)).scalar_one()
    return Sealing(key_id, sum(_sealed(connection, table) for table in _SEALED if table is not but))


def _sealed(connection: Connection, table: Table) -> int:
    found = select(func.count()).select_from(table).where(table.c.key_id.is_not(None))
    return int(connection.execute(found).scalar_one())
