"""The audit log: entries are added and read, never changed. Whoever adds one links it to the one before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Connection, func, insert, select, update

from hengio import codec
from hengio.clock import Micros
from hengio.log import get_logger
from hengio.model.audit import AuditEntry
from hengio.storage import chain
from hengio.storage.chain import AuditKey, AuditKeys, Content, End, Link
from hengio.storage.sql import tables
from hengio.storage.sql.database import Database

log = get_logger("audit")

_audit = tables.audit
_end = tables.audit_end
_SAID = [_audit.c[name] for name in Content.__struct_fields__]
_LINKED = [_audit.c[name] for name in Link.__struct_fields__]


class SqlAudit:
    """`AuditStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        if entries:
            await self._database.write(lambda connection: append(connection, entries, keys=self._keys))

    async def find(
        self, *, action: str | None = None, execution_id: str | None = None, since: Micros | None = None, limit: int
    ) -> list[AuditEntry]:
        query = select(*_SAID).order_by(_audit.c.at.desc(), _audit.c.id.desc()).limit(limit)
        if action is not None:
            query = query.where(_audit.c.action == action)
        if execution_id is not None:
            query = query.where(_audit.c.execution_id == execution_id)
        if since is not None:
            query = query.where(_audit.c.at >= since)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_entry(one) for one in found]

    async def linked(self, *, after: int, limit: int) -> list[tuple[Content, Link]]:
        query = select(_audit).where(_audit.c.sequence > after).order_by(_audit.c.sequence).limit(limit)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [(_content(one), _link(one)) for one in found]

    async def end(self) -> End | None:
        return await self._database.read(lambda connection: _read_end(connection, hold=False))


def append(
    connection: Connection, entries: Sequence[AuditEntry], *, keys: AuditKeys, key_id: str | None = None
) -> None:
    """Let these entries follow the last one; those that are there already stay as they are. Until the transaction ends
    whoever adds others waits, so this comes late in it. `key_id` names a key to go over to."""
    found = _read_end(connection, hold=True)
    rows = {entry.id: content(entry) for entry in entries}
    known = set(connection.execute(select(_audit.c.id).where(_audit.c.id.in_(rows))).scalars())
    new = [each for name, each in rows.items() if name not in known]
    if new:
        key = keys.known(key_id or (found and found.key_id) or "") or keys.current
        extend(connection, new, key=key, after=_trusted(connection, found, keys))


def extend(connection: Connection, new: Sequence[Content], *, key: AuditKey, after: End) -> None:
    """Write entries after that end, and the new end."""
    links: list[Link] = []
    for each in new:
        last = links[-1] if links else after
        links.append(chain.link(each, sequence=last.sequence + 1, previous=last.hash, key=key))
    connection.execute(
        insert(_audit), [{**asdict(each), **asdict(place)} for each, place in zip(new, links, strict=True)]
    )
    values = asdict(chain.end(links[-1].sequence, links[-1].hash, key=key))
    if not connection.execute(update(_end).where(_end.c.id == 1).values(values)).rowcount:
        connection.execute(insert(_end).values(id=1, **values))


def content(entry: AuditEntry) -> Content:
    """What is kept of an entry."""
    return Content(**{**asdict(entry), "detail": codec.encode(entry.detail).decode()})


def _trusted(connection: Connection, found: End | None, keys: AuditKeys) -> End:
    """Where to go on. Behind an end whose seal does not hold a number is left out, so that what was done to the chain
    can still be seen later; adding is never refused, since a log that says too little is better than none."""
    last = connection.execute(select(func.max(_audit.c.sequence))).scalar() or 0
    if found is not None and found.sequence == last and chain.is_sealed(found, keys):
        return found
    log.error("audit_chain_broken", sequence=last + 1, hint="hengio audit verify tells where")
    kept = connection.execute(select(_audit.c.hash).where(_audit.c.sequence == last)).scalar()
    past = max(last, 0 if found is None else found.sequence)
    return End(sequence=past + 1, hash=kept or chain.START)


def _read_end(connection: Connection, *, hold: bool) -> End | None:
    query = select(*(_end.c[name] for name in End.__struct_fields__)).where(_end.c.id == 1)
    row = connection.execute(query.with_for_update() if hold else query).mappings().first()
    return None if row is None else End(**row)


def _content(row: Mapping[Any, Any]) -> Content:
    return Content(**{column.name: row[column.name] for column in _SAID})


def _link(row: Mapping[Any, Any]) -> Link:
    return Link(**{column.name: row[column.name] for column in _LINKED})


def _entry(found: Mapping[Any, Any]) -> AuditEntry:
    return AuditEntry(**{**found, "detail": codec.decode(found["detail"].encode())})
