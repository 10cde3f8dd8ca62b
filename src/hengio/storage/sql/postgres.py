"""PostgreSQL: hot entries through asyncpg, a batch a transaction; the rest through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import asyncpg
from sqlalchemy import Connection
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from hengio.clock import Micros
from hengio.errors import Refused, Unavailable
from hengio.storage.chain import AuditKeys
from hengio.storage.protocol import Answer, Blocked, Entry
from hengio.storage.schedules import Decide, Decided
from hengio.storage.sql import postgres_firing, upgrade
from hengio.storage.sql import postgres_statements as sql
from hengio.storage.sql.batch import Batch, columns
from hengio.storage.sql.firing import Wanted

T = TypeVar("T")

LOCK_SECONDS = 10.0
"""Whoever waits longer for a row is told so, instead of waiting for somebody who may be frozen."""
IDLE_SECONDS = 15.0
"""A transaction in which nothing happens for so long is that of a process that is frozen, or behind a network that
swallows packets: the server ends it, so that nobody waits for what it holds. Ours do nothing but talk to the server."""

_LOCK_FOR_MIGRATION = 0x48454E47494F

SILENCE_SECONDS = 60.0
"""A server that says nothing for so long is away: a network that swallows packets closes no connection."""

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

    def __init__(
        self,
        url: str,
        *,
        connections: int = 4,
        silence_seconds: float = SILENCE_SECONDS,
        lock_seconds: float = LOCK_SECONDS,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._url = make_url(url).set(drivername="postgresql")
        self._dsn = self._url.render_as_string(hide_password=False)
        self._connections = connections
        self._silence_seconds = silence_seconds
        self._limits = {
            "lock_timeout": f"{int(lock_seconds * 1000)}",
            "idle_in_transaction_session_timeout": f"{int(idle_seconds * 1000)}",
        }
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
        return sql.NOW

    async def open(self, keys: AuditKeys) -> None:
        try:
            self._pool = await asyncpg.create_pool(
                self._dsn,
                min_size=1,
                max_size=self._connections,
                command_timeout=self._silence_seconds,
                server_settings=self._limits,
            )
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise self._unavailable(error) from error
        await self.write(lambda connection: _migrate(connection, keys))

    async def _connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection of the cold paths: both kinds read the URL, TLS parameters included, as asyncpg does."""
        return await asyncpg.connect(self._dsn, command_timeout=self._silence_seconds, server_settings=self._limits)

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
            if isinstance(cause, asyncpg.CharacterNotInRepertoireError):
                raise Refused("a text has a NUL (U+0000) in it: it names nothing, and is not kept") from error
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

    async def decide(self, decide: Decide, *, before: Micros, limit: int, job_id: str | None = None) -> Decided:
        wanted = Wanted(before, limit, job_id)
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                return await postgres_firing.decide(connection, decide, wanted)
        except Exception as error:
            if _is_away(error):
                raise self._unavailable(error) from error
            raise

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        ids, numbers = [claim[0] for claim in claims], [claim[1] for claim in claims]
        try:
            await self._pool.execute(sql.EXTEND, ids, numbers, int(lease_seconds * 1_000_000))
        except (*_AWAY, asyncpg.PostgresError) as error:
            raise self._unavailable(error) from error

    async def _commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        batch = Batch(entries)
        async with self._pool.acquire() as connection, connection.transaction():
            if table := batch.executions():
                await connection.execute(sql.INSERT_EXECUTIONS, *columns(table))
            if table := batch.keyed():
                found = await connection.fetch(sql.KEYED, *columns(table))
                batch.begun([(row["job_id"], row["idempotency_key"], row["id"]) for row in found])
            if ids := batch.held_ids():
                batch.held([(row["id"], row["claim"]) for row in await connection.fetch(sql.HOLDS, ids)])
            if table := batch.step_runs():
                await connection.execute(sql.INSERT_STEP_RUNS, *columns(table))
            if table := batch.closes():
                await connection.execute(sql.CLOSE, *columns(table))
            if table := batch.parks():
                found = await connection.fetch(sql.PARK, *columns(table))
                batch.parked([(row["id"], row["claim"], row["dispatch_number"]) for row in found])
            if table := batch.claims():
                batch.claimed([dict(row) for row in await connection.fetch(sql.CLAIM, *columns(table))])
            if ids := batch.unclaimed_ids():
                found = await connection.fetch(sql.PENDING, ids)
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


def _migrate(connection: Connection, keys: AuditKeys) -> None:
    connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # whoever migrates is waited for
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK_FOR_MIGRATION})")
    upgrade.to_head(connection, keys)
