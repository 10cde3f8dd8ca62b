"""What is asked again and again costs the same however many executions there were."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hengio.model.execution import ExecutionFilter, ExecutionState
from hengio.storage.protocol import Storage
from tests.support.builders import NOON
from tests.support.storages import heard, opened

ASKED: dict[str, Callable[[Storage], Awaitable[Any]]] = {
    "what is due": lambda storage: storage.executions.due(before=NOON, limit=10),
    "when something is due": lambda storage: storage.executions.next_due(),
    "what is to be cancelled": lambda storage: storage.interventions.cancelling(),
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
    assert not [step for step in steps if step.startswith("SCAN executions") and "INDEX" not in step], steps


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
