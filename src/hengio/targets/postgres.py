"""PostgreSQL servers for database steps, through asyncpg.

Values cross the wire as text, so that a JSON string fits any type (dates, numerics, UUIDs) as a literal would, and
what comes back is already what JSON can hold.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import asyncpg
from asyncpg.prepared_stmt import PreparedStatement

from hengio import address, codec
from hengio.definition.server import Server
from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets import pipeline, reply
from hengio.targets.lexing import Dialect, keyword, position, queries
from hengio.targets.procedure import Procedure, call
from hengio.targets.reach import CONNECT_SECONDS, Reach
from hengio.targets.reply import Busy, Reply, Rows, SqlError, TimedOut, distinct
from hengio.targets.statement import Parameters, Tables, Work, prepare

_CONNECTIONS = 8
_PAGE = 500
_CHANGES = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE"})
_BUSY = ("40", "55P03")
_ACCESS = ("28", "3D", "08004")
_LATER = ("08", "53", "57P", "58")
Connect = Callable[..., Coroutine[Any, Any, "asyncpg.Connection[asyncpg.Record]"]]
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

    dialect: Dialect = "postgres"

    def __init__(self, where: str, connect: Connect, *, told: bool) -> None:
        """`connect` makes a connection; `told`: errors may say what the URL names."""
        self._where = where
        self._connect = connect
        self._told = told
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._making = asyncio.Lock()

    @classmethod
    def named(cls, what: str, url: str) -> PostgresDatabase:
        """The database of an administrator's URL, with everything that asyncpg knows in one."""
        host, port = address.server(url, what=what)
        where = f"{what} ({host or 'local socket'}:{port or 5432})"
        return cls(where, partial(_dialled, url), told=True)

    @classmethod
    def dynamic(cls, server: Server, reach: Reach) -> PostgresDatabase:
        """The database of a step's own URL: nothing of the environment or of files has a part in it."""
        return cls(reach.where, partial(_checked, server, reach), told=False)

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]:
        """As `Databases.transact`. Cancelling cancels the statement on the server."""
        if tables is not None:
            raise SqlError(f"{self._where}: PostgreSQL cannot be held to single tables here")
        if read_only and any(keyword(each.query) not in queries("postgres") for each in work):
            allowed = ", ".join(sorted(queries("postgres")))
            raise SqlError(f"{self._where}: the step is read-only, which allows {allowed}")
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

    async def call(
        self, procedure: Procedure, parameters: Parameters, *, max_rows: int, timeout_seconds: float
    ) -> Reply:
        """As `Databases.call`."""
        work = call(procedure, parameters, "postgres")
        replies = await self.transact(
            [work], read_only=False, max_rows=max_rows, timeout_seconds=timeout_seconds, tables=None
        )
        return replies[0]

    async def _run(self, connection: asyncpg.Connection[Any], work: Work, max_rows: int) -> Reply:
        rows, affected = Rows(most=max_rows), 0
        prepared: dict[str, _Prepared] = {}
        for first, sets in pipeline.alike(work.sets):
            statement = prepare(work.query, "postgres", positional=not isinstance(sets[0], dict))
            wheres = [work.where(first + place) for place in range(len(sets))]
            values = [statement.values(each, place=where) for each, where in zip(sets, wheres, strict=True)]
            if statement.text not in prepared:
                with self._told_of(wheres[0], statement.text):
                    prepared[statement.text] = await _prepared(connection, statement.text, many=len(sets))
            ready = prepared[statement.text]
            at_once = None
            if ready.counting is not None:
                at_once = await pipeline.changed(connection, ready.counting, values)
            if at_once is not None:
                affected += at_once
                continue
            for each, where in zip(values, wheres, strict=True):
                with self._told_of(where, statement.text):
                    affected += await _one(ready.alone, each, rows)
        return Reply(rows.rows, len(rows.rows), affected)

    @contextmanager
    def _told_of(self, where: str, text: str) -> Iterator[None]:
        """Faults of the server name the set that has them, and the place in the statement."""
        try:
            yield
        except asyncpg.PostgresError as error:
            spot = f", {where}" if where != "parameters" else ""
            raise self._fault(error, spot=spot, text=text) from None  # it may hold values

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
                    connect=self._connect,
                    min_size=0,
                    max_size=_CONNECTIONS,
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
        if state.startswith(_BUSY):
            return Busy(f"{where}: {message} ({state})")
        if not self._told and state.startswith(_ACCESS):
            return Refused(f"{where}: the server refuses this user, its password or the database ({state})")
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
            case ssl.SSLCertVerificationError() if not self._told:
                return Refused(f"{self._where}: the server's certificate is not one that is trusted for it")
            case OSError() | asyncpg.InternalClientError():
                return Unavailable(f"{self._where}: the server cannot be reached", hint="is it running?")
            case _ if "argument" in str(error):
                return SqlError(f"{self._where}: a parameter's value does not fit the type that the query expects")
            case asyncpg.UnsupportedClientFeatureError() | ValueError():
                hint = "cast ranges and rows: CAST(… AS TEXT), or to_json(…)"
                return SqlError(f"{self._where}: the result has a type that cannot be carried as JSON", hint=hint)
            case _:
                return Unavailable(f"{self._where}: the connection broke")


async def _dialled(url: str, _: None, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
    """A connection as the pool asks for it: with the place of a URL empty."""
    try:
        return await asyncpg.connect(url, timeout=CONNECT_SECONDS, **options)
    except TimeoutError:
        raise ConnectionError("nobody answers") from None  # which is another thing than a slow statement


async def _checked(server: Server, reach: Reach, _: None, **options: Any) -> asyncpg.Connection[asyncpg.Record]:
    """A connection to the first of the server's addresses that answers; under TLS it is asked for its own name."""
    problem: Exception | None = None
    for host in await reach.addresses():
        for context in (reach.context, *((None,) if server.tls == "prefer" else ())):
            try:
                return await asyncpg.connect(
                    host=host,
                    port=server.port,
                    user=server.user,
                    password=server.password,
                    database=server.database,
                    ssl=context or False,
                    timeout=reach.connect_seconds,
                    **options,
                )
            except TimeoutError:
                problem = ConnectionError("nobody answers")
                break
            except (OSError, asyncpg.InternalClientError) as error:
                problem = error
                if not isinstance(error, ConnectionError) or "SSL" not in str(error):
                    break  # only a server without TLS is asked again, in the clear
    raise problem or OSError("no address")


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A statement for one set of values and, if it has that form, for many."""

    alone: PreparedStatement[Any]
    counting: PreparedStatement[Any] | None


async def _prepared(connection: asyncpg.Connection[Any], text: str, *, many: int) -> _Prepared:
    alone = await connection.prepare(text)
    return _Prepared(alone, await pipeline.counting(connection, alone) if many >= pipeline.FEWEST else None)


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
