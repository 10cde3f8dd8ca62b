"""What the URL of a database names, without contacting anything: its kind, and whether it can be one (H4.2).

Nothing here repeats any part of a URL: all of it may come from a sensitive variable.
"""

from __future__ import annotations

import re
from typing import Literal, get_args
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from hengio import address
from hengio.errors import Refused

DatabaseType = Literal["postgresql", "mysql", "mariadb", "oracle", "sqlite"]
Tls = Literal["disable", "prefer", "require", "verify-ca", "verify-full"]

FORMS = (
    "sqlite:///name.db",
    "postgresql://user:password@host:5432/database",
    "mysql://user:password@host:3306/database",
    "oracle://user:password@host:1521/service",
)
KINDS: frozenset[str] = frozenset(get_args(DatabaseType))
_KINDS: dict[str, DatabaseType] = {
    "sqlite": "sqlite",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "postgresql+asyncpg": "postgresql",
    "mysql": "mysql",
    "mysql+aiomysql": "mysql",
    "mariadb": "mariadb",
    "oracle": "oracle",
    "oracle+oracledb": "oracle",
}
_PORTS: dict[DatabaseType, int] = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521}
_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?|[0-9A-Fa-f:.]{2,45}")
_NAME = re.compile(r"[^\x00-\x1f\x7f/\\]{1,128}")
_SPELLINGS = {"true": "verify-full", "1": "verify-full", "false": "disable", "0": "disable"}
_WORDS = {word: word for word in get_args(Tls)}
_PAIRS: dict[DatabaseType, frozenset[DatabaseType]] = {
    "mysql": frozenset({"mysql", "mariadb"}),
    "mariadb": frozenset({"mysql", "mariadb"}),
}


class Server(Struct, frozen=True, kw_only=True):
    """A database server and who connects to it. `ca`: a file of certificates to trust instead of the system's."""

    kind: DatabaseType
    host: str
    port: int
    user: str
    password: str
    database: str
    tls: Tls
    ca: str | None = None

    def __repr__(self) -> str:
        return f"Server(kind={self.kind!r})"

    @property
    def verified(self) -> bool:
        """Whether the server has to prove who it is."""
        return self.tls.startswith("verify")


def kind(url: str) -> DatabaseType | None:
    """Which kind of database the URL's scheme names; None if it is no URL of any."""
    scheme, mark, _ = url.partition("://")
    return _KINDS.get(scheme.lower()) if mark else None


def fits(named: DatabaseType, found: DatabaseType) -> bool:
    """Whether a `database_type` goes with a URL of that kind: MySQL and MariaDB are one to the driver."""
    return found in _PAIRS.get(named, {named})


def parse(url: str, *, what: str, files: bool = False) -> Server:
    """The server of a URL `kind://user:password@host:port/database?ssl=…`. `Refused` names `what` only.

    `files`: the URL is an administrator's and may name a file (`ssl_ca`).
    """
    found = kind(url)
    host, port = address.server(url, what=what)
    if found is None or found == "sqlite":
        raise Refused(f"{what} has no URL of a database server", hint=f"known are {', '.join(FORMS[1:])}")
    parts = urlsplit(url)
    if host is None or not _HOST.fullmatch(host):
        raise Refused(f"the URL of {what} names no host", hint=_form(found))
    if not parts.username:
        raise Refused(f"the URL of {what} names no user", hint=_form(found))
    database = unquote(parts.path.removeprefix("/"))
    if not _NAME.fullmatch(database):
        raise Refused(f"the URL of {what} names no database", hint=_form(found))
    tls, ca = _options(parts.query, what, files=files)
    return Server(
        kind=found,
        host=host,
        port=port or _PORTS[found],
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        database=database,
        tls=tls or ("disable" if found == "oracle" else "prefer"),
        ca=ca,
    )


def _options(query: str, what: str, *, files: bool) -> tuple[Tls | None, str | None]:
    tls: Tls | None = None
    ca: str | None = None
    for name, value in parse_qsl(query, keep_blank_values=True):
        match name:
            case "ssl" | "sslmode":
                word = _SPELLINGS.get(value.lower(), value.lower())
                if word not in _WORDS:
                    raise Refused(f"the URL of {what} has an unknown word for `{name}`", hint=", ".join(_WORDS))
                tls = word  # type: ignore[assignment]  # it is one of the words
            case "ssl_ca" if files:
                ca = value
            case _:
                allowed = "`ssl` and `ssl_ca`" if files else "`ssl`"
                raise Refused(f"the URL of {what} has a parameter that is not known", hint=f"known are {allowed}")
    return tls, ca


def _form(found: DatabaseType) -> str:
    scheme = "mysql" if found == "mariadb" else found
    return next(form for form in FORMS if form.startswith(scheme))
