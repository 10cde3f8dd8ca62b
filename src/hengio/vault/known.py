"""Variables and connections as a process knows them: those of one revision, read again when a claim brings another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from hengio import codec
from hengio.errors import HengioError
from hengio.log import get_logger
from hengio.model.connection import Connection
from hengio.redaction.redact import Sensitive, sensitive
from hengio.storage.vault import ConnectionRow, Place, Stored, VariableRow, VaultStore
from hengio.vault import cipher
from hengio.vault.book import ConnectionBook
from hengio.vault.keys import KeyRing

log = get_logger("vault")


class Values(Struct, frozen=True):
    """The variables that executions of one job see, which of them are sensitive, and why some cannot be read."""

    variables: Mapping[str, Any] = field(default_factory=dict)
    secret_names: frozenset[str] = frozenset()
    locked: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Values({sorted(self.variables)})"


class Variables(Protocol):
    """What an execution asks for the variables of its job."""

    revision: int

    async def load(self, revision: int) -> None:
        """Know at least that revision. Raises `Unavailable`."""
        ...

    def of(self, job_id: str) -> Values:
        """As of the revision that is known."""
        ...


class Fixed:
    """`Variables` that nobody changes, the same for every job."""

    def __init__(self, variables: Mapping[str, Any], *, secret_names: Iterable[str] = ()) -> None:
        self.revision = 0
        self._values = Values(variables, frozenset(secret_names))

    async def load(self, revision: int) -> None:
        self.revision = revision

    def of(self, job_id: str) -> Values:
        return self._values


class Known:
    """`Variables` of the database, over those of the settings; and the `connections`.

    What cannot be opened is left out and named as locked: only who uses it fails. `changed` is called after each read.
    """

    def __init__(
        self,
        store: VaultStore,
        ring: KeyRing,
        *,
        variables: Mapping[str, Any],
        connections: Mapping[str, Connection],
        changed: Callable[[Known], None] = lambda known: None,
    ) -> None:
        self.revision = -1
        self.connections = ConnectionBook(connections)
        self._store = store
        self._ring = ring
        self._given = variables
        self._changed = changed
        self._global = Values(variables)
        self._jobs: dict[str, Values] = {}
        self._sensitive: tuple[Sensitive, ...] = ()
        self._loading = asyncio.Lock()

    async def load(self, revision: int) -> None:
        if self.revision >= revision:
            return
        async with self._loading:
            if self.revision < revision:
                await self._read()

    async def refresh(self) -> None:
        """Know what is there now."""
        await self.load(await self._store.revision())

    def of(self, job_id: str) -> Values:
        return self._jobs.get(job_id, self._global)

    def sensitive(self) -> tuple[Sensitive, ...]:
        """The values of every sensitive variable and the secrets of every connection."""
        return (*self._sensitive, *self.connections.all_secrets)

    async def _read(self) -> None:
        found = await self._store.read()
        opened = {(row.job_id, row.name): self._opened(row) for row in found.variables}
        self._global = _over(Values(self._given), [one for (job, _), one in opened.items() if job is None])
        jobs = {job for job, _ in opened if job is not None}
        self._jobs = {job: _over(self._global, [one for (of, _), one in opened.items() if of == job]) for job in jobs}
        self._sensitive = tuple(
            each
            for row, value in opened.values()
            if row.sensitive and not isinstance(value, HengioError)
            for each in sensitive(row.name, value)
        )
        self._take_connections(found.connections)
        self.revision = found.revision
        self._changed(self)

    def _opened(self, row: VariableRow) -> tuple[VariableRow, Any]:
        return row, self._open(row.place, row.stored)

    def _open(self, place: Place, stored: Stored) -> Any:
        """The value, or the reason why it cannot be read."""
        try:
            return codec.decode(cipher.opened(self._ring, place, stored))
        except HengioError as error:
            log.warning("value_locked", table=place.table, name=place.name, reason=error.message)
            return error

    def _take_connections(self, rows: Iterable[ConnectionRow]) -> None:
        opened = [(row, self._open(row.place, row.stored)) for row in rows]
        locked = {row.name: value for row, value in opened if isinstance(value, HengioError)}
        stored = {row.name: connection(row, value) for row, value in opened if row.name not in locked}
        self.connections.replace(stored, locked=locked)


def connection(row: ConnectionRow, document: dict[str, Any]) -> Connection:
    """The connection of a row that was opened."""
    return Connection(
        name=row.name,
        type=row.type,
        document=document,
        description=row.description,
        updated_at=row.updated_at,
        updated_by=row.updated_by,
    )


def _over(under: Values, rows: Iterable[tuple[VariableRow, Any]]) -> Values:
    """Those values, with these instead of what has the same name."""
    variables, locked = dict(under.variables), dict(under.locked)
    secret_names = set(under.secret_names)
    for row, value in rows:
        for known in (variables, locked):
            known.pop(row.name, None)
        secret_names.discard(row.name)
        if isinstance(value, HengioError):
            locked[row.name] = value.message
        else:
            variables[row.name] = value
        if row.sensitive:
            secret_names.add(row.name)
    return Values(variables, frozenset(secret_names), locked)
