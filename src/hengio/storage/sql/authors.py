"""Keys of authors: added and revoked, never taken away."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update

from hengio import codec
from hengio.clock import Micros
from hengio.errors import Conflict
from hengio.model.audit import AuditEntry
from hengio.model.author import AuthorKey
from hengio.storage.chain import AuditKeys
from hengio.storage.sql import audit, tables
from hengio.storage.sql.database import Database

_keys = tables.author_keys


class SqlAuthors:
    """`AuthorStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._audit_keys = keys

    async def add(self, key: AuthorKey, *, entry: AuditEntry) -> None:
        def write(connection: Connection) -> None:
            known = connection.execute(select(_keys.c.author).where(_keys.c.id == key.id)).scalar()
            if known is not None:
                raise Conflict(f"the key {key.id} is registered already, of author '{known}'")
            connection.execute(insert(_keys).values(_values(key)))
            audit.append(connection, [entry], keys=self._audit_keys)

        await self._database.write(write)

    async def find(self, key_id: str) -> AuthorKey | None:
        query = select(_keys).where(_keys.c.id == key_id)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else _key(row)

    async def all(self) -> list[AuthorKey]:
        query = select(_keys).order_by(_keys.c.author, _keys.c.added_at, _keys.c.id)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_key(row) for row in found]

    async def revoke(
        self, key_ids: Collection[str], *, at: Micros, by: str, reason: str, entry: AuditEntry
    ) -> list[AuthorKey]:
        change = (
            update(_keys)
            .where(_keys.c.id.in_(key_ids), _keys.c.revoked_at.is_(None))
            .values(revoked_at=at, revoked_by=by, reason=reason)
            .returning(_keys)
        )

        def write(connection: Connection) -> list[AuthorKey]:
            revoked = [_key(row) for row in connection.execute(change).mappings().all()]
            if revoked:
                audit.append(connection, [entry], keys=self._audit_keys)
            return revoked

        return await self._database.write(write)


def _values(key: AuthorKey) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(key),
        "public_key": key.public_key.hex(),
        "modules": codec.encode(key.modules).decode(),
    }


def _key(row: Mapping[str, Any] | Any) -> AuthorKey:
    return AuthorKey(
        **{
            **row,
            "public_key": bytes.fromhex(row["public_key"]),
            "modules": tuple(codec.decode(row["modules"].encode())),
        }
    )
