"""Connections to databases: what database steps and modules may reach (H4.2)."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from hengio.definition.server import DatabaseType
from hengio.errors import NotFound, Refused
from hengio.targets import opening
from hengio.targets import procedure as procedures
from hengio.targets.breaker import Breakers
from hengio.targets.connections import Connections, ConnectionString, KnownConnections
from hengio.targets.lexing import Dialect
from hengio.targets.opening import STRING, Target
from hengio.targets.reach import Check
from hengio.targets.reply import Busy, Reply, TimedOut
from hengio.targets.sqlite import SqliteFile
from hengio.targets.statement import Parameters, Tables, Work

TIMEOUT_SECONDS = 300.0
MOST_STRINGS = 8
"""So many databases of connection strings stay open when nobody uses them."""
T = TypeVar("T")


class _Open:
    """An open database and how many use it now. One that is `left` is closed with its last use."""

    def __init__(self, target: Target, url: str) -> None:
        self.target = target
        self.url = url
        self.uses = 0
        self.left = False


class Databases:
    """What `connections` names, and the databases of steps' own connection strings. SQLite files lie in `folder` only.

    Constructing with a mapping refuses a URL that cannot be one; nothing is contacted before the first statement. A
    connection that gets another URL is opened anew, and the old one closed when its uses have ended. Without a `check`
    of addresses, connection strings lead to no server. Each use goes through the circuit of its connection.
    """

    def __init__(
        self,
        connections: Connections | Mapping[str, str],
        *,
        folder: Path,
        check: Check | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        self._folder = folder.absolute()
        self._check = check
        self._breakers = breakers
        self._named: dict[str, _Open] = {}
        self._strings: OrderedDict[bytes, _Open] = OrderedDict()
        self._salt = os.urandom(16)
        if isinstance(connections, Mapping):
            for name, url in connections.items():
                self._named[name] = _Open(opening.named(name, url, folder=self._folder), url)
            connections = KnownConnections(connections)
        self._connections = connections

    async def execute(
        self,
        connection: str | ConnectionString,
        query: str,
        *,
        parameters: Parameters | None = None,
        batch: Sequence[Parameters] | None = None,
        read_only: bool = False,
        max_rows: int = 10_000,
        timeout_seconds: float | None = None,
    ) -> Reply:
        """Run one statement in one transaction: once, or once for each set of `batch`, of which all or none count.

        With a batch, named `parameters` are shared by all sets. Values that JSON cannot hold exactly come back as
        strings, times as RFC 3339, bytes as base64. Raises `SqlError` (a `Refused`) for what the database refuses,
        `TooManyRows`, `TimedOut`, `NotFound` for an unknown connection, `Unavailable` when trying again may help.
        """
        sets = sets_of(parameters, batch)
        if not sets:
            self._url(connection)
            return Reply([], 0, 0)
        replies = await self.transact(
            connection,
            [Work(query, sets)],
            read_only=read_only,
            max_rows=max_rows,
            timeout_seconds=TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
        )
        return replies[0]

    async def transact(
        self,
        connection: str | ConnectionString,
        work: Sequence[Work],
        *,
        read_only: bool,
        max_rows: int,
        timeout_seconds: float,
        tables: Tables | None = None,
    ) -> list[Reply]:
        """Run several statements in one transaction; `max_rows` is for all of them together.

        `tables`, if given, are all that may be touched; only SQLite can hold to it. Raises as `execute`.
        """

        def run(target: Target) -> Awaitable[list[Reply]]:
            return target.transact(
                work, read_only=read_only, max_rows=max_rows, timeout_seconds=timeout_seconds, tables=tables
            )

        return await self._asked(connection, run)

    async def call(
        self,
        connection: str | ConnectionString,
        procedure: str,
        *,
        parameters: Parameters | None = None,
        max_rows: int = 10_000,
        timeout_seconds: float | None = None,
    ) -> Reply:
        """Call the stored procedure `name` or `schema.name` in one transaction. Raises as `execute`.

        A list has a value for each parameter, an object names them. The rows are those that the procedure yields: of
        PostgreSQL its INOUT and OUT parameters, of MySQL its first result, else its INOUT and OUT parameters.
        """

        def run(target: Target) -> Awaitable[Reply]:
            return target.call(
                procedures.named(procedure, target.dialect),
                [] if parameters is None else parameters,
                max_rows=max_rows,
                timeout_seconds=TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
            )

        return await self._asked(connection, run)

    def dialect(self, connection: str | ConnectionString) -> Dialect:
        """Which SQL the connection speaks. Raises `NotFound`, `Refused`."""
        return opening.DIALECTS[self.kind(connection)]

    def kind(self, connection: str | ConnectionString) -> DatabaseType:
        """Which kind of database it is. Raises `NotFound`, `Refused`."""
        what = STRING if isinstance(connection, ConnectionString) else f"connection '{connection}'"
        return opening.kind(self._url(connection), what=what)

    async def close(self) -> None:
        """End every connection."""
        for opened in (*self._named.values(), *self._strings.values()):
            await opened.target.close()

    async def _asked(self, connection: str | ConnectionString, run: Callable[[Target], Awaitable[T]]) -> T:
        """Run on the target, through its circuit: being slow or busy is an answer, being away is a failure."""
        async with self._using(connection) as (target, circuit):
            if isinstance(target, SqliteFile):
                self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            late: TimedOut | Busy
            with nullcontext() if self._breakers is None else self._breakers.asking(circuit):
                try:
                    return await run(target)
                except (TimedOut, Busy) as error:
                    late = error
            raise late

    @asynccontextmanager
    async def _using(self, connection: str | ConnectionString) -> AsyncIterator[tuple[Target, str]]:
        """The open database and the name of its circuit, held open as long as the block runs."""
        opened: _Open | None
        if isinstance(connection, ConnectionString):
            opened, old, circuit = self._of_string(connection)
        else:
            opened, old, circuit = *self._of_name(connection), f"database {connection}"
        if opened is None:
            await _leave(old)
            raise self._unknown(str(connection))
        opened.uses += 1  # before anything is waited for
        try:
            await _leave(old)
            yield opened.target, circuit
        finally:
            opened.uses -= 1
            if opened.left and not opened.uses:
                await opened.target.close()

    def _of_name(self, name: str) -> tuple[_Open | None, _Open | None]:
        """The open database, and the one that it replaces."""
        url, known = self._connections.find(name), self._named.get(name)
        if url is None:
            return None, self._named.pop(name, None)
        if known is not None and known.url == url:
            return known, None
        self._named[name] = _Open(opening.named(name, url, folder=self._folder), url)
        return self._named[name], known

    def _of_string(self, given: ConnectionString) -> tuple[_Open, _Open | None, str]:
        """Kept by a digest that means nothing outside this process: the string itself is in no name and no log."""
        text = f"{given.kind or ''} {given.url}"
        digest = hashlib.blake2b(text.encode(errors="replace"), key=self._salt, digest_size=16).digest()
        circuit = f"database string {digest.hex()[:12]}"
        if (known := self._strings.get(digest)) is not None:
            self._strings.move_to_end(digest)
            return known, None, circuit
        self._strings[digest] = opened = _Open(opening.dynamic(given, folder=self._folder, check=self._check), "")
        old = self._strings.popitem(last=False)[1] if len(self._strings) > MOST_STRINGS else None
        return opened, old, circuit

    def _url(self, connection: str | ConnectionString) -> str:
        if isinstance(connection, ConnectionString):
            return connection.url
        url = self._connections.find(connection)
        if url is None:
            raise self._unknown(connection)
        return url

    def _unknown(self, name: str) -> NotFound:
        known = ", ".join(sorted(self._connections.names())) or "none"
        return NotFound(f"connection '{name}' is not defined", hint=f"defined: {known}")


async def _leave(opened: _Open | None) -> None:
    """Close it, now or when its last use ends."""
    if opened is None:
        return
    opened.left = True
    if not opened.uses:
        await opened.target.close()


def sets_of(parameters: Parameters | None, batch: Sequence[Parameters] | None) -> list[Parameters]:
    """The sets of parameters that a statement runs with. Raises `Refused` for what does not go together."""
    if batch is None:
        return [{} if parameters is None else parameters]
    if parameters is None:
        return list(batch)
    if not isinstance(parameters, Mapping):
        raise Refused("parameters beside a batch must be an object", hint="they are shared by all sets of the batch")
    return [_merged(parameters, each, place) for place, each in enumerate(batch)]


def _merged(shared: Mapping[str, Any], each: Parameters, place: int) -> Parameters:
    if isinstance(each, Mapping):
        return {**shared, **each}
    if not shared:
        return each
    raise Refused(f"batch[{place}] is a list, but the query's parameters have names", hint="make it an object")
