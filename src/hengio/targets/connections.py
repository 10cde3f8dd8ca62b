"""Where connections come from: names that an administrator gave to URLs, and a step's own connection string (H4.2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from msgspec import Struct

from hengio.definition.server import DatabaseType


class Connections(Protocol):
    """Named connections as they are now. A name may get another URL, or go, at any time."""

    def find(self, name: str) -> str | None:
        """The URL behind a name, with its password; None if there is no such connection."""
        ...

    def names(self) -> Collection[str]:
        """All names there are."""
        ...


class KnownConnections:
    """`Connections` of a mapping from names to URLs."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self._urls = dict(urls)

    def find(self, name: str) -> str | None:
        return self._urls.get(name)

    def names(self) -> Collection[str]:
        return self._urls.keys()


class ConnectionString(Struct, frozen=True):
    """A URL that a step brings along, and the kind of database it says it is. Never printed."""

    url: str
    kind: DatabaseType | None = None

    def __repr__(self) -> str:
        return "ConnectionString()"
