"""What is asked again and again costs the same however many executions there were."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hengio.model.execution import ExecutionFilter, ExecutionState
from hengio.model.fire import FireFilter
from hengio.model.job import RateLimit
from hengio.storage.protocol import Storage
from hengio.storage.sql import firing, sqlite_firing
from tests.support.builders import NOON, an_execution
from tests.support.storages import heard, opened, put_job

ASKED: dict[str, Callable[[Storage], Awaitable[Any]]] = {
    "what is due": lambda storage: storage.executions.due(before=NOON, limit=10),
    "what waits beyond its deadline": lambda storage: storage.executions.expire(at=NOON, limit=10),
    "when something is due": lambda storage: storage.executions.next_due(),
    "what is to be cancelled": lambda storage: storage.interventions.cancelling(),
    "which schedules are due": lambda storage: storage.schedules.due(before=NOON, limit=10),
    "when a schedule is due": lambda storage: storage.schedules.next_at(),
    "which schedules are not going to fire": lambda storage: storage.schedules.alarming(overdue_before=NOON, limit=9),
    "the latest nominal time": lambda storage: storage.schedules.latest_decided(),
    "the ledger of a job": lambda storage: storage.schedules.fires(FireFilter(job_id="a"), limit=10),
    "the latest fires": lambda storage: storage.schedules.latest_fires(["a", "b"]),
    "how long executions took": lambda storage: storage.executions.durations(["a", "b"], limit=10),
    "what workers have left": lambda storage: storage.executions.recover(everything=False, at=NOON),
}


BAD_ENDS = [
    (ExecutionState.FAILED,),
    (ExecutionState.TIMEOUT,),
    (ExecutionState.CANCELLED,),
    (ExecutionState.FAILED, ExecutionState.TIMEOUT),
]


@pytest.mark.parametrize("question", ASKED.values(), ids=ASKED.keys())
async def test_what_is_asked_all_the_time_is_found_by_an_index(
    question: Callable[[Storage], Awaitable[Any]], tmp_path: Path
) -> None:
    file = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{file}") as storage:
        with heard() as statements:
            await question(storage)
    steps = planned(file, statements)
    scans = [step for step in steps if step.startswith(("SCAN executions", "SCAN schedules", "SCAN fires"))]
    assert not [step for step in scans if "INDEX" not in step], steps
    assert not [step for step in steps if "TEMP B-TREE" in step], steps


@pytest.mark.parametrize(
    ("statement", "given", "index"),
    [
        (sqlite_firing.TAKE, (NOON, 10), "ix_schedules_next_at"),
        (f"{firing.BUSY} {sqlite_firing.AMONG} GROUP BY job_id", ('["a"]',), "ix_executions_unfinished"),
    ],
)
async def test_schedules_that_are_due_and_what_keeps_them_are_found_by_an_index(
    tmp_path: Path, statement: str, given: tuple[object, ...], index: str
) -> None:
    file = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{file}"):
        pass
    assert [step for step in planned(file, [(statement, given)]) if index in step]


async def test_what_a_webhook_began_in_its_window_is_counted_by_an_index_of_its_own(tmp_path: Path) -> None:
    file = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{file}") as storage:
        execution = an_execution(await put_job(storage), trigger="webhook")
        with heard() as statements:
            await storage.interventions.begin_within(execution, limit=RateLimit(max_requests=5, window_seconds=60))
    counting = [one for one in statements if "created_at >" in one[0]]
    [step] = planned(file, counting)
    assert "USING INDEX ix_executions_webhooks" in step


def planned(file: Path, statements: list[tuple[str, Any]]) -> list[str]:
    """The steps by which SQLite would find what the statements ask for."""
    assert statements
    with closing(sqlite3.connect(file)) as connection:
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall() for sql, given in statements]
    return [step for plan in plans for *_, step in plan]


@pytest.mark.parametrize("states", BAD_ENDS)
async def test_a_few_that_ended_badly_are_found_among_many(states: tuple[ExecutionState, ...], tmp_path: Path) -> None:
    file = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{file}") as storage:
        with heard() as statements:
            await storage.executions.recent(ExecutionFilter(states=states), limit=50)
    [step] = planned(file, statements)
    assert "ix_executions_bad_ends" in step


async def test_statistics_of_a_module_are_found_by_an_index_however_many_calls_there_are(tmp_path: Path) -> None:
    file = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{file}") as storage:
        with heard() as statements:
            await storage.calls.statistics("m", since=NOON, most=100)
    steps = planned(file, statements)
    assert [step for step in steps if "ix_step_runs_calls_module_id_completed_at" in step]
    assert not [step for step in steps if step.startswith("SCAN step_runs") or "TEMP B-TREE" in step], steps
