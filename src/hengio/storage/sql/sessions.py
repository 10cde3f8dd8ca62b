"""Logins, tokens for programs, and how often logins were tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import asdict
from sqlalchemy import Column, ColumnElement, Connection, bindparam, delete, insert, or_, select, text, update

from hengio import codec
from hengio.clock import Micros
from hengio.model.audit import AuditEntry
from hengio.model.person import ApiToken, Session, User
from hengio.storage.chain import AuditKeys
from hengio.storage.people import Counted, Known
from hengio.storage.sql import audit, people, tables
from hengio.storage.sql.database import Database

_sessions = tables.sessions
_tokens = tables.api_tokens
_users = tables.users
_attempts = tables.attempts

_COUNT = text("""
    INSERT INTO attempts (name, count, ends_at) VALUES (:name, 1, :ends_at)
    ON CONFLICT (name) DO UPDATE SET
        count = CASE WHEN attempts.ends_at <= :at THEN 1 ELSE attempts.count + 1 END,
        ends_at = CASE WHEN attempts.ends_at <= :at THEN :ends_at ELSE attempts.ends_at END
    RETURNING count, ends_at
""").bindparams(bindparam("at", type_=_attempts.c.ends_at.type), bindparam("ends_at", type_=_attempts.c.ends_at.type))


class SqlSessions:
    """`SessionStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def begin(self, session: Session, user: User, *, entry: AuditEntry) -> bool:
        def write(connection: Connection) -> bool:
            query = select(_users).where(_users.c.id == user.id).with_for_update()
            row = connection.execute(query).mappings().first()
            if row is None or people.user(row) != user:
                return False
            connection.execute(insert(_sessions).values(asdict(session)))
            audit.append(connection, [entry], keys=self._keys)
            return True

        return await self._database.write(write)

    async def of_id(self, session_id: str) -> Known | None:
        return await self._known(_sessions.c.id == session_id)

    async def of_digest(self, digest: str) -> Known | None:
        return await self._known(or_(_sessions.c.digest == digest, _sessions.c.previous == digest))

    async def renew(self, session: Session, *, previous: str) -> bool:
        same = (_sessions.c.id == session.id) & (_sessions.c.digest == previous)
        change = update(_sessions).where(same).values(digest=session.digest, previous=previous)
        return await self._database.write(lambda connection: connection.execute(change).rowcount > 0)

    async def end(self, session_id: str, *, entry: AuditEntry | None = None) -> bool:
        def write(connection: Connection) -> bool:
            if not connection.execute(delete(_sessions).where(_sessions.c.id == session_id)).rowcount:
                return False
            if entry is not None:
                audit.append(connection, [entry], keys=self._keys)
            return True

        return await self._database.write(write)

    async def sweep(self, *, before: Micros) -> None:
        def write(connection: Connection) -> None:
            connection.execute(delete(_sessions).where(_sessions.c.expires_at < before))
            connection.execute(delete(_tokens).where(_tokens.c.expires_at < before))
            connection.execute(delete(_attempts).where(_attempts.c.ends_at < before))

        await self._database.write(write)

    async def count(self, keys: Sequence[str], *, at: Micros, ends_at: Micros) -> list[Counted]:
        def write(connection: Connection) -> list[Counted]:
            found = {
                key: connection.execute(_COUNT, {"name": key, "at": at, "ends_at": ends_at}).one()
                for key in sorted(keys)  # in one order, so that nobody waits in a circle
            }
            return [Counted(*found[key]) for key in keys]

        return await self._database.write(write)

    async def uncount(self, keys: Sequence[str], *, forget: Sequence[str]) -> None:
        def write(connection: Connection) -> None:
            for key in sorted({*keys, *forget}):
                one = _attempts.c.name == key
                if key in forget:
                    connection.execute(delete(_attempts).where(one))
                else:
                    connection.execute(update(_attempts).where(one).values(count=_attempts.c.count - 1))

        await self._database.write(write)

    async def _known(self, wanted: ColumnElement[bool]) -> Known | None:
        query = _with_user(_sessions, "user_id").where(wanted)
        found = await self._database.read(lambda connection: _found(connection, query))
        return None if found is None else Known(_session(found[0]), people.user(found[0]), found[1])


class SqlTokens:
    """`TokenStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def add(self, token: ApiToken, *, entry: AuditEntry) -> None:
        values = {**asdict(token), "scopes": codec.encode(token.scopes).decode()}

        def write(connection: Connection) -> None:
            connection.execute(insert(_tokens).values(values))
            audit.append(connection, [entry], keys=self._keys)

        await self._database.write(write)

    async def of_digest(self, digest: str) -> Known | None:
        query = _with_user(_tokens, "user_id").where(_tokens.c.digest == digest)
        found = await self._database.read(lambda connection: _found(connection, query))
        return None if found is None else Known(_token(found[0]), people.user(found[0]), found[1])

    async def all(self, user_id: str | None = None) -> list[ApiToken]:
        query = select(*_labelled(_tokens)).order_by(_tokens.c.user_id, _tokens.c.created_at, _tokens.c.id)
        if user_id is not None:
            query = query.where(_tokens.c.user_id == user_id)
        rows = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [_token(row) for row in rows]

    async def used(self, token_id: str, *, at: Micros) -> None:
        change = update(_tokens).where(_tokens.c.id == token_id).values(last_used_at=at)
        await self._database.write(lambda connection: connection.execute(change).rowcount)

    async def revoke(self, token_id: str, *, entry: AuditEntry) -> bool:
        def write(connection: Connection) -> bool:
            if not connection.execute(delete(_tokens).where(_tokens.c.id == token_id)).rowcount:
                return False
            audit.append(connection, [entry], keys=self._keys)
            return True

        return await self._database.write(write)


def _with_user(table: Any, column: str) -> Any:
    return select(*_labelled(table), *_users.c).join(_users, _users.c.id == table.c[column])


def _labelled(table: Any) -> list[Any]:
    """The columns of what is held, beside those of its user."""
    columns: list[Column[Any]] = list(table.c)
    return [column.label(f"held_{column.name}") for column in columns]


def _found(connection: Connection, query: Any) -> tuple[Mapping[Any, Any], Any] | None:
    row = connection.execute(query).mappings().first()
    return None if row is None else (row, people.custom_roles(connection))


def _session(row: Mapping[Any, Any]) -> Session:
    return Session(**{name: row[f"held_{name}"] for name in Session.__struct_fields__})


def _token(row: Mapping[Any, Any]) -> ApiToken:
    values = {name: row[f"held_{name}"] for name in ApiToken.__struct_fields__}
    return ApiToken(**{**values, "scopes": tuple(codec.decode(values["scopes"].encode()))})
