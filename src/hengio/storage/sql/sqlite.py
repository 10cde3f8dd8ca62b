"""SQLite: one writer thread with group commit, one reader thread, WAL, `synchronous=FULL`.

FULL costs nothing at our rates because many entries share a commit, and keeps every commit over a power cut.
What a statement must answer for, row by row, is handed over as one JSON text: one statement, one answer.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import StaticPool

from hengio import codec
from hengio.clock import Micros
from hengio.errors import Corrupt, Unavailable
from hengio.storage.chain import AuditKeys
from hengio.storage.protocol import Answer, Entry
from hengio.storage.schedules import Decide, Decided
from hengio.storage.sql import rows, sqlite_firing, upgrade
from hengio.storage.sql import sqlite_statements as sql
from hengio.storage.sql.batch import Batch
from hengio.storage.sql.firing import Wanted

T = TypeVar("T")

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class SqliteDatabase:
    """A database file of one process. `open` creates it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="sqlite-writer")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="sqlite-reader")
        self._write_engine = self._engine()
        self._read_engine = self._engine()
        self._raw: sqlite3.Connection

    def now(self) -> str:
        return sql.NOW

    async def open(self, keys: AuditKeys) -> None:
        await self._on(self._writer, lambda: self._prepare(keys))

    async def close(self) -> None:
        for thread, engine in ((self._reader, self._read_engine), (self._writer, self._write_engine)):
            await asyncio.get_running_loop().run_in_executor(thread, engine.dispose)
            thread.shutdown()

    async def read(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._read_engine.connect() as connection:
                return work(connection)

        return await self._on(self._reader, run)

    async def write(self, work: Callable[[Connection], T]) -> T:
        def run() -> T:
            with self._write_engine.connect() as connection, self._transaction():
                return work(connection)

        return await self._on(self._writer, run)

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        return await self._on(self._writer, lambda: self._commit(entries))

    async def decide(self, decide: Decide, *, before: Micros, limit: int, job_id: str | None = None) -> Decided:
        def run() -> Decided:
            with self._transaction():
                return sqlite_firing.decide(self._raw, decide, Wanted(before, limit, job_id))

        return await self._on(self._writer, run)

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        lease = int(lease_seconds * 1_000_000)

        def run() -> None:
            with self._transaction():
                self._raw.executemany(sql.EXTEND, [(lease, execution_id, claim) for execution_id, claim in claims])

        await self._on(self._writer, run)

    def _engine(self) -> Engine:
        return create_engine(
            URL.create("sqlite", database=str(self._path)),
            poolclass=StaticPool,
            isolation_level="AUTOCOMMIT",
            hide_parameters=True,
            connect_args={"check_same_thread": False, "cached_statements": 256, "timeout": 30.0},
        )

    def _prepare(self, keys: AuditKeys) -> None:
        connection = self._write_engine.connect()
        raw = connection.connection.driver_connection
        assert isinstance(raw, sqlite3.Connection)
        self._raw = raw
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "wal_autocheckpoint=4000"):
            raw.execute(f"PRAGMA {pragma}")
        with self._transaction():
            upgrade.to_head(connection, keys)
        connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._raw.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            raise
        self._commit_or_roll_back()

    def _commit_or_roll_back(self) -> None:
        try:
            self._raw.execute("COMMIT")
        except sqlite3.Error:
            if self._raw.in_transaction:
                self._raw.execute("ROLLBACK")
            raise

    def _commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        try:
            with self._transaction():
                return self._write(Batch(entries))
        except sqlite3.OperationalError:
            raise
        except Exception as error:  # noqa: BLE001 - the entry at fault hears of it, the others are written
            if len(entries) > 1:
                return [self._alone(entry) for entry in entries]
            return [error]

    def _alone(self, entry: Entry) -> Answer | Exception:
        try:
            return self._commit([entry])[0]
        except sqlite3.OperationalError as error:
            return self._unavailable(error)

    def _write(self, batch: Batch) -> list[Answer | Exception]:
        if table := batch.executions():
            self._raw.executemany(sql.INSERT_EXECUTIONS, table)
        if table := batch.keyed():
            batch.begun(self._raw.execute(sql.KEYED, _json(table)))
        if ids := batch.held_ids():
            batch.held(self._raw.execute(sql.HOLDS, _json(ids)))
        if table := batch.step_runs():
            self._raw.executemany(sql.INSERT_STEP_RUNS, table)
        if table := batch.closes():
            self._raw.executemany(sql.CLOSE, table)
        if table := batch.parks():
            batch.parked(self._raw.execute(sql.PARK, _json(table)))
        if table := batch.claims():
            found = self._raw.execute(sql.CLAIM, _json(table)).fetchall()
            batch.claimed(dict(zip(rows.CLAIMED_COLUMNS, row, strict=True)) for row in found)
        if ids := batch.unclaimed_ids():
            batch.pending(self._raw.execute(sql.PENDING, _json(ids)))
        return batch.answers()

    async def _on(self, thread: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(thread, work)
        except sqlite3.DatabaseError as error:
            self._judge(error, cause=error)
            raise
        except DBAPIError as error:
            self._judge(error.orig, cause=error)
            raise

    def _judge(self, error: BaseException | None, *, cause: Exception) -> None:
        """Raise what it means for the database as a whole; return if it is about one statement."""
        if isinstance(error, sqlite3.OperationalError):
            raise self._unavailable(error) from cause
        if isinstance(error, sqlite3.DatabaseError) and error.sqlite_errorcode in _DAMAGED:
            raise Corrupt(f"the database {self._path} is damaged: {error}", hint="restore it from a backup") from cause

    def _unavailable(self, error: sqlite3.OperationalError) -> Unavailable:
        hint = "free space on the disk that holds the data folder" if "full" in str(error) else ""
        return Unavailable(f"the database {self._path} cannot be used: {error}", hint=hint)


def _json(table: Sequence[object]) -> tuple[str]:
    return (codec.encode(table).decode(),)
