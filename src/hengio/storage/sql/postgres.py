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
from hengio.storage.protocol import Answer, Blocked, Entry
from hengio.storage.sql import rows, upgrade
from hengio.storage.sql.batch import Batch
from hengio.storage.sql.states import BEGUN, CLAIMABLE, HELD, RETURNABLE

T = TypeVar("T")
Row = tuple[Any, ...]

NOW = "(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::bigint"
_LOCK_FOR_MIGRATION = 0x48454E47494F

_EXECUTION_TYPES = (
    "text text int text text text text bool bigint bigint bigint int int int int text bigint bigint bigint text "
    "text text text text"
).split()
_STEP_RUN_TYPES = (
    "text text int int int int text text text bigint bigint text text bigint text text text bool text text"
).split()

SILENCE_SECONDS = 60.0
"""A server that says nothing for so long is away: a network that swallows packets closes no connection."""


def _unnest(types: Sequence[str]) -> str:
    return "unnest(" + ", ".join(f"${place}::{kind}[]" for place, kind in enumerate(types, 1)) + ")"


INSERT_EXECUTIONS = (
    f"INSERT INTO executions ({', '.join(rows.EXECUTION_COLUMNS)}) SELECT * FROM {_unnest(_EXECUTION_TYPES)} "
    "ON CONFLICT (job_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING"
)
KEYED = """
SELECT e.job_id, e.idempotency_key, e.id
FROM executions e JOIN unnest($1::text[], $2::text[]) AS k(job_id, key)
  ON e.job_id = k.job_id AND e.idempotency_key = k.key
"""
INSERT_STEP_RUNS = (
    f"INSERT INTO step_runs ({', '.join(rows.STEP_RUN_COLUMNS)}) SELECT * FROM {_unnest(_STEP_RUN_TYPES)} "
    "ON CONFLICT DO NOTHING"
)
# A job that allows no execution beside another gets at most one claim here, and none while another is under way. The
# unique index is behind this for claims of two processes; alone it would cost the whole batch its transaction.
CLAIM = f"""
WITH pending AS (
    SELECT e.id, e.job_id, e.exclusive, CASE WHEN e.exclusive THEN e.job_id ELSE e.id END AS turn,
        w.worker, w.lease, w.at
    FROM executions e
    JOIN unnest($1::text[], $2::int[], $3::text[], $4::bigint[], $5::bigint[]) AS w(id, number, worker, lease, at)
      ON w.id = e.id AND w.number = e.dispatch_number
    WHERE e.state IN {CLAIMABLE}
    ORDER BY e.id FOR NO KEY UPDATE OF e
), taken AS (
    SELECT DISTINCT ON (turn) id, worker, lease, at FROM pending
    WHERE NOT exclusive OR NOT EXISTS (
        SELECT FROM executions o
        WHERE o.job_id = pending.job_id AND o.id <> pending.id AND o.exclusive AND {BEGUN}
    )
    ORDER BY turn, id
)
UPDATE executions x
SET state = 'running', claim = x.claim + 1, worker = taken.worker, lease_until = {NOW} + taken.lease,
    started_at = COALESCE(x.started_at, taken.at)
FROM taken WHERE x.id = taken.id
RETURNING {", ".join("x." + column for column in rows.EXECUTION_COLUMNS)}, {rows.REVISION}
"""
PENDING = "SELECT id, dispatch_number FROM executions WHERE id = ANY($1::text[]) AND state = 'pending'"
# Wherever several rows are locked it is in the order of their ids, or two transactions could wait for each other.
HOLDS = f"""
SELECT id, claim FROM executions
WHERE id = ANY($1::text[]) AND state IN {HELD}
ORDER BY id FOR NO KEY UPDATE
"""
CLOSE = """
UPDATE executions x SET state = c.state, finished_at = c.finished_at, failure = c.failure, lease_until = NULL
FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[]) AS c(state, finished_at, failure, id)
WHERE x.id = c.id
"""
PARK = f"""
UPDATE executions x
SET state = 'pending', due_at = p.due_at, parked_claim = x.claim, dispatch_number = x.dispatch_number + 1,
    worker = NULL, lease_until = NULL
FROM unnest($1::text[], $2::int[], $3::bigint[]) AS p(id, claim, due_at)
WHERE x.id = p.id AND x.claim = p.claim AND x.state IN {RETURNABLE}
RETURNING x.id, x.claim, x.dispatch_number
"""
EXTEND = f"""
WITH held AS (
    SELECT e.id
    FROM executions e JOIN unnest($1::text[], $2::int[]) AS h(id, claim) ON h.id = e.id AND h.claim = e.claim
    WHERE e.state IN {HELD}
    ORDER BY e.id FOR NO KEY UPDATE OF e
)
UPDATE executions x SET lease_until = {NOW} + $3 FROM held WHERE x.id = held.id
"""

_AWAY = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,  # what a statement meets on a connection that the server is just closing
)
# Of what the server itself answers only these are about the values given. Anything else (a standby that is read-only, a
# full disk, a right withdrawn, a deadlock) is no fault of an entry: it waits until the server takes it.
_AT_FAULT = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)


class PostgresDatabase:
    """A PostgreSQL database, shared by any number of processes."""

    def __init__(self, url: str, *, connections: int = 4, silence_seconds: float = SILENCE_SECONDS) -> None:
        self._url = make_url(url).set(drivername="postgresql")
        self._dsn = self._url.render_as_string(hide_password=False)
        self._connections = connections
        self._silence_seconds = silence_seconds
        self._engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self._connect,
            pool_size=2,
            max_overflow=2,
            pool_pre_ping=True,
            hide_parameters=True,
        )
        self._pool: asyncpg.Pool[asyncpg.Record]

    def now(self) -> str:
        return NOW

    async def open(self) -> None:
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn, min_size=1, max_size=self._connections, command_timeout=self._silence_seconds
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise self._unavailable(error) from error
        await self.write(_migrate)

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of the cold paths: both kinds read the URL, TLS parameters included, as asyncpg does."""
        return await asyncpg.connect(self._dsn, command_timeout=self._silence_seconds)

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
        except DBAPIError as error:
            cause = error.orig.__cause__ if error.orig is not None else None
            if error.connection_invalidated or _is_away(cause):
                raise self._unavailable(cause or error) from error
            raise
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise self._unavailable(error) from error

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        try:
            return await self._commit(entries)
        except Exception as error:
            if _is_away(error):
                raise self._unavailable(error) from error
            # The entry at fault hears of it, the others are written.
            if len(entries) > 1:
                return [await self._alone(entry) for entry in entries]
            exclusive = getattr(error, "constraint_name", None) == "uq_executions_exclusive"
            return [Blocked() if exclusive else error]

    async def _alone(self, entry: Entry) -> Answer | Exception:
        try:
            return (await self.commit([entry]))[0]
        except Unavailable as error:
            return error

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        ids, numbers = [claim[0] for claim in claims], [claim[1] for claim in claims]
        try:
            await self._pool.execute(EXTEND, ids, numbers, int(lease_seconds * 1_000_000))
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise self._unavailable(error) from error

    async def _commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        batch = Batch(entries)
        async with self._pool.acquire() as connection, connection.transaction():
            if table := batch.executions():
                await connection.execute(INSERT_EXECUTIONS, *_columns(table))
            if table := batch.keyed():
                found = await connection.fetch(KEYED, *_columns(table))
                batch.begun([(row["job_id"], row["idempotency_key"], row["id"]) for row in found])
            if ids := batch.held_ids():
                batch.held([(row["id"], row["claim"]) for row in await connection.fetch(HOLDS, ids)])
            if table := batch.step_runs():
                await connection.execute(INSERT_STEP_RUNS, *_columns(table))
            if table := batch.closes():
                await connection.execute(CLOSE, *_columns(table))
            if table := batch.parks():
                found = await connection.fetch(PARK, *_columns(table))
                batch.parked([(row["id"], row["claim"], row["dispatch_number"]) for row in found])
            if table := batch.claims():
                batch.claimed([dict(row) for row in await connection.fetch(CLAIM, *_columns(table))])
            if ids := batch.unclaimed_ids():
                found = await connection.fetch(PENDING, ids)
                batch.pending([(row["id"], row["dispatch_number"]) for row in found])
        return batch.answers()

    def _unavailable(self, error: BaseException) -> Unavailable:
        where = self._url.set(query={}).render_as_string(hide_password=True)  # a query may hold a password as well
        return Unavailable(f"the database {where} cannot be used: {error}", hint="is the server running?")


def _is_away(error: BaseException | None) -> bool:
    """Whether the database cannot be used now, and not a value that it was given is at fault."""
    if isinstance(error, asyncpg.PostgresError):
        return not isinstance(error, _AT_FAULT)
    return isinstance(error, _AWAY)


def _columns(table: Sequence[Row]) -> list[list[Any]]:
    return [list(column) for column in zip(*table, strict=True)]


def _migrate(connection: Connection) -> None:
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_FOR_MIGRATION})")
    upgrade.to_head(connection)
