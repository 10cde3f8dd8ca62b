"""What Hengio asks of its database about modules, their channels and their authors."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from hengio.clock import Micros
from hengio.errors import Conflict
from hengio.model.audit import AuditEntry
from hengio.model.author import AuthorKey
from hengio.model.channel import Channel, ChannelChange, Channels
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.signature import Signature


class ModuleFilter(Struct, frozen=True, kw_only=True):
    """Which modules are asked for; everything that is not given matches. `search` is a part of the name in any case."""

    search: str = ""
    name: str | None = None
    enabled: bool | None = None


EVERY_MODULE = ModuleFilter()


def taken(reference: str) -> Conflict:
    """The answer to another binary under a version that is registered."""
    return Conflict(
        f"module {reference} is registered with another binary",
        hint="a version never changes: register the new binary under a new version",
    )


class ModuleStore(Protocol):
    """Registered modules; name and version together are unique. An `entry` is written to the audit log in the same
    transaction, or not at all."""

    async def add(self, module: Module, *, entry: AuditEntry | None = None) -> Module:
        """Register. The same name, version and digest again is the one that exists; another digest, a `Conflict`."""
        ...

    async def find(self, reference: str) -> Module:
        """By id, `name` (newest version), `name@version`, `name@^1.2`, `name@stable` or `sha256:…`; `NotFound` says
        what exists."""
        ...

    async def get(self, module_id: str) -> Module:
        """The module with that id; `NotFound`."""
        ...

    async def all(self) -> list[Module]: ...

    async def page(
        self, wanted: ModuleFilter = EVERY_MODULE, *, limit: int, after: Module | None = None
    ) -> list[Module]:
        """By name, the newest of each first; with `after`, those that follow it in that order."""
        ...

    async def known(self, ids: Collection[str]) -> set[str]:
        """Those of these ids that modules have."""
        ...

    async def grant(self, module_id: str, grants: tuple[Grant, ...], *, entry: AuditEntry | None = None) -> Module:
        """Replace what the module may do outside; `NotFound` if there is none."""
        ...

    async def sign(
        self, module_id: str, signature: Signature, requested: tuple[Grant, ...], *, entry: AuditEntry
    ) -> Module:
        """Replace the signature, and with it the permission request that it covers; `NotFound`."""
        ...

    async def enable(self, module_id: str, *, enabled: bool, entry: AuditEntry) -> Module:
        """Let it run or not; `NotFound`."""
        ...

    async def delete(self, module_id: str, *, entry: AuditEntry) -> None:
        """Take its row away; `NotFound`. Its binary is for the caller to remove, after that."""
        ...


class ChannelStore(Protocol):
    """Channels: changes are added and never taken away, the last one of a channel holds."""

    async def of(self, name: str) -> Channels:
        """Those of a module."""
        ...

    async def current(self) -> Mapping[str, Channels]:
        """Those of every module that has any, by name."""
        ...

    async def history(self, name: str, *, limit: int) -> list[ChannelChange]:
        """Changes of a module's channels, the newest first."""
        ...

    async def change(self, name: str, channel: Channel, number: int) -> ChannelChange:
        """One of them; `NotFound`."""
        ...

    async def add(self, changes: Sequence[ChannelChange], *, entry: AuditEntry) -> None:
        """Write changes together. `Conflict` if a channel was changed meanwhile: its next number is taken."""
        ...


class AuthorStore(Protocol):
    """Keys of authors. They are never taken away, so that what they signed can always be judged."""

    async def add(self, key: AuthorKey, *, entry: AuditEntry) -> None:
        """Register a key; `Conflict` if it is registered already, revoked or not."""
        ...

    async def find(self, key_id: str) -> AuthorKey | None:
        """The key with that id; None if nobody registered it."""
        ...

    async def all(self) -> list[AuthorKey]:
        """Every key, by author and age."""
        ...

    async def revoke(
        self, key_ids: Collection[str], *, at: Micros, by: str, reason: str, entry: AuditEntry
    ) -> list[AuthorKey]:
        """Revoke those of these keys that are not; they are answered."""
        ...
