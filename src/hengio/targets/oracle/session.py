"""A session with Oracle for one transaction, through oracledb's thin mode."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import oracledb

from hengio.definition.server import Server
from hengio.targets.lexing import keyword
from hengio.targets.oracle import values
from hengio.targets.oracle.fault import translated
from hengio.targets.reply import Rows, distinct
from hengio.targets.statement import Parameters, prepare

_PAGE = 500
_LEAVE_SECONDS = 1.0
_BLOCKS = frozenset({"BEGIN", "DECLARE", "CREATE", "ALTER", "CALL"})
_OURS = "hengio"


class Session:
    """One connection. It is not used twice: nothing short of that makes Oracle forget all that a session holds."""

    def __init__(self, connection: oracledb.AsyncConnection, where: str) -> None:
        self._connection = connection
        self._where = where
        self._busy = False
        self._open = True

    @property
    def lost(self) -> bool:
        return not self._open

    async def begin(self, *, read_only: bool, seconds: float) -> None:
        """Open a transaction. Raises what `run` raises."""
        self._connection.call_timeout = max(1, round(seconds * 1000))
        self._connection.outputtypehandler = values.fetched
        for statement in (values.SESSION, *(("SET TRANSACTION READ ONLY",) if read_only else ())):
            await self.run(statement, {}, rows=Rows(most=0), place="parameters")

    async def run(self, query: str, parameters: Parameters, *, rows: Rows, place: str) -> int:
        """Run one statement and put its rows into `rows`; how many rows it changed. Raises errors of ours only."""
        statement = prepare(_ended(query), "oracle", positional=not isinstance(parameters, dict))
        given = enumerate(statement.values(parameters, place=place), 1)
        bound = {f"p{number}": values.bound(value, place=place) for number, value in given}
        self._busy = True
        with _translated(self._where if place == "parameters" else f"{self._where}, {place}", statement.text):
            cursor = self._connection.cursor()
            cursor.arraysize = _PAGE
            await cursor.execute(statement.text, bound, fetch_lobs=False)
            if cursor.description is not None:
                await _fetch(cursor, rows)
                affected = 0
            else:
                affected = max(cursor.rowcount, 0)
                for implicit in cursor.getimplicitresults()[:1] if keyword(query, "oracle") == "BEGIN" else ():
                    await _fetch(implicit, rows)
            cursor.close()
        self._busy = False
        return affected

    async def commit(self) -> None:
        """Keep the changes."""
        self._busy = True
        with _translated(self._where):
            await self._connection.commit()
        self._busy = False

    async def reset(self) -> bool:
        await self._leave()
        return False

    async def abandon(self) -> None:
        """Break off what runs, and end the session."""
        if self._busy:
            with suppress(oracledb.Error, OSError, AttributeError):
                self._connection.cancel()
        await self._leave()

    def close(self) -> None:
        if self._open:
            self._open = False
            with suppress(oracledb.Error, OSError, AttributeError):
                self._connection.terminate()

    async def _leave(self) -> None:
        try:
            async with asyncio.timeout(_LEAVE_SECONDS):
                await self._connection.close()
            self._open = False
        except (TimeoutError, oracledb.Error, OSError):
            pass
        finally:
            self.close()


async def connect(server: Server, address: str, context: ssl.SSLContext | None, *, where: str) -> Session:
    """A session with the server at that address, or name. Raises errors of ours only."""
    with _translated(where):
        connection = await oracledb.connect_async(
            user=server.user,
            password=server.password,
            host=address,
            port=server.port,
            service_name=server.database,
            protocol="tcp" if context is None else "tcps",
            ssl_context=context,
            ssl_server_dn_match=server.tls == "verify-full",
            program=_OURS,
            machine=_OURS,
            osuser=_OURS,
            terminal=_OURS,
        )
    return Session(connection, where)


async def _fetch(cursor: Any, rows: Rows) -> None:
    """Rows come in pages, so that no more than one page beyond the cap is ever held."""
    columns = distinct([column.name for column in cursor.description])
    while page := await cursor.fetchmany(min(_PAGE, rows.room)):
        for row in page:
            rows.add(columns, [values.plain(value) for value in row])


def _ended(query: str) -> str:
    """Without a semicolon at its end, which Oracle takes in blocks only."""
    return query if keyword(query, "oracle") in _BLOCKS else query.rstrip().rstrip(";")


@contextmanager
def _translated(where: str, statement: str = "") -> Iterator[None]:
    try:
        yield
    except oracledb.Error as error:
        detail = error.args[0] if error.args else None
        offset = getattr(detail, "offset", 0)
        line = f", line {statement.count(chr(10), 0, offset) + 1}" if statement and offset else ""
        raise translated(str(getattr(detail, "message", error)), where, offset=line) from None
    except OSError:
        raise translated("", where) from None
