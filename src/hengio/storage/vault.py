"""What Hengio asks of its database for variables and connections (H6). What is secret is handed in and out sealed: this
layer knows no key. Every change counts the vault's revision up and writes its audit entry, in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.audit import AuditEntry
from hengio.model.connection import ConnectionType


class Stored(Struct, frozen=True):
    """A JSON text as it is kept: in the clear, or with a `key_id` sealed by that key, in base64."""

    text: str
    key_id: str | None = None

    def __repr__(self) -> str:
        return f"Stored(key_id={self.key_id!r})"


class Place(Struct, frozen=True):
    """Where a text is kept. A variable's scope is its job's id or empty, a connection's its type; a webhook's name is
    its job's id."""

    table: str
    scope: str
    name: str


class VariableRow(Struct, frozen=True, kw_only=True):
    """A variable as it is kept; `job_id` None is global."""

    name: str
    job_id: str | None
    stored: Stored
    sensitive: bool
    description: str
    updated_at: Micros
    updated_by: str

    @property
    def place(self) -> Place:
        return Place("variables", self.job_id or "", self.name)


class ConnectionRow(Struct, frozen=True, kw_only=True):
    """A connection as it is kept: all of its object is sealed."""

    name: str
    type: ConnectionType
    stored: Stored
    description: str
    updated_at: Micros
    updated_by: str

    @property
    def place(self) -> Place:
        return Place("connections", self.type, self.name)


class Sealing(Struct, frozen=True):
    """Under which key values are to be sealed, None before the first, and how many are sealed under any."""

    key_id: str | None
    sealed: int


Sealer = Callable[[Sealing], Stored]
"""Seals a text inside the transaction that writes it, under the key that holds in there: none is ever written under one
that a rotation has just dropped."""


class VaultRows(Struct, frozen=True, kw_only=True):
    """All of it at one revision."""

    revision: int
    variables: tuple[VariableRow, ...]
    connections: tuple[ConnectionRow, ...]


class VariableStore(Protocol):
    """Variables by name and scope."""

    async def put(self, row: VariableRow, *, entry: AuditEntry, seal: Sealer | None = None) -> None:
        """Create or replace it; with `seal`, what that returns is kept instead of `row.stored`."""
        ...

    async def delete(self, name: str, *, job_id: str | None, entry: AuditEntry) -> bool:
        """Whether there was one."""
        ...

    async def find(self, name: str, *, job_id: str | None) -> VariableRow | None: ...

    async def all(self) -> list[VariableRow]:
        """By name; the global one before those of jobs."""
        ...


class ConnectionStore(Protocol):
    """Connections by name."""

    async def put(self, row: ConnectionRow, *, entry: AuditEntry, seal: Sealer | None = None) -> None:
        """As for variables."""
        ...

    async def delete(self, name: str, *, entry: AuditEntry) -> bool:
        """Whether there was one."""
        ...

    async def find(self, name: str) -> ConnectionRow | None: ...

    async def all(self) -> list[ConnectionRow]:
        """By name."""
        ...


class VaultStore(Protocol):
    """Variables and connections together."""

    async def revision(self) -> int:
        """Grows with every change; a claim brings it along (`Claimed.revision`)."""
        ...

    async def read(self) -> VaultRows:
        """Everything, as it was at one moment."""
        ...

    async def sealing(self) -> Sealing: ...

    async def reseal(self, key_id: str, change: Callable[[Place, Stored], Stored], *, entry: AuditEntry) -> int:
        """Replace, in one transaction, what is sealed under another key, webhooks included, by `change`; from then on
        everything is to be sealed under `key_id`. Returns how many were replaced; what `change` raises leaves all as it
        was."""
        ...
