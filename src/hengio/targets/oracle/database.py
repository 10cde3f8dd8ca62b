"""One database of an Oracle server, through oracledb's thin mode (H4.2).

Not run against a server yet: docs/reference/definitions.md says what that means.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from hengio.definition.server import Server
from hengio.errors import Refused, Unavailable
from hengio.targets.lexing import Dialect, keyword, queries
from hengio.targets.pool import Pool
from hengio.targets.procedure import Procedure, call
from hengio.targets.reach import Reach
from hengio.targets.reply import Reply, Rows, SqlError, TimedOut
from hengio.targets.statement import Parameters, Tables, Work

if TYPE_CHECKING:
    from hengio.targets.oracle.session import Session

_COMMIT_SECONDS = 10.0


class OracleDatabase:
    """One database. Each transaction has a session of its own, at most a few at a time."""

    dialect: Dialect = "oracle"

    def __init__(self, server: Server, reach: Reach) -> None:
        if reach.checked and server.tls != "disable":
            hint = "use a connection that an administrator defined"
            raise Refused(f"{reach.where}: Oracle over TLS cannot be held to an address that was checked", hint=hint)
        self._server = server
        self._reach = reach
        self._where = reach.where
        self._pool: Pool[Session] = Pool(self._connected)

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]:
        """As `Databases.transact`. Cancelling breaks the statement off on the server."""
        if tables is not None:
            raise SqlError(f"{self._where}: Oracle cannot be held to single tables here")
        if read_only and any(keyword(each.query, "oracle") not in queries("oracle") for each in work):
            raise SqlError(f"{self._where}: the step is read-only, which allows {', '.join(sorted(queries('oracle')))}")
        async with self._transaction(read_only=read_only, seconds=timeout_seconds) as session:
            replies: list[Reply] = []
            for each in work:
                rows = Rows(most=max_rows - sum(reply.row_count for reply in replies))
                affected = 0
                for number, parameters in enumerate(each.sets):
                    affected += await session.run(each.query, parameters, rows=rows, place=each.where(number))
                replies.append(Reply(rows.rows, len(rows.rows), affected))
            return replies

    async def call(
        self, procedure: Procedure, parameters: Parameters, *, max_rows: int, timeout_seconds: float
    ) -> Reply:
        """As `Databases.call`; the rows are those of the first implicit result (DBMS_SQL.RETURN_RESULT)."""
        work = call(procedure, parameters, "oracle")
        replies = await self.transact(
            [work], read_only=False, max_rows=max_rows, timeout_seconds=timeout_seconds, tables=None
        )
        return replies[0]

    async def close(self) -> None:
        self._pool.close()

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool, seconds: float) -> AsyncIterator[Session]:
        """A session in a transaction that is kept if the block ends well and in time."""
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with self._pool.borrowed(until=until) as session:
                async with asyncio.timeout_at(until):
                    await session.begin(read_only=read_only, seconds=seconds)
                    yield session
                await self._commit(session)
        except TimeoutError:
            raise TimedOut(f"{self._where}: the statement ran longer than {seconds:g} s") from None

    async def _commit(self, session: Session) -> None:
        """Has its own time: a transaction that was given up while it was being kept may be either."""
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await session.commit()
        except (TimeoutError, Unavailable):
            raise Unavailable(f"{self._where}: it is not known whether the changes were kept") from None

    async def _connected(self, until: float) -> Session:
        from hengio.targets.oracle.session import connect  # the driver is loaded when it is needed

        problem = Unavailable(f"{self._where}: the server cannot be reached", hint="is it running?")
        for address in await self._reach.addresses():
            try:
                async with asyncio.timeout_at(self._reach.until(until)):
                    return await connect(self._server, address, self._reach.context, where=self._where)
            except TimeoutError:
                continue
            except Unavailable as error:
                problem = error
        raise problem
