"""Waiting for an execution to end, also while the database is away."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from hengio.errors import Unavailable
from hengio.model.execution import Execution, ExecutionState
from hengio.service import jobs
from hengio.settings import Settings
from hengio.wiring.embedded import embedded

TIMES = 3
PAUSE_SECONDS = 0.05


async def test_a_database_that_is_away_when_the_last_event_came_is_asked_again_after_a_pause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "POLL_SECONDS", PAUSE_SECONDS)
    asked: list[float] = []
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.areas.files.put("people.csv", "name\nHằng\n".encode())
        config = {"operation": "read", "path": "people.csv", "format": "csv"}
        stored, _ = await system.jobs.apply(
            {"name": "read", "steps": [{"id": "read", "type": "file_processing", "config": config}]}
        )
        load = system.storage.executions.load

        async def away_at_first(execution_id: str) -> Execution:
            asked.append(time.monotonic())
            if len(asked) <= TIMES:
                raise Unavailable("the database is away")
            return await load(execution_id)

        monkeypatch.setattr(system.storage.executions, "load", away_at_first)
        finished = await system.jobs.run(stored)
    assert finished.execution.state is ExecutionState.SUCCESS
    pauses = [later - earlier for earlier, later in pairwise(asked[: TIMES + 1])]
    assert min(pauses) >= PAUSE_SECONDS * 0.9  # a timer may be a hair early
