"""From the URL of a database to what talks to it. Nothing is contacted, and nothing of the URL is repeated."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from hengio.definition import server
from hengio.definition.server import FORMS, DatabaseType
from hengio.errors import Refused
from hengio.targets.connections import ConnectionString
from hengio.targets.lexing import Dialect
from hengio.targets.mysql.database import MysqlDatabase
from hengio.targets.oracle.database import OracleDatabase
from hengio.targets.procedure import Procedure
from hengio.targets.reach import Check, Reach
from hengio.targets.reply import Reply
from hengio.targets.sqlite import SqliteFile
from hengio.targets.statement import Parameters, Tables, Work

STRING = "the step's connection_string"
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
DIALECTS: dict[DatabaseType, Dialect] = {
    "sqlite": "sqlite",
    "postgresql": "postgres",
    "mysql": "mysql",
    "mariadb": "mysql",
    "oracle": "oracle",
}


class Target(Protocol):
    """One database."""

    @property
    def dialect(self) -> Dialect: ...

    async def transact(
        self, work: Sequence[Work], *, read_only: bool, max_rows: int, timeout_seconds: float, tables: Tables | None
    ) -> list[Reply]: ...

    async def call(
        self, procedure: Procedure, parameters: Parameters, *, max_rows: int, timeout_seconds: float
    ) -> Reply: ...

    async def close(self) -> None: ...


def named(name: str, url: str, *, folder: Path) -> Target:
    """The database behind an administrator's connection. SQLite files lie in `folder` and nowhere else."""
    what = f"connection '{name}'"
    match found := kind(url, what=what):
        case "sqlite":
            return SqliteFile(what, folder / _file_name(what, url))
        case "postgresql":
            from hengio.targets.postgres import PostgresDatabase  # the driver is loaded when it is needed

            return PostgresDatabase.named(what, "postgresql" + url[url.index(":") :])
        case _:
            where = server.parse(url, what=what, files=True)
            reach = Reach(where, where=f"{what} ({where.host}:{where.port})")
            return OracleDatabase(where, reach) if found == "oracle" else MysqlDatabase(where, reach)


def dynamic(given: ConnectionString, *, folder: Path, check: Check | None) -> Target:
    """The database behind a step's own string. Servers are reached only where `check` allows their addresses."""
    wanted = kind(given.url, what=STRING)
    if given.kind is not None and not server.fits(given.kind, wanted):
        raise Refused(f"{STRING} is not one of a {given.kind} database", hint="see `database_type`")
    if wanted == "sqlite":
        return SqliteFile(STRING, folder / _file_name(STRING, given.url))
    found = server.parse(given.url, what=STRING)
    if check is None:
        raise Refused(f"{STRING} is not allowed here", hint="use a connection that an administrator defined")
    reach = Reach(found, where=STRING, check=check)
    match wanted:
        case "postgresql":
            from hengio.targets.postgres import PostgresDatabase

            return PostgresDatabase.dynamic(found, reach)
        case "oracle":
            return OracleDatabase(found, reach)
        case _:
            return MysqlDatabase(found, reach)


def kind(url: str, *, what: str) -> DatabaseType:
    """Which kind of database a URL is one of. Raises `Refused`."""
    scheme = url.partition(":")[0].lower()
    found = server.kind(f"{scheme}://")
    if found is not None and (found == "sqlite" or f"{scheme}://" in url.lower()):
        return found
    odd = "has an unknown scheme" if what == STRING else f"has the unknown scheme '{scheme}'"
    message = odd if f"{scheme}://" in url.lower() else "has no URL of a database"
    raise Refused(f"{what} {message}", hint=f"known are {' and '.join(FORMS)}")


def _file_name(what: str, url: str) -> str:
    file = url.removeprefix("sqlite:///")
    if file == url or not _FILE_NAME.fullmatch(file) or ".." in file:
        raise Refused(
            f"{what} does not name a file of the folder for databases",
            hint="write sqlite:///name.db with letters, digits, '_', '-' and '.' only",
        )
    return file
