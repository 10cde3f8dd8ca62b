"""Named connections to databases: what database steps and modules may reach (H4)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from hengio.errors import NotFound, Refused
from hengio.targets.postgres import PostgresDatabase
from hengio.targets.reply import Reply
from hengio.targets.sqlite import SqliteFile
from hengio.targets.statement import Dialect, Parameters, Tables, Work

SCHEMES = ("sqlite:///name.db", "postgresql://user:password@host:5432/database")
TIMEOUT_SECONDS = 300.0
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


class Target(Protocol):
    """One database."""

    @property
    def dialect(self) -> Dialect: ...

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]: ...

    async def close(self) -> None: ...


class Databases:
    """The connections an administrator defined, by name. SQLite files lie in `folder` and nowhere else.

    Constructing refuses a URL that cannot be one; nothing is contacted before the first statement.
    """

    def __init__(self, urls: Mapping[str, str], *, folder: Path) -> None:
        self._folder = folder.absolute()
        self._targets: dict[str, Target] = {name: self._target(name, url) for name, url in urls.items()}

    async def execute(
        self,
        connection: str,
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
        target = self._known(connection)
        sets = _sets(parameters, batch)
        if not sets:
            return Reply([], 0, 0)
        return (
            await self._transact(
                target,
                [Work(query, sets)],
                read_only=read_only,
                max_rows=max_rows,
                timeout_seconds=TIMEOUT_SECONDS if timeout_seconds is None else timeout_seconds,
            )
        )[0]

    async def transact(
        self,
        connection: str,
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
        return await self._transact(
            self._known(connection),
            work,
            read_only=read_only,
            max_rows=max_rows,
            timeout_seconds=timeout_seconds,
            tables=tables,
        )

    def dialect(self, connection: str) -> Dialect:
        """Which SQL the connection speaks. Raises `NotFound`."""
        return self._known(connection).dialect

    async def _transact(
        self,
        target: Target,
        work: Sequence[Work],
        *,
        read_only: bool,
        max_rows: int,
        timeout_seconds: float,
        tables: Tables | None = None,
    ) -> list[Reply]:
        if isinstance(target, SqliteFile):
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return await target.transact(
            work, read_only=read_only, max_rows=max_rows, timeout_seconds=timeout_seconds, tables=tables
        )

    def _known(self, connection: str) -> Target:
        target = self._targets.get(connection)
        if target is None:
            known = ", ".join(sorted(self._targets)) or "none"
            raise NotFound(f"connection '{connection}' is not defined", hint=f"defined: {known}")
        return target

    async def close(self) -> None:
        """End every connection."""
        for target in self._targets.values():
            await target.close()

    def _target(self, name: str, url: str) -> Target:
        scheme = url.partition(":")[0].lower()
        if scheme == "sqlite":
            return SqliteFile(name, self._folder / _file_name(name, url))
        if scheme in {"postgresql", "postgres", "postgresql+asyncpg"}:
            return PostgresDatabase(name, "postgresql" + url[len(scheme) :])
        odd = f"has the unknown scheme '{scheme}'" if f"{scheme}://" in url.lower() else "has no URL of a database"
        raise Refused(f"connection '{name}' {odd}", hint=f"known are {' and '.join(SCHEMES)}")


def _file_name(name: str, url: str) -> str:
    file = url.removeprefix("sqlite:///")
    if file == url or not _FILE_NAME.fullmatch(file) or ".." in file:
        raise Refused(
            f"connection '{name}' does not name a file of the folder for databases",
            hint="write sqlite:///name.db with letters, digits, '_', '-' and '.' only",
        )
    return file


def _sets(parameters: Parameters | None, batch: Sequence[Parameters] | None) -> list[Parameters]:
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
