"""What is asked again and again costs the same however many executions there were."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hengio.storage.protocol import Storage
from tests.support.builders import NOON
from tests.support.storages import heard, opened

ASKED: dict[str, Callable[[Storage], Awaitable[Any]]] = {
    "what is due": lambda storage: storage.executions.due(before=NOON, limit=10),
    "when something is due": lambda storage: storage.executions.next_due(),
    "what is to be cancelled": lambda storage: storage.interventions.cancelling(),
    "what workers have left": lambda storage: storage.executions.recover(everything=False, at=NOON),
}


@pytest.mark.parametrize("question", ASKED.values(), ids=ASKED.keys())
async def test_what_is_asked_all_the_time_is_found_by_an_index(
    question: Callable[[Storage], Awaitable[Any]], tmp_path: Path
) -> None:
    file = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{file}") as storage:
        with heard() as statements:
            await question(storage)
    assert statements
    with closing(sqlite3.connect(file)) as connection:
        plans = [connection.execute(f"EXPLAIN QUERY PLAN {sql}", given).fetchall() for sql, given in statements]
    steps = [step for plan in plans for *_, step in plan]
    assert not [step for step in steps if step.startswith("SCAN executions") and "INDEX" not in step], steps
