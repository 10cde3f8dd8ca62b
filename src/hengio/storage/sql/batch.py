"""A commit's entries sorted by kind, as the tables of values that one statement a kind writes, and each entry's answer.

Both databases write a batch in the same way; what differs is how a table of values reaches a statement (`unnest` in
PostgreSQL, `json_each` in SQLite). One statement for many rows also means one crossing into the driver for all of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from hengio.clock import SECOND
from hengio.storage.protocol import Answer, Begin, Blocked, Claim, Done, Entry, Existing, Park, Parked, Record, Stale
from hengio.storage.sql import rows

E = TypeVar("E", Begin, Claim, Record, Park)
Table = list[tuple[Any, ...]]


class Batch:
    """The entries of one commit. Fill in answers by telling it what each statement returned."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        self._size = len(entries)
        self._begins = _of_kind(entries, Begin)
        self._records = _of_kind(entries, Record)
        self._parks = _of_kind(entries, Park)
        self._claims = _of_kind(entries, Claim)
        self._answers: dict[int, Answer] = dict.fromkeys(self._begins, Done())

    def answers(self) -> list[Answer | Exception]:
        """An answer for each entry, in their order."""
        return [self._answers[place] for place in range(self._size)]

    def executions(self) -> Table:
        """New executions: `rows.EXECUTION_COLUMNS`."""
        return [rows.execution_row(entry.execution) for entry in self._begins.values()]

    def keyed(self) -> Table:
        """New executions under an idempotency key: job, key."""
        asked = (entry.execution for entry in self._begins.values())
        return [(one.job_id, one.idempotency_key) for one in asked if one.idempotency_key is not None]

    def begun(self, found: Iterable[tuple[str, str, str]]) -> None:
        """Which execution stands under each (job, key): whoever came later is told of it."""
        first = {(job_id, key): execution_id for job_id, key, execution_id in found}
        for place, entry in self._begins.items():
            asked = entry.execution
            if asked.idempotency_key is None:
                continue
            stands = first.get((asked.job_id, asked.idempotency_key), asked.id)
            self._answers[place] = Done() if stands == asked.id else Existing(stands)

    def held_ids(self) -> list[str]:
        """The executions that records and parks write to, in the order in which rows are locked."""
        return sorted({entry.execution_id for entries in (self._records, self._parks) for entry in entries.values()})

    def held(self, found: Iterable[tuple[str, int]]) -> None:
        """Which (execution, claim) are current: only those are written."""
        current = set(found)
        for place, entry in self._records.items():
            if (entry.execution_id, entry.claim) in current:
                self._answers[place] = Done()
            else:
                self._answers[place] = Stale()
        self._records = {place: e for place, e in self._records.items() if isinstance(self._answers[place], Done)}

    def step_runs(self) -> Table:
        """Step runs to write: `rows.STEP_RUN_COLUMNS`."""
        return [rows.step_run_row(run) for entry in self._records.values() for run in entry.runs]

    def closes(self) -> Table:
        """Ends to write: state, finished_at, failure, id."""
        ends = [(entry.execution_id, entry.close) for entry in self._records.values() if entry.close is not None]
        return [(end.state.value, end.finished_at, rows.failure_text(end.failure), name) for name, end in ends]

    def parks(self) -> Table:
        """Executions to give back: id, claim, due_at."""
        return [(entry.execution_id, entry.claim, entry.due_at) for entry in self._parks.values()]

    def parked(self, found: Iterable[tuple[str, int, int]]) -> None:
        """What was given back: (execution, claim, dispatch number)."""
        numbers = {(execution_id, claim): number for execution_id, claim, number in found}
        for place, entry in self._parks.items():
            number = numbers.get((entry.execution_id, entry.claim))
            self._answers[place] = Stale() if number is None else Parked(number)

    def claims(self) -> Table:
        """Executions to claim: id, dispatch number, worker, lease in microseconds, moment."""
        return [
            (entry.execution_id, entry.dispatch_number, entry.worker, int(entry.lease_seconds * SECOND), entry.at)
            for entry in self._claims.values()
        ]

    def claimed(self, found: Iterable[Mapping[str, Any]]) -> None:
        """What was claimed: rows of `rows.CLAIMED_COLUMNS` by name. Of two claims of one execution, one wins."""
        by_work = {(row["id"], row["dispatch_number"]): row for row in found}
        for place, entry in self._claims.items():
            row = by_work.pop((entry.execution_id, entry.dispatch_number), None)
            if row is not None:
                self._answers[place] = rows.claimed(
                    rows.execution(row), parked_claim=row["parked_claim"], revision=row["revision"]
                )

    def unclaimed_ids(self) -> list[str]:
        """The executions that were not claimed though somebody asked."""
        return [entry.execution_id for place, entry in self._claims.items() if place not in self._answers]

    def pending(self, found: Iterable[tuple[str, int]]) -> None:
        """Which (execution, dispatch number) of those are pending all the same: another of their job is running."""
        current = set(found)
        for place, entry in self._claims.items():
            blocked = (entry.execution_id, entry.dispatch_number) in current
            self._answers.setdefault(place, Blocked() if blocked else Stale())


def columns(table: Table) -> list[list[Any]]:
    """A table of values, column by column."""
    return [list(column) for column in zip(*table, strict=True)]


def _of_kind(entries: Sequence[Entry], kind: type[E]) -> dict[int, E]:
    return {place: entry for place, entry in enumerate(entries) if isinstance(entry, kind)}
