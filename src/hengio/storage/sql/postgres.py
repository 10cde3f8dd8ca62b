"""PostgreSQL: hot entries through asyncpg, a batch a transaction; the rest through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hengio.errors import Unavailable
from hengio.storage.protocol import Answer, Begin, Blocked, Claim, Done, Entry, Park, Parked, Record, Stale
from hengio.storage.sql import rows, upgrade

T = TypeVar("T")
Row = tuple[Any, ...]

NOW = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"
_LOCK_FOR_MIGRATION = 0x48454E47494F

_EXECUTION_TYPES = (
    "text text int text text text text bool bigint bigint bigint int int int int text bigint bigint bigint text"
).split()
_STEP_RUN_TYPES = (
    "text text int int int int text text text bigint bigint text text bigint text text text bool text"
).split()


def _unnest(types: Sequence[str]) -> str:
    return "unnest(" + ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types, 1)) + ")"


INSERT_EXECUTIONS = (
    f"INSERT INTO executions ({', '.join(rows.EXECUTION_COLUMNS)}) SELECT * FROM {_unnest(_EXECUTION_TYPES)}"
)
INSERT_STEP_RUNS = (
    f"INSERT INTO step_runs ({', '.join(rows.STEP_RUN_COLUMNS)}) SELECT * FROM {_unnest(_STEP_RUN_TYPES)} "
    "ON CONFLICT DO NOTHING"
)
CLAIM = f"""
WITH taken AS (
    SELECT e.id, w.worker, w.lease, w.at
    FROM executions e
    JOIN unnest($1::text[], $2::int[], $3::text[], $4::bigint[], $5::bigint[]) AS w(id, number, worker, lease, at)
      ON w.id = e.id AND w.number = e.dispatch_number
    WHERE e.state = 'pending'
    ORDER BY e.id
    FOR NO KEY UPDATE OF e
)
UPDATE executions x
SET state = 'running', claim = x.claim + 1, worker = taken.worker, lease_until = {NOW} + taken.lease,
    started_at = COALESCE(x.started_at, taken.at)
FROM taken WHERE x.id = taken.id
RETURNING {", ".join("x." + column for column in rows.EXECUTION_COLUMNS)}
"""
HOLDS = """
SELECT id, claim FROM executions
WHERE id = ANY($1::text[]) AND state IN ('running', 'cancelling')
ORDER BY id FOR NO KEY UPDATE
"""
CLOSE = """
UPDATE executions x SET state = c.state, finished_at = c.finished_at, failure = c.failure, lease_until = NULL
FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS c(id, state, finished_at, failure)
WHERE x.id = c.id
"""
PARK = """
UPDATE executions x
SET state = 'pending', due_at = p.due_at, parked_claim = x.claim, dispatch_number = x.dispatch_number + 1,
    worker = NULL, lease_until = NULL
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p(id, claim, due_at)
WHERE x.id = p.id AND x.claim = p.claim AND x.state = 'running'
RETURNING x.id, x.dispatch_number
"""
EXTEND = f"""
UPDATE executions x SET lease_until = {NOW} + $3
FROM unnest($1::text[], $2::int[]) AS held(id, claim)
WHERE x.id = held.id AND x.claim = held.claim AND x.state IN ('running', 'cancelling')
"""

_AWAY = (OSError, asyncpg.InterfaceError, asyncpg.PostgresConnectionError, asyncpg.CannotConnectNowError)
_AWAY_TOO = (asyncpg.InsufficientResourcesError, asyncpg.OperatorInterventionError)


class PostgresDatabase:
    """A PostgreSQL database, shared by any number of processes."""

    def __init__(self, url: str, *, connections: int = 4) -> None:
        self._url = make_url(url).set(drivername="postgresql+asyncpg")
        self._connections = connections
        self._engine: AsyncEngine = create_async_engine(self._url, pool_size=2, max_overflow=2, pool_pre_ping=True)
        self._pool: asyncpg.Pool[asyncpg.Record]

    def now(self) -> str:
        return NOW

    async def open(self) -> None:
        dsn = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        try:
            self._pool = await asyncpg.create_pool(dsn, min_size=1, max_size=self._connections)
        except (*_AWAY, *_AWAY_TOO, asyncpg.PostgresError) as error:
            raise self._unavailable(error) from error
        await self.write(_migrate)

    async def close(self) -> None:
        if hasattr(self, "_pool"):
            await self._pool.close()
        await self._engine.dispose()

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self.write(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await connection.run_sync(work)
        except (*_AWAY, *_AWAY_TOO) as error:
            raise self._unavailable(error) from error
        except DBAPIError as error:
            if error.connection_invalidated or isinstance(error.orig.__cause__ if error.orig else None, _AWAY_TOO):
                raise self._unavailable(error) from error
            raise

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        try:
            return await self._commit(entries)
        except (*_AWAY, *_AWAY_TOO) as error:
            raise self._unavailable(error) from error
        except Exception as error:  # noqa: BLE001 - the entry at fault hears of it, the others are written
            if len(entries) > 1:
                return [(await self.commit([entry]))[0] for entry in entries]
            exclusive = getattr(error, "constraint_name", None) == "uq_executions_exclusive"
            return [Blocked() if exclusive else error]

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        ids, numbers = [claim[0] for claim in claims], [claim[1] for claim in claims]
        try:
            await self._pool.execute(EXTEND, ids, numbers, int(lease_seconds * 1_000_000))
        except (*_AWAY, *_AWAY_TOO) as error:
            raise self._unavailable(error) from error

    async def _commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        async with self._pool.acquire() as connection, connection.transaction():
            answers: dict[int, Answer] = {}
            await _begin(connection, {i: e for i, e in enumerate(entries) if isinstance(e, Begin)}, answers)
            await _record(connection, {i: e for i, e in enumerate(entries) if isinstance(e, Record)}, answers)
            await _park(connection, {i: e for i, e in enumerate(entries) if isinstance(e, Park)}, answers)
            await _claim(connection, {i: e for i, e in enumerate(entries) if isinstance(e, Claim)}, answers)
        return [answers[place] for place in range(len(entries))]

    def _unavailable(self, error: BaseException) -> Unavailable:
        where = self._url.render_as_string(hide_password=True)
        return Unavailable(f"the database {where} cannot be used: {error}", hint="is the server running?")


async def _begin(connection: Any, entries: dict[int, Begin], answers: dict[int, Answer]) -> None:
    if entries:
        table = [rows.execution_row(entry.execution) for entry in entries.values()]
        await connection.execute(INSERT_EXECUTIONS, *_columns(table))
        answers |= dict.fromkeys(entries, Done())


async def _claim(connection: Any, entries: dict[int, Claim], answers: dict[int, Answer]) -> None:
    if not entries:
        return
    table = [
        (e.execution_id, e.dispatch_number, e.worker, int(e.lease_seconds * 1_000_000), e.at) for e in entries.values()
    ]
    found = {row["id"]: row for row in await connection.fetch(CLAIM, *_columns(table))}
    for place, entry in entries.items():
        row = found.pop(entry.execution_id, None)
        answers[place] = Stale() if row is None else rows.claimed(rows.execution(row), parked_claim=row["parked_claim"])


async def _record(connection: Any, entries: dict[int, Record], answers: dict[int, Answer]) -> None:
    if not entries:
        return
    ids = sorted({entry.execution_id for entry in entries.values()})
    held = {(row["id"], row["claim"]) for row in await connection.fetch(HOLDS, ids)}
    good = {place: e for place, e in entries.items() if (e.execution_id, e.claim) in held}
    answers |= {place: Done() if place in good else Stale() for place in entries}
    runs = [rows.step_run_row(run) for entry in good.values() for run in entry.runs]
    if runs:
        await connection.execute(INSERT_STEP_RUNS, *_columns(runs))
    closes = [
        (e.execution_id, e.close.state.value, e.close.finished_at, rows.failure_text(e.close.failure))
        for e in good.values()
        if e.close is not None
    ]
    if closes:
        await connection.execute(CLOSE, *_columns(closes))


async def _park(connection: Any, entries: dict[int, Park], answers: dict[int, Answer]) -> None:
    if not entries:
        return
    table = [(entry.execution_id, entry.claim, entry.due_at) for entry in entries.values()]
    found = {row["id"]: row["dispatch_number"] for row in await connection.fetch(PARK, *_columns(table))}
    for place, entry in entries.items():
        number = found.get(entry.execution_id)
        answers[place] = Stale() if number is None else Parked(number)


def _columns(table: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*table, strict=True)]


def _migrate(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_FOR_MIGRATION})")
    upgrade.to_head(connection)
