"""A database as the stores of this package use it: cold reads and writes on a connection, hot entries by the batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import Connection

from hengio.clock import Micros
from hengio.storage.chain import AuditKeys
from hengio.storage.protocol import Answer, Entry
from hengio.storage.schedules import Decide, Decided

T = TypeVar("T")


class Database(Protocol):
    """One of SQLite and PostgreSQL. Raises `Unavailable` when it does not answer, is locked, or its disk is full."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run `work` on a connection, in a thread or greenlet of the database's own. It must not write."""
        ...

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run `work` in one transaction; whatever it raises rolls back."""
        ...

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        """As `ExecutionStore.commit`."""
        ...

    async def decide(self, decide: Decide, *, before: Micros, limit: int, job_id: str | None = None) -> Decided:
        """As `ScheduleStore.decide`."""
        ...

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        """As `ExecutionStore.extend`."""
        ...

    def now(self) -> str:
        """An SQL expression for the database's own clock, in microseconds since 1970."""
        ...

    async def open(self, keys: AuditKeys) -> None:
        """Connect and bring the tables up to date; what was audited by a release before the chain is linked."""
        ...

    async def close(self) -> None: ...
