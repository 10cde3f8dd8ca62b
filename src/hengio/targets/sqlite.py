"""SQLite files for database steps: each call on a fresh connection in a thread, behind an authorizer.

The authorizer is the boundary, not `query_only`: a statement could switch that off. A read-only call opens the file
read-only as well.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hengio import codec
from hengio.errors import HengioError, NotFound, Refused, Unavailable
from hengio.targets.lexing import Dialect
from hengio.targets.procedure import Procedure
from hengio.targets.reply import Busy, Reply, Rows, SqlError, TimedOut, distinct
from hengio.targets.statement import Parameters, Statement, Tables, Work, prepare

_THREADS = 8
_BUSY_SECONDS = 5.0
_VALUE_BYTES = 64 << 20
_PROGRESS_STEPS = 2_000
_READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_NEVER = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH, sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT})
_TABLELESS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_OF_TABLES = frozenset({sqlite3.SQLITE_READ, sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})
_PRAGMAS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "index_xinfo", "foreign_key_list"}
)
_VIRTUAL_TABLES = frozenset({"fts5", "rtree"})
_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
_BUSY = ("SQLITE_BUSY", "SQLITE_LOCKED")
_LATER = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN", "SQLITE_NOMEM")


class SqliteFile:
    """One database file. `read_only` calls need it to exist; the others create it."""

    def __init__(self, where: str, path: Path) -> None:
        self._where = where
        self._path = path
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="sqlite")

    dialect: Dialect = "sqlite"

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]:
        """As `Databases.transact`. Cancelling interrupts the statement, which is then rolled back."""
        call = _Call(self._where, self._path, read_only=read_only, timeout_seconds=timeout_seconds, tables=tables)
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, lambda: call.run(work, max_rows=max_rows))
        except asyncio.CancelledError:
            call.cancelled = True
            raise

    async def call(
        self, procedure: Procedure, parameters: Parameters, *, max_rows: int, timeout_seconds: float
    ) -> Reply:
        """Always `Refused`."""
        raise Refused(f"{self._where}: SQLite has no stored procedures", hint="write the statement itself in `query`")

    async def close(self) -> None:
        await asyncio.to_thread(self._threads.shutdown)


class _Call:
    """One transaction on a connection of its own, in a thread. `cancelled` is set from outside."""

    def __init__(
        self, where: str, path: Path, *, read_only: bool, timeout_seconds: float, tables: Tables | None
    ) -> None:
        self._where = where
        self._path = path
        self._read_only = read_only
        self._tables = tables
        self._limit = timeout_seconds
        self._deadline = time.monotonic() + timeout_seconds
        self.cancelled = False

    def run(self, work: Sequence[Work], *, max_rows: int) -> list[Reply]:
        with self._translated(), closing(self._open()) as connection:
            connection.execute("BEGIN" if self._read_only else "BEGIN IMMEDIATE")
            connection.set_authorizer(self._authorize)
            connection.set_progress_handler(self._over, _PROGRESS_STEPS)
            replies: list[Reply] = []
            for each in work:
                left = max_rows - sum(reply.row_count for reply in replies)
                replies.append(self._each(connection, each, Rows(most=left)))
            connection.set_authorizer(None)
            if self._over():
                raise sqlite3.OperationalError("interrupted")
            connection.execute("COMMIT")
        return replies

    def _each(self, connection: sqlite3.Connection, work: Work, rows: Rows) -> Reply:
        affected = 0
        for number, parameters in enumerate(work.sets):
            statement = prepare(work.query, "sqlite", positional=not isinstance(parameters, dict))
            values = statement.values(parameters, place=work.where(number))
            affected += self._one(connection, statement, values, rows)
        return Reply(rows.rows, len(rows.rows), affected)

    def _one(self, connection: sqlite3.Connection, statement: Statement, values: list[Any], rows: Rows) -> int:
        bound = {f"_{number}": _bound(value) for number, value in enumerate(values, start=1)}
        cursor = connection.execute(statement.text, bound)
        if cursor.description:
            columns = distinct([column[0] for column in cursor.description])
            for row in cursor:
                rows.add(columns, row)
        return max(cursor.rowcount, 0)

    def _open(self) -> sqlite3.Connection:
        if self._path.is_symlink():
            raise Refused(f"{self._where}: its file is a symbolic link", hint="put the file itself there")
        if self._read_only and not self._path.exists():
            raise NotFound(f"{self._where}: its database does not exist yet")
        mode = "ro" if self._read_only else "rwc"
        connection = sqlite3.connect(
            f"file:{quote(str(self._path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            timeout=max(0.0, min(_BUSY_SECONDS, self._deadline - time.monotonic())),
            check_same_thread=False,
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _VALUE_BYTES)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        for pragma in ("trusted_schema=OFF", "foreign_keys=ON", *(() if self._read_only else ("journal_mode=WAL",))):
            connection.execute(f"PRAGMA {pragma}")
        return connection

    def _over(self) -> bool:
        return self.cancelled or time.monotonic() > self._deadline

    def _authorize(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        allowed = self._allows(action, first or "", second) and self._within(action, first or "")
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    def _within(self, action: int, first: str) -> bool:
        """Whether what is touched is one of the tables that may be; a query without tables touches none."""
        if self._tables is None or action in _TABLELESS:
            return True
        return action in _OF_TABLES and first.lower() in self._tables

    def _allows(self, action: int, first: str, second: str | None) -> bool:
        match action:
            case sqlite3.SQLITE_PRAGMA:
                return first.lower() in _PRAGMAS
            case sqlite3.SQLITE_FUNCTION:
                return (second or "").lower() not in _FUNCTIONS
            case sqlite3.SQLITE_READ:
                return first.lower() != "sqlite_dbpage"
            case sqlite3.SQLITE_CREATE_VTABLE | sqlite3.SQLITE_DROP_VTABLE:
                return not self._read_only and (second or "").lower() in _VIRTUAL_TABLES
            case _ if action in _NEVER:
                return False
            case _:
                return action in _READS or not self._read_only

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._fault(error) from None  # the driver's own error may hold values
        except (OverflowError, UnicodeEncodeError) as error:
            raise SqlError("a parameter's value does not fit into SQLite", hint="integers have 64 bits") from error

    def _fault(self, error: sqlite3.Error) -> HengioError:
        text, name = str(error), getattr(error, "sqlite_errorname", "")
        here = self._where
        if text == "interrupted":
            return TimedOut(f"{here}: the statement ran longer than {self._limit:g} s")
        if name.startswith(_BUSY):
            return Busy(f"{here}: {_hidden(text)}", hint="the database is used by others")
        if name.startswith(_LATER):
            return Unavailable(f"{here}: {_hidden(text)}", hint="is the disk full?")
        if name.startswith("SQLITE_AUTH") or text == "not authorized":
            kind = "a read-only step" if self._read_only else "a step"
            return SqlError(f"{here}: the statement does what {kind} may not do: {_hidden(text)}")
        if name.startswith("SQLITE_READONLY"):
            return SqlError(f"{here}: the step is read-only")
        return SqlError(f"{here}: {_hidden(text)}")


def _bound(value: Any) -> Any:
    """A JSON value for SQLite: lists and objects as JSON text."""
    return codec.encode(value).decode() if isinstance(value, (list, dict)) else value


def _hidden(text: str) -> str:
    """SQLite's messages quote the statement only, but those of full-text search quote the searched words."""
    return "fts5: the searched words are not a query" if text.startswith("fts5:") else text
