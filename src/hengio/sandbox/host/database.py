"""`db_query`: statements on named connections that the grants name (R4.3, R4.4, R5.5)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from hengio import codec
from hengio.errors import HengioError, NotFound, Refused
from hengio.grants import database
from hengio.model.grant import Grant, Permission
from hengio.sandbox.host.answer import answered, denied
from hengio.sandbox.host.outside import Layer, Note, Scope
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.targets.databases import Databases
from hengio.targets.lexing import Dialect
from hengio.targets.reply import SqlError, TimedOut, TooManyRows
from hengio.targets.statement import Tables, Work

if TYPE_CHECKING:
    from hengio.sandbox.host.statement import Statement

MOST_STATEMENTS = 100
_SCHEMA: dict[Dialect, str] = {"sqlite": "main", "postgres": "public", "mysql": "", "oracle": ""}
"""Where a table without a schema is. Where single tables cannot be held to, it does not matter."""


class Query(Struct, frozen=True, forbid_unknown_fields=True):
    """One statement and the values it is bound to, by name or place."""

    query: str
    parameters: list[Any] | dict[str, Any] | None = None


class DatabaseRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a guest asks for (ABI: Reactor, SQL): one `query`, or `statements` in one transaction."""

    connection: str
    query: str | UnsetType = UNSET
    parameters: list[Any] | dict[str, Any] | None = None
    statements: list[Query] | UnsetType = UNSET
    max_rows: int | None = None

    def queries(self) -> list[Query]:
        """Raises `Refused` unless exactly one of the two forms is used, for a name that a connection can have."""
        if not database.is_connection(self.connection):
            raise Refused("a connection has no such name")
        if isinstance(self.statements, list) and self.query is UNSET and self.parameters is None:
            if not 0 < len(self.statements) <= MOST_STATEMENTS:
                raise Refused(f"a request has 1 to {MOST_STATEMENTS} statements")
            return self.statements
        if isinstance(self.query, str) and self.statements is UNSET:
            return [Query(self.query, self.parameters)]
        raise Refused("a request has either a query (with parameters) or statements")


class DatabaseCapability:
    """Answers `db_query`."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def answer(self, ask: Ask, scope: Scope) -> Answered:
        try:
            request = msgspec.json.decode(ask.request, type=DatabaseRequest)
            queries = request.queries()
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, Refused) as error:
            return answered(Status.INVALID_REQUEST, f"the request cannot be read: {error}")
        if (missing := _unreachable(scope, request.connection)) is not None:
            return denied(missing, left_out=_reaches(scope.layers[0], request.connection))
        try:
            dialect = self._databases.dialect(request.connection)
            read = [await asyncio.to_thread(_read, query.query, dialect) for query in queries]
        except HengioError as error:
            status = Status.NOT_FOUND if isinstance(error, NotFound) else Status.INVALID_REQUEST
            return answered(status, error.message)
        rights = _Rights(scope.layers, request.connection, dialect)
        if (missing := rights.missing(read)) is not None:
            granted = _Rights(scope.layers[:1], request.connection, dialect)
            return denied(missing, left_out=granted.missing(read) is None)
        return await self._run(request, queries, ask=ask, scope=scope, rights=rights, read=read)

    async def _run(
        self,
        request: DatabaseRequest,
        queries: list[Query],
        *,
        ask: Ask,
        scope: Scope,
        rights: _Rights,
        read: list[Statement],
    ) -> Answered:
        writes = any(each.writes for each in read)
        most = scope.database_rows
        rows = most if request.max_rows is None else max(0, min(request.max_rows, most))
        if writes and scope.note is not None:
            return _noted(request, queries, scope.note)
        places = [f"statements[{at}]" for at in range(len(queries))] if request.query is UNSET else [""]
        work = [
            Work(query.query, [{} if query.parameters is None else query.parameters], place)
            for query, place in zip(queries, places, strict=True)
        ]
        try:
            replies = await self._databases.transact(
                request.connection,
                work,
                read_only=not writes,
                max_rows=rows,
                timeout_seconds=ask.seconds_left,
                tables=rights.tables("database:write" if writes else "database:read"),
            )
        except HengioError as error:
            return answered(_status(error), error.message, wrote=writes and not isinstance(error, Refused))
        reply = replies[0] if request.statements is UNSET else replies
        return Answered(status=Status.OK, reply=codec.encode(reply), wrote=writes)


def _noted(request: DatabaseRequest, queries: list[Query], note: Note) -> Answered:
    """In a dry run: what would be changed is told instead, and nothing is found changed."""
    statements = [{"query": query.query, "parameters": query.parameters} for query in queries]
    note("database", {"connection": request.connection, "statements": statements})
    nothing = {"rows": [], "row_count": 0, "affected_rows": 0}
    reply = nothing if request.statements is UNSET else [nothing for _ in queries]
    return Answered(status=Status.OK, reply=codec.encode(reply), wrote=False)


class _Rights:
    """What layers of grants allow on one connection."""

    def __init__(self, layers: tuple[Layer, ...], connection: str, dialect: Dialect) -> None:
        self._layers = layers
        self._connection = connection
        self._dialect = dialect

    def missing(self, statements: list[Statement]) -> Grant | None:
        """The first grant that is missing for them; None if all may run."""
        for each in statements:
            permission: Permission = "database:write" if each.writes else "database:read"
            allowed = self.tables(permission)
            if allowed is None:
                continue
            if self._dialect != "sqlite":  # only there single tables are held to
                return Grant(permission, self._connection)
            for schema, table in sorted(each.tables):
                if schema not in {"", _SCHEMA["sqlite"]} or table not in allowed:
                    return Grant(permission, f"{self._connection}/{schema or _SCHEMA['sqlite']}.{table}")
            if not allowed and not each.tables:
                return Grant(permission, self._connection)
        return None

    def tables(self, permission: Permission) -> Tables | None:
        """The tables that every layer allows; None for the whole connection."""
        common: Tables | None = None
        for layer in self._layers:
            resources = _resources(layer, permission, self._connection)
            if any(resource.table is None for resource in resources):
                continue
            here = frozenset(
                (resource.table or "").lower()
                for resource in resources
                if (resource.schema or "").lower() == _SCHEMA[self._dialect]
            )
            common = here if common is None else common & here
        return common


def _resources(layer: Layer, permission: Permission, connection: str) -> list[database.DatabaseResource]:
    parsed = [database.parse(grant.resource) for grant in layer if grant.permission == permission]
    return [resource for resource in parsed if resource.connection == connection]


def _unreachable(scope: Scope, connection: str) -> Grant | None:
    """The grant that is missing if nothing on that connection is allowed: then nothing is told about it, either."""
    reachable = all(_reaches(layer, connection) for layer in scope.layers)
    return None if reachable else Grant("database:read", connection)


def _reaches(layer: Layer, connection: str) -> bool:
    return any(_resources(layer, permission, connection) for permission in ("database:read", "database:write"))


def _status(error: HengioError) -> Status:
    match error:
        case TimedOut():
            return Status.DEADLINE
        case TooManyRows():
            return Status.LIMIT_EXCEEDED
        case NotFound():
            return Status.NOT_FOUND
        case SqlError():
            return Status.FAILED
        case Refused():
            return Status.INVALID_REQUEST
        case _:
            return Status.UNAVAILABLE


def _read(query: str, dialect: Dialect) -> Statement:
    from hengio.sandbox.host import statement  # the parser is loaded when it is needed

    return statement.read(query, dialect)
