"""Decisions on schedules, as the tables of values that one statement a kind writes. As with `batch`, both databases
write the same; what differs is how a table of values reaches a statement."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import RowMapping

from hengio.clock import Micros
from hengio.codec import Raw
from hengio.model.execution import FINAL, Execution, ExecutionState
from hengio.model.fire import Fire, FireState
from hengio.storage.schedules import Decide, Decided, Decision, Due, ScheduleRow
from hengio.storage.sql import rows
from hengio.storage.sql.batch import Table
from hengio.storage.sql.states import UNFINISHED

SCHEDULE_COLUMNS = (
    "job_id job_version schedule input enabled paused exclusive overlap anchor decided_until next_at finished problem "
    "last_execution_id"
).split()
FIRE_COLUMNS = "job_id nominal_time job_version state decided_at reason note execution_id until".split()
BUSY = f"SELECT job_id, min(id) FROM executions WHERE state IN {UNFINISHED} AND job_id"
LAST = "SELECT id, state, finished_at FROM executions WHERE id"


Row = Mapping[str, Any] | RowMapping


class Wanted(Struct, frozen=True):
    """Which schedules to decide for: those due at that moment, at most so many, or only that of one job."""

    before: Micros
    limit: int
    job_id: str | None = None


class Taken:
    """Schedules that are held by a transaction, and what is decided for them."""

    def __init__(self, found: Iterable[Row]) -> None:
        self._rows = [schedule_row(row) for row in found]
        self._busy: dict[str, str] = {}
        self._last: dict[str, tuple[str, int | None]] = {}
        self._decisions: tuple[Decision, ...] = ()
        self._won: Collection[tuple[str, int]] = ()

    def __bool__(self) -> bool:
        return bool(self._rows)

    def exclusive_ids(self) -> list[str]:
        """The jobs of which it matters whether an execution is not over."""
        return [row.job_id for row in self._rows if row.exclusive]

    def busy(self, found: Iterable[tuple[str, str]]) -> None:
        """Job, an execution of it that is not over."""
        self._busy = dict(found)

    def last_ids(self) -> list[str]:
        """What the schedules started last."""
        return [row.last_execution_id for row in self._rows if row.last_execution_id is not None]

    def last(self, found: Iterable[Sequence[Any]]) -> None:
        """Execution, its state, when it ended."""
        self._last = {name: (state, ended) for name, state, ended in found}

    def decide(self, decide: Decide) -> None:
        """Have it decided for all of them."""
        self._decisions = tuple(decide([self._due(row) for row in self._rows]))

    def fires(self) -> Table:
        """Rows of the ledger: `FIRE_COLUMNS`."""
        return [fire_row(fire) for decision in self._decisions for fire in decision.fires]

    def written(self, found: Iterable[Sequence[Any]]) -> None:
        """Which (job, nominal time) of them are ours: another row stood in the way of the rest."""
        self._won = {(job_id, nominal) for job_id, nominal in found}

    def replaced(self) -> Table:
        """Jobs whose executions are cancelled first: job, failure, moment."""
        return [
            (decision.job_id, rows.failure_text(decision.instead), decision.decided_until)
            for decision in self._decisions
            if decision.instead is not None
        ]

    def executions(self) -> Table:
        """What begins: `rows.EXECUTION_COLUMNS`."""
        return [rows.execution_row(execution) for execution in self._begun()]

    def schedules(self) -> Table:
        """How the schedules go on: job, decided_until, next_at, anchor, finished, problem, last execution."""
        last = {execution.job_id: execution.id for execution in self._begun()}
        return [
            (one.job_id, one.decided_until, one.next_at, one.anchor, one.finished, one.problem, last.get(one.job_id))
            for one in self._decisions
        ]

    def answer(self) -> Decided:
        """What was done."""
        return Decided(self._decisions, tuple(self._begun()))

    def _begun(self) -> list[Execution]:
        return [
            execution
            for decision in self._decisions
            for execution in decision.executions
            if (execution.job_id, execution.nominal_time) in self._won
        ]

    def _due(self, row: ScheduleRow) -> Due:
        state, ended = self._last.get(row.last_execution_id or "", (ExecutionState.SUCCESS.value, None))
        return Due(row=row, busy=self._busy.get(row.job_id), last_over=state in FINAL, last_ended_at=ended)


def schedule_row(row: Row) -> ScheduleRow:
    """The schedule of a row."""
    return ScheduleRow(
        job_id=row["job_id"],
        job_version=row["job_version"],
        schedule=Raw(row["schedule"].encode()),
        input=Raw(row["input"].encode()),
        enabled=bool(row["enabled"]),
        paused=bool(row["paused"]),
        exclusive=bool(row["exclusive"]),
        overlap=row["overlap"],
        anchor=row["anchor"],
        decided_until=row["decided_until"],
        next_at=row["next_at"],
        finished=bool(row["finished"]),
        problem=row["problem"],
        last_execution_id=row["last_execution_id"],
    )


def fire_row(fire: Fire) -> tuple[Any, ...]:
    """The values of `FIRE_COLUMNS`."""
    return (
        fire.job_id,
        fire.nominal_time,
        fire.job_version,
        fire.state.value,
        fire.decided_at,
        fire.reason,
        fire.note,
        fire.execution_id,
        fire.until,
    )


def fire(row: Row) -> Fire:
    """The row of the ledger that a row of the database is."""
    return Fire(
        job_id=row["job_id"],
        nominal_time=row["nominal_time"],
        job_version=row["job_version"],
        state=FireState(row["state"]),
        decided_at=row["decided_at"],
        reason=row["reason"],
        note=row["note"],
        execution_id=row["execution_id"],
        until=row["until"],
    )
