"""What Hengio asks of its database for schedules and the fire ledger (H1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from hengio.clock import Micros
from hengio.codec import Raw
from hengio.model.execution import Execution
from hengio.model.fire import Fire, FireFilter
from hengio.model.job import Overlap
from hengio.model.outcome import Failure


class ScheduleRow(Struct, frozen=True, kw_only=True):
    """A job's schedule as it is kept, and how far it was followed.

    `schedule` and `input` are JSON: that of the definition, and what its executions are given. `active` is whether it
    may fire: the job is enabled and the schedule not paused. Every nominal time up to `decided_until` is in the ledger;
    `next_at` is when the next one is to be decided, None if there is none: it has `finished`, or `problem` says why.
    `anchor` is what intervals count from. `last_execution_id` is what it started last.
    """

    job_id: str
    job_version: int
    schedule: Raw
    input: Raw
    enabled: bool
    paused: bool
    exclusive: bool
    overlap: Overlap | None
    anchor: Micros
    decided_until: Micros
    next_at: Micros | None
    finished: bool
    problem: str | None
    last_execution_id: str | None

    @property
    def active(self) -> bool:
        return self.enabled and not self.paused


class Due(Struct, frozen=True, kw_only=True):
    """A schedule whose time has come, and what there is to know of its job's executions.

    `busy` is one that is not over. `last_over` says whether the last one that the schedule started is, and
    `last_ended_at` when it ended.
    """

    row: ScheduleRow
    busy: str | None = None
    last_over: bool = True
    last_ended_at: Micros | None = None


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided for one schedule: rows of the ledger, the executions of those that fired, and how it goes on.

    `instead` cancels what is not over of its job first, for that reason.
    """

    job_id: str
    fires: tuple[Fire, ...] = ()
    executions: tuple[Execution, ...] = ()
    instead: Failure | None = None
    anchor: Micros
    decided_until: Micros
    next_at: Micros | None
    finished: bool = False
    problem: str | None = None


class Decided(Struct, frozen=True):
    """What one look at the schedules did: each decision, and the executions that were begun by them."""

    decisions: tuple[Decision, ...]
    begun: tuple[Execution, ...]


Decide = Callable[[Sequence[Due]], Sequence[Decision]]
"""Decides for each schedule; it does no I/O, since it runs inside the transaction that holds them."""


class ScheduleStore(Protocol):
    """Schedules and the ledger.

    Promises: a schedule is decided for by one at a time, however many processes look; rows of the ledger, executions
    and the schedule's next time are written in one transaction; a nominal time fires at most once, ever.
    """

    async def decide(self, decide: Decide, *, before: Micros, limit: int, job_id: str | None = None) -> Decided:
        """Decide for schedules whose `next_at` has come, those that are due longest first; with `job_id` for that one,
        waiting for whoever holds it. Those that others hold are passed by."""
        ...

    async def latest_decided(self) -> Micros | None:
        """The latest nominal time in the ledger, of any job."""
        ...

    async def first_fire(self, job_id: str) -> Micros | None:
        """The earliest nominal time of the job in the ledger."""
        ...

    async def reopen(self, *, at: Micros) -> int:
        """Take back what was decided about times after that moment, for a clock that was ahead of the time: only what
        fired stays, and fires no second time. Returns how many schedules are to be decided for again."""
        ...

    async def due(self, *, before: Micros, limit: int) -> list[str]:
        """The jobs whose schedules are due."""
        ...

    async def stop(self, job_id: str, *, problem: str) -> None:
        """Fire no more, until the job is applied anew or the schedule resumed."""
        ...

    async def next_at(self) -> Micros | None:
        """When the next schedule is to be decided for."""
        ...

    async def get(self, job_id: str) -> ScheduleRow | None:
        """None for a job that has none, or does not follow it."""
        ...

    async def all(self, *, limit: int, after: str | None = None) -> list[ScheduleRow]:
        """By job id; `after` is the last that was seen."""
        ...

    async def pause(self, job_id: str, *, paused: bool, at: Micros) -> ScheduleRow:
        """Let it fire or not; resuming clears its problem. `NotFound` without a schedule."""
        ...

    async def alarming(self, *, overdue_before: Micros, limit: int) -> list[ScheduleRow]:
        """Those that may fire and are not going to: without a next time though they have not finished, or whose time
        came before that moment and nobody decided."""
        ...

    async def fires(self, wanted: FireFilter, *, limit: int, before: Fire | None = None) -> list[Fire]:
        """Rows of the ledger, the latest nominal times first; with `before`, those that follow it in that order."""
        ...

    async def latest_fires(self, job_ids: Sequence[str]) -> dict[str, Fire]:
        """The row with the latest nominal time of each of those jobs that has one."""
        ...

    async def backfill(self, fires: Sequence[tuple[Fire, Execution]]) -> list[Execution]:
        """Write fires of the past with their executions, all of one job, except for nominal times that fired already.
        Returns what was begun."""
        ...
