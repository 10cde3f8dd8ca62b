"""Users and custom roles. Who changes any of them holds one row, so that every rule sees the state it is written on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update

from hengio import codec
from hengio.model.person import Everyone, Role, User
from hengio.storage.chain import AuditKeys
from hengio.storage.people import Change
from hengio.storage.sql import audit, tables
from hengio.storage.sql.database import Database

_users = tables.users
_roles = tables.roles
_revisions = tables.revisions


class SqlPeople:
    """`PeopleStore` on SQL."""

    def __init__(self, database: Database, keys: AuditKeys) -> None:
        self._database = database
        self._keys = keys

    async def everyone(self) -> Everyone:
        return await self._database.read(_everyone)

    async def named(self, name: str) -> User | None:
        query = select(_users).where(_users.c.name == name)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else user(row)

    async def change(self, decide: Callable[[Everyone], Change | None]) -> Change | None:
        def write(connection: Connection) -> Change | None:
            held = update(_revisions).where(_revisions.c.name == tables.PEOPLE)
            connection.execute(held.values(value=_revisions.c.value + 1))
            change = decide(_everyone(connection))
            if change is not None:
                _write(connection, change)
                audit.append(connection, [change.entry], keys=self._keys)
            return change

        return await self._database.write(write)

    async def rehash(self, user: User, password: str) -> None:
        same = (_users.c.id == user.id) & (_users.c.password == user.password)
        await self._database.write(
            lambda connection: connection.execute(update(_users).where(same).values(password=password)).rowcount
        )


def user(row: Mapping[Any, Any]) -> User:
    """A user of a row, which may have more columns."""
    return User(
        id=row["id"],
        name=row["name"],
        password=row["password"],
        roles=tuple(codec.decode(row["roles"].encode())),
        enabled=bool(row["enabled"]),
        deleted=bool(row["deleted"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def custom_roles(connection: Connection) -> dict[str, Role]:
    """Every custom role by its name."""
    rows = connection.execute(select(_roles).order_by(_roles.c.name)).mappings().all()
    return {row["name"]: _role(row) for row in rows}


def _everyone(connection: Connection) -> Everyone:
    found = map(user, connection.execute(select(_users).order_by(_users.c.name)).mappings().all())
    return Everyone({one.id: one for one in found}, custom_roles(connection))


def _write(connection: Connection, change: Change) -> None:
    for one in change.users:
        values = {
            "id": one.id,
            "name": one.name,
            "password": one.password,
            "roles": codec.encode(one.roles).decode(),
            "enabled": one.enabled,
            "deleted": one.deleted,
            "created_at": one.created_at,
            "created_by": one.created_by,
        }
        _put(connection, _users, "id", values)
    for role in change.roles:
        permissions = codec.encode(role.permissions).decode()
        values = {"name": role.name, "permissions": permissions, "description": role.description}
        _put(connection, _roles, "name", values)
    _drop(connection, _roles, "name", change.dropped)
    _drop(connection, tables.sessions, "user_id", change.sessions_of)
    _drop(connection, tables.api_tokens, "user_id", change.tokens_of)


def _put(connection: Connection, table: Table, key: str, values: dict[str, Any]) -> None:
    if not connection.execute(update(table).where(table.c[key] == values[key]).values(values)).rowcount:
        connection.execute(insert(table).values(values))


def _drop(connection: Connection, table: Table, column: str, values: Sequence[str]) -> None:
    if values:
        connection.execute(delete(table).where(table.c[column].in_(values)))


def _role(row: Mapping[Any, Any]) -> Role:
    return Role(
        name=row["name"],
        permissions=tuple(codec.decode(row["permissions"].encode())),
        description=row["description"],
    )
