"""The connections there are, by name, as the steps and capabilities that use them ask for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Generic, TypeVar

from hengio.errors import HengioError
from hengio.model.connection import Connection, ConnectionType
from hengio.redaction import parts
from hengio.redaction.redact import Sensitive

T = TypeVar("T")


class ConnectionBook:
    """Connections of one revision. `find` raises for one that is there but cannot be opened (`KeyMissing`,
    `Corrupt`). `all_secrets` is another tuple after each change."""

    def __init__(self, given: Mapping[str, Connection]) -> None:
        self._given = dict(given)
        self._known: dict[str, Connection] = dict(given)
        self._locked: dict[str, HengioError] = {}
        self._secrets: dict[str, tuple[Sensitive, ...]] = {}
        self.all_secrets: tuple[Sensitive, ...] = ()
        self.replace({}, locked={})

    def replace(self, stored: Mapping[str, Connection], *, locked: Mapping[str, HengioError]) -> None:
        """From now on these, over those of the settings."""
        self._known = {**self._given, **stored}
        self._locked = dict(locked)
        self._secrets = {
            name: tuple(parts.secrets(f"connections.{name}", found.document)) for name, found in self._known.items()
        }
        self.all_secrets = tuple(each for found in self._secrets.values() for each in found)

    def find(self, name: str) -> Connection | None:
        """The connection of that name."""
        if name in self._locked:
            raise self._locked[name]
        return self._known.get(name)

    def names(self) -> Collection[str]:
        """Of every type."""
        return sorted({*self._known, *self._locked})

    def secrets(self, name: str) -> tuple[Sensitive, ...]:
        """What of a connection no step may show."""
        return self._secrets.get(name, ())

    def typed(self, type_: ConnectionType, read: Callable[[Connection], T]) -> Typed[T]:
        """The connections of one type, as what `read` makes of them."""
        return Typed(self, type_, read)


class Typed(Generic[T]):
    """Connections of one type by name. Each is read once; what `read` raises is raised by `find`."""

    def __init__(self, book: ConnectionBook, type_: ConnectionType, read: Callable[[Connection], T]) -> None:
        self._book = book
        self._type = type_
        self._read = read
        self._made: dict[str, tuple[Connection, T]] = {}

    def find(self, name: str) -> T | None:
        """None where there is none of that name and type."""
        connection = self._book.find(name)
        if connection is None or connection.type != self._type:
            self._made.pop(name, None)
            return None
        made = self._made.get(name)
        if made is None or made[0] is not connection:
            made = self._made[name] = connection, self._read(connection)
        return made[1]

    def names(self) -> Collection[str]:
        """Those that can be opened."""
        return [name for name in self._book.names() if self._is(name)]

    def _is(self, name: str) -> bool:
        try:
            found = self._book.find(name)
        except HengioError:
            return False
        return found is not None and found.type == self._type
