"""One database of a MySQL or MariaDB server, through aiomysql (H4.2)."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from hengio.definition.server import Server
from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets.lexing import Dialect, code, keyword, queries
from hengio.targets.mysql.fault import Fault, translated
from hengio.targets.pool import Pool
from hengio.targets.procedure import Procedure
from hengio.targets.reach import Reach
from hengio.targets.reply import Reply, Rows, SqlError, TimedOut
from hengio.targets.statement import Parameters, Tables, Work

if TYPE_CHECKING:
    from hengio.targets.mysql.session import Session
    from hengio.targets.mysql.wire import Wire

_COMMIT_SECONDS = 10.0
_WRITES_FILES = re.compile(r"\bINTO\b|/\*", re.IGNORECASE)
_MODES = """
SELECT PARAMETER_NAME AS name, PARAMETER_MODE AS mode FROM information_schema.PARAMETERS
WHERE SPECIFIC_SCHEMA = COALESCE(:schema, DATABASE()) AND SPECIFIC_NAME = :name AND ROUTINE_TYPE = 'PROCEDURE'
ORDER BY ORDINAL_POSITION
"""


class MysqlDatabase:
    """One database and its pool. Connections are made when first needed and forget everything on return."""

    dialect: Dialect = "mysql"

    def __init__(self, server: Server, reach: Reach) -> None:
        self._server = server
        self._reach = reach
        self._where = reach.where
        self._pool: Pool[Session] = Pool(self._connected)

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]:
        """As `Databases.transact`. Cancelling ends the statement on the server."""
        if tables is not None:
            raise SqlError(f"{self._where}: MySQL cannot be held to single tables here")
        if read_only and any(_is_no_query(each.query) for each in work):
            raise SqlError(f"{self._where}: the step is read-only, which allows {', '.join(sorted(queries('mysql')))}")
        async with self._transaction(read_only=read_only, seconds=timeout_seconds) as session:
            replies: list[Reply] = []
            for each in work:
                left = max_rows - sum(reply.row_count for reply in replies)
                replies.append(await self._run(session, each, left))
            return replies

    async def call(
        self, procedure: Procedure, parameters: Parameters, *, max_rows: int, timeout_seconds: float
    ) -> Reply:
        """As `Databases.call`: the rows of the first result, else one row of what OUT and INOUT parameters became."""
        async with self._transaction(read_only=False, seconds=timeout_seconds) as session:
            try:
                return await self._call(session, procedure, parameters, Rows(most=max_rows))
            except Fault as fault:
                raise translated(fault, self._where) from None

    async def close(self) -> None:
        self._pool.close()
        await asyncio.sleep(0)  # in which sockets are closed

    async def _run(self, session: Session, work: Work, max_rows: int) -> Reply:
        rows, affected = Rows(most=max_rows), 0
        for number, parameters in enumerate(work.sets):
            where = work.where(number)
            try:
                affected += await session.run(work.query, parameters, rows=rows, place=where)
            except Fault as fault:
                raise translated(fault, f"{self._where}{'' if where == 'parameters' else f', {where}'}") from None
        return Reply(rows.rows, len(rows.rows), affected)

    async def _call(self, session: Session, procedure: Procedure, parameters: Parameters, rows: Rows) -> Reply:
        declared = await session.rows(_MODES, {"schema": procedure.schema, "name": procedure.name})
        given = _arranged(parameters, declared)
        places, back = [], []
        for number, (value, one) in enumerate(zip(given, declared or [{}] * len(given), strict=True), 1):
            if one.get("mode") in {"OUT", "INOUT"}:
                start = value if one["mode"] == "INOUT" else None
                await session.run(f"SET @hengio_{number} = :value", {"value": start}, rows=rows, place="parameters")
                back.append(f"@hengio_{number} AS `{str(one['name']).replace('`', '``')}`")
            places.append(f"@hengio_{number}" if one.get("mode") in {"OUT", "INOUT"} else f":p{number}")
        named = {f"p{number}": value for number, value in enumerate(given, 1)}
        text = f"CALL {procedure.quoted('`')}({', '.join(places)})"
        affected = await session.run(text, named, rows=rows, place="parameters")
        if back and not rows.rows:
            await session.run(f"SELECT {', '.join(back)}", {}, rows=rows, place="parameters")
        return Reply(rows.rows, len(rows.rows), affected)

    @asynccontextmanager
    async def _transaction(self, *, read_only: bool, seconds: float) -> AsyncIterator[Session]:
        """A session in a transaction that is kept if the block ends well and in time."""
        until = asyncio.get_running_loop().time() + seconds
        try:
            async with self._pool.borrowed(until=until) as session:
                async with asyncio.timeout_at(until):
                    await session.begin(read_only=read_only, seconds=seconds)
                    yield session
                await self._commit(session, until)
        except TimeoutError:
            raise TimedOut(f"{self._where}: the statement ran longer than {seconds:g} s") from None
        except Fault as fault:
            raise translated(fault, self._where) from None

    async def _commit(self, session: Session, until: float) -> None:
        """Has its own time: a transaction that was given up while it was being kept may be either."""
        if asyncio.get_running_loop().time() > until:  # a sleep that the server cut short looks like one that ended
            raise TimeoutError
        try:
            async with asyncio.timeout(_COMMIT_SECONDS):
                await session.commit()
        except (TimeoutError, Fault) as error:
            if isinstance(error, Fault) and not error.lost:
                raise
            raise Unavailable(f"{self._where}: it is not known whether the changes were kept") from None

    async def _connected(self, until: float) -> Session:
        """A new session. Raises `Unavailable`, and `Refused` for one that the server or the guard does not want."""
        from hengio.targets.mysql.session import Session  # the driver is loaded when it is needed

        session = Session(await self._wire(until), partial(self._wire, math.inf))
        try:
            async with asyncio.timeout_at(until):
                await session.settle()
        except BaseException:
            session.close()
            raise
        return session

    async def _wire(self, until: float) -> Wire:
        from hengio.targets.mysql.wire import connect

        fault: HengioError | None = None
        for address in await self._reach.addresses():
            try:
                async with asyncio.timeout_at(self._reach.until(until)):
                    return await connect(self._server, address, self._reach.context)
            except TimeoutError:
                fault = Unavailable(f"{self._where}: the server cannot be reached", hint="is it running?")
            except Fault as error:
                fault = translated(error, self._where, connecting=True)
                if not isinstance(fault, Unavailable):
                    break
        raise fault or Unavailable(f"{self._where}: its host has no address")


def _is_no_query(query: str) -> bool:
    return keyword(query, "mysql") not in queries("mysql") or _WRITES_FILES.search(code(query, "mysql")) is not None


def _arranged(parameters: Parameters, declared: list[dict[str, Any]]) -> list[Any]:
    """One value for each parameter of the procedure, in its order. Raises `Refused`, naming no value."""
    if not isinstance(parameters, dict):
        if declared and len(parameters) != len(declared):
            raise Refused(f"parameters has {len(parameters)} values, but the procedure takes {len(declared)}")
        return list(parameters)
    names = {str(one["name"]).lower(): one for one in declared}
    given = {str(name).lower(): value for name, value in parameters.items()}
    if unknown := sorted(given.keys() - names.keys()):
        raise Refused(
            f"the procedure has no parameter `{unknown[0][:64]}`", hint=f"it has {', '.join(names) or 'none'}"
        )
    missing = [name for name, one in names.items() if name not in given and one["mode"] != "OUT"]
    if missing:
        raise Refused(f"parameters has no `{missing[0]}`, which the procedure takes")
    return [given.get(name) for name in names]
