"""A session with MySQL or MariaDB for one transaction at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from hengio.targets.lexing import keyword
from hengio.targets.mysql.fault import Fault
from hengio.targets.mysql.values import literal
from hengio.targets.mysql.wire import Wire
from hengio.targets.reply import Rows, distinct
from hengio.targets.statement import Parameters, prepare

_KILL_SECONDS = 2.0
_GRACE_SECONDS = 0.5
"""How much later than we do the server ends a statement, should we be gone."""
_PAGE = 200
_RETURNING = frozenset({"INSERT", "REPLACE", "DELETE"})
_SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"


class Session:
    """One connection. `again` makes another one like it, to end from there what runs here."""

    def __init__(self, wire: Wire, again: Callable[[], Awaitable[Wire]]) -> None:
        self._wire = wire
        self._again = again
        self._role = ""

    @property
    def lost(self) -> bool:
        return self._wire.lost

    async def begin(self, *, read_only: bool, seconds: float) -> None:
        """Open a transaction in a session whose settings are ours, whatever the server's are."""
        limit = seconds + _GRACE_SECONDS
        most = f"max_statement_time={limit:.3f}" if self._wire.is_mariadb else f"max_execution_time={limit * 1000:.0f}"
        await self._done(f"SET NAMES utf8mb4, sql_mode='{_SQL_MODE}', time_zone='+00:00', autocommit=1, {most}")
        if read_only:
            await self._done("SET SESSION TRANSACTION READ ONLY")
        await self._done("START TRANSACTION READ ONLY" if read_only else "START TRANSACTION")

    async def run(self, query: str, parameters: Parameters, *, rows: Rows, place: str) -> int:
        """Run one statement, put its rows (the first of several results) into `rows`; how many rows it changed."""
        statement = prepare(query, "mysql", positional=not isinstance(parameters, dict))
        values = statement.values(parameters, place=place)
        before = len(rows.rows)
        text = statement.text % tuple(literal(value, place=place) for value in values)
        affected = await self.answer(text, rows=rows)
        returned = len(rows.rows) - before if keyword(query, "mysql") in _RETURNING else 0
        return affected or returned

    async def answer(self, text: str, *, rows: Rows) -> int:
        """The same for a statement that holds its values."""
        head: tuple[list[str], int] | None = await self._wire.run(text)
        kept = affected = 0
        while head is not None:
            columns, changed = head
            affected += changed
            if columns:
                kept += 1
                await (self._read(distinct(columns), rows) if kept == 1 else self._read(columns, None))
            head = await self._wire.more()
        return affected

    async def _read(self, columns: Sequence[str], rows: Rows | None) -> None:
        """Read one result to its end, into `rows` if they are wanted."""
        number = 0
        while (row := await self._wire.row()) is not None:
            number += 1
            if rows is not None:
                rows.add(columns, row)
            if not number % _PAGE:
                await asyncio.sleep(0)  # rows that are here already are read without waiting: others have a turn

    async def rows(self, query: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """A small query of our own."""
        found = Rows(most=1_000)
        await self.run(query, parameters, rows=found, place="parameters")
        return found.rows

    async def commit(self) -> None:
        """Keep the changes."""
        await self._done("COMMIT")

    async def settle(self) -> None:
        """Once, before the first use: note the role that the user has, which a reset does not bring back."""
        if not self._wire.has_roles:
            return
        self._role = "SET ROLE DEFAULT"
        if self._wire.is_mariadb:
            role = (await self.rows("SELECT CURRENT_ROLE() AS role", {}))[0]["role"]
            self._role = "SET ROLE NONE" if role is None else f"SET ROLE `{role.replace('`', '``')}`"

    async def reset(self) -> bool:
        try:
            await self._wire.reset()
            if self._role:
                await self._done(self._role)
        except Fault:
            return False
        return True

    async def abandon(self) -> None:
        """Close the connection; a statement that still runs on the server, which would not notice, is ended there."""
        running, number = self._wire.busy, self._wire.number
        self._wire.close()
        if not running:
            return
        try:
            async with asyncio.timeout(_KILL_SECONDS):
                other = await self._again()
                try:
                    await other.run(f"KILL {number}")
                finally:
                    other.close()
        except (Fault, TimeoutError):
            pass  # it ended by itself, or its own limit will end it

    def close(self) -> None:
        self._wire.close()

    async def _done(self, statement: str) -> None:
        await self.answer(statement, rows=Rows(most=0))
