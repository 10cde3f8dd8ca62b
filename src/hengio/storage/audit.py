"""What Hengio asks of its database for the audit log (H8.10)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from hengio.clock import Micros
from hengio.model.audit import AuditEntry
from hengio.storage.chain import Content, End, Link


class AuditStore(Protocol):
    """Decisions, in the order they were made, each linked to the one before (`storage/chain`)."""

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        """Those that are there already stay as they are: what may have been written can be added again."""
        ...

    async def find(
        self, *, action: str | None = None, execution_id: str | None = None, since: Micros | None = None, limit: int
    ) -> list[AuditEntry]:
        """The newest first."""
        ...

    async def linked(self, *, after: int, limit: int) -> list[tuple[Content, Link]]:
        """Entries with their places in the chain, in its order, those that follow the one of that number."""
        ...

    async def end(self) -> End | None:
        """Where the chain ends; None where somebody took that away."""
        ...
