"""PostgreSQL servers for database steps, through asyncpg.

Values cross the wire as text, so that a JSON string fits any type (dates, numerics, UUIDs) as a literal would, and
what comes back is already what JSON can hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from hengio import address, codec
from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets import reply
from hengio.targets.reply import Reply, Rows, SqlError, TimedOut, distinct
from hengio.targets.statement import Dialect, Tables, Work, keyword, position, prepare

_CONNECTIONS = 8
_CONNECT_SECONDS = 10.0
_PAGE = 500
_QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "EXPLAIN", "SHOW"})
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_LATER = ("08", "53", "40", "55P03", "57P", "58")
_TEXT = (
    *("date", "time", "timetz", "interval", "numeric", "money", "uuid", "text", "varchar", "bpchar", "xml"),
    *("inet", "cidr", "macaddr", "bit", "varbit", "point", "char"),
)
_DECODERS = {
    **dict.fromkeys(_TEXT, str),
    **dict.fromkeys(("int2", "int4", "int8"), lambda text: reply.safe(int(text))),
    **dict.fromkeys(("float4", "float8"), lambda text: reply.safe(float(text))),
    **dict.fromkeys(("timestamp", "timestamptz"), reply.moment),
    **dict.fromkeys(("json", "jsonb"), lambda text: codec.decode(text.encode())),
    "bool": lambda text: text == "t",
    "bytea": lambda text: reply.safe(bytes.fromhex(text[2:])),
}


class PostgresDatabase:
    """One database and its pool. Connections are made when first needed and forget everything on return."""

    def __init__(self, name: str, url: str) -> None:
        self._name = name
        self._url = url
        host, port = address.server(url, what=f"connection '{name}'")
        self._where = f"connection '{name}' ({host or 'local socket'}:{port or 5432})"
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._making = asyncio.Lock()

    dialect: Dialect = "postgres"

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]:
        """As `Databases.transact`. Cancelling cancels the statement on the server."""
        if tables is not None:
            raise SqlError(f"{self._where}: PostgreSQL cannot be held to single tables here")
        if read_only and any(keyword(each.query) not in _QUERIES for each in work):
            raise SqlError(f"{self._where}: the step is read-only, which allows {', '.join(sorted(_QUERIES))}")
        try:
            async with asyncio.timeout(timeout_seconds):
                async with self._transaction(read_only=read_only, timeout_seconds=timeout_seconds) as connection:
                    replies: list[Reply] = []
                    for each in work:
                        left = max_rows - sum(reply.row_count for reply in replies)
                        replies.append(await self._run(connection, each, left))
                    return replies
        except TimeoutError:
            raise TimedOut(f"{self._where}: the statement ran longer than {timeout_seconds:g} s") from None
        except asyncpg.PostgresError as error:
            raise self._fault(error) from None
        except (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, ValueError) as error:
            raise self._client_fault(error) from None

    async def _run(self, connection: asyncpg.Connection[Any], work: Work, max_rows: int) -> Reply:
        rows, affected = Rows(most=max_rows), 0
        prepared: dict[str, PreparedStatement[Any]] = {}
        for number, parameters in enumerate(work.sets):
            where = work.where(number)
            statement = prepare(work.query, style="dollar", positional=not isinstance(parameters, dict))
            values = statement.values(parameters, place=where)
            try:
                if statement.text not in prepared:
                    prepared[statement.text] = await connection.prepare(statement.text)
                affected += await _one(prepared[statement.text], values, rows)
            except asyncpg.PostgresError as error:
                spot = f", {where}" if where != "parameters" else ""
                raise self._fault(error, spot=spot, text=statement.text) from None  # it may hold values
        return Reply(rows.rows, len(rows.rows), affected)

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool, timeout_seconds: float) -> AsyncIterator[asyncpg.Connection[Any]]:
        pool = await self._opened()
        async with pool.acquire() as borrowed:
            connection: asyncpg.Connection[Any] = borrowed  # type: ignore[assignment]  # the proxy behaves as one
            async with connection.transaction(readonly=read_only):
                limit = f"{max(1, round(timeout_seconds * 1000))}ms"
                await connection.fetchval("SELECT set_config('statement_timeout', $1, true)", limit)
                yield connection

    async def _opened(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._making:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=_CONNECTIONS,
                    timeout=_CONNECT_SECONDS,
                    init=_prepare_connection,
                    reset=_forget,
                    statement_cache_size=0,
                    max_inactive_connection_lifetime=60.0,
                    server_settings={"application_name": "hengio", "timezone": "UTC", "datestyle": "ISO"},
                )
            return self._pool

    async def close(self) -> None:
        if self._pool is not None:
            self._pool.terminate()

    def _fault(self, error: asyncpg.PostgresError, *, spot: str = "", text: str = "") -> HengioError:
        state: str = getattr(error, "sqlstate", None) or ""
        message: str = getattr(error, "message", None) or str(error)
        at: str | None = getattr(error, "position", None)
        where = f"{self._where}{spot}"
        if state == "57014":
            return TimedOut(f"{where}: the statement ran longer than it may")
        if state.startswith(_LATER):
            return Unavailable(f"{where}: {message} ({state})")
        if state.startswith("22"):  # these messages quote the data
            return SqlError(f"{where}: a value does not fit: {_words(error)} ({state})")
        near = f" at {position(text, int(at) - 1)}" if at and text else ""
        return SqlError(f"{where}: {message}{near} ({state})")

    def _client_fault(self, error: Exception) -> HengioError:
        match error:
            case asyncpg.exceptions.ClientConfigurationError():
                return Refused(f"{self._where}: its URL is not one of a PostgreSQL database")
            case OSError() | asyncpg.InternalClientError():
                return Unavailable(f"{self._where}: the server cannot be reached", hint="is it running?")
            case _ if "argument" in str(error):
                return SqlError(f"{self._where}: a parameter's value does not fit the type that the query expects")
            case asyncpg.UnsupportedClientFeatureError() | ValueError():
                hint = "cast ranges and rows: CAST(… AS TEXT), or to_json(…)"
                return SqlError(f"{self._where}: the result has a type that cannot be carried as JSON", hint=hint)
            case _:
                return Unavailable(f"{self._where}: the connection broke")


async def _one(statement: PreparedStatement[Any], values: list[Any], rows: Rows) -> int:
    """Run once; rows come in pages, so that no more than one page beyond the cap is ever held."""
    columns = distinct([attribute.name for attribute in statement.get_attributes()])
    if not columns:
        await statement.fetch(*values)
        return _counted(statement.get_statusmsg())
    cursor = await statement.cursor(*values)
    found = 0
    while page := await cursor.fetch(min(_PAGE, rows.room)):
        for record in page:
            rows.add(columns, tuple(record))
        found += len(page)
    return found if keyword(statement.get_query()) in _CHANGES else 0


def _counted(status: str | None) -> int:
    """The number at the end of a command's tag, such as `INSERT 0 5` or `UPDATE 3`; 0 for one without."""
    words = (status or "").split()
    return int(words[-1]) if words and words[0] in _CHANGES and words[-1].isdigit() else 0


def _words(error: asyncpg.PostgresError) -> str:
    """`InvalidTextRepresentationError` → `invalid text representation`."""
    name = type(error).__name__.removesuffix("Error")
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


async def _prepare_connection(connection: asyncpg.Connection[Any]) -> None:
    for kind, decoder in _DECODERS.items():
        await connection.set_type_codec(kind, schema="pg_catalog", encoder=_written, decoder=decoder, format="text")


async def _forget(connection: asyncpg.Connection[Any]) -> None:
    """Settings, roles, temporary tables, locks: nothing of one step reaches the next."""
    await connection.execute("DISCARD ALL")


def _written(value: Any) -> str:
    """A JSON value as PostgreSQL reads it: strings as they are, everything else as JSON."""
    return value if isinstance(value, str) else codec.encode(value).decode()
