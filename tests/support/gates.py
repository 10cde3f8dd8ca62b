"""A table on each server that statements wait for: a gate that a test keeps closed until it has seen them wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any
from urllib.parse import unquote, urlsplit

import aiomysql
import asyncpg

from tests.support.mysql import run
from tests.support.waiting import LONG_SECONDS

MARK = "INSERT INTO marks VALUES (1)"


class Gate:
    """The table `marks` on PostgreSQL, and on MariaDB where there is one. It is made when the gate is closed."""

    def __init__(self, postgres: str, mysql: str | None) -> None:
        self._postgres, self._mysql = postgres, mysql
        self._stack = AsyncExitStack()

    async def close(self) -> None:
        """Let nobody through."""
        await self._stack.enter_async_context(self._postgres_locked())
        if self._mysql is not None:
            await self._stack.enter_async_context(self._mysql_locked(self._mysql))

    async def open(self) -> None:
        """Let everybody through."""
        await self._stack.aclose()

    async def waited_at(self) -> None:
        """Wait until a statement waits on each server."""
        async with asyncio.timeout(LONG_SECONDS):
            while not await self._waited_at():  # noqa: ASYNC110 - it looks from outside
                await asyncio.sleep(0.05)

    async def _waited_at(self) -> bool:
        [count] = await self._fetch(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        if not count or self._mysql is None:
            return bool(count)
        query = "SELECT count(*) FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
        return bool((await run(self._mysql, query))[0][0])

    async def marks(self) -> dict[str, int]:
        """How many rows each server has."""
        [count] = await self._fetch("SELECT count(*) FROM marks")
        counts = {"postgres": count}
        if self._mysql is not None:
            counts["mariadb"] = (await run(self._mysql, "SELECT count(*) FROM marks"))[0][0]
        return counts

    async def _fetch(self, query: str) -> list[Any]:
        connection = await asyncpg.connect(self._postgres)
        try:
            return [row[0] for row in await connection.fetch(query)]
        finally:
            await connection.close()

    @asynccontextmanager
    async def _postgres_locked(self) -> AsyncIterator[None]:
        connection = await asyncpg.connect(self._postgres)
        await connection.execute("CREATE TABLE marks (n integer)")
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("LOCK TABLE marks IN ACCESS EXCLUSIVE MODE")
        yield
        await transaction.rollback()
        await connection.close()

    @asynccontextmanager
    async def _mysql_locked(self, url: str) -> AsyncIterator[None]:
        await run(url, "CREATE TABLE marks (n INTEGER)")
        parts = urlsplit(url)
        connection = await aiomysql.connect(
            host=parts.hostname,
            port=parts.port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            db=parts.path[1:],
        )
        await (await connection.cursor()).execute("LOCK TABLES marks WRITE")
        yield
        connection.close()
