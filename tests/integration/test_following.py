"""Waiting for an execution to end, also while the database is away."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest

from hengio.errors import Unavailable
from hengio.model.execution import Execution, ExecutionState
from hengio.service import jobs
from hengio.service.following import polled
from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.wiring.embedded import embedded
from tests.support.builders import a_job
from tests.support.storages import put_job
from tests.support.workplace import Hold, working

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


async def test_what_is_under_way_in_another_process_is_told_once(storage: Storage) -> None:
    hold, told = Hold(), []
    async with working(storage, {"b": hold}) as place:
        stored = await put_job(storage, a_job("a", "b"))
        execution = await place.start(stored)
        async for event in polled(storage.executions, execution.id, job=stored, every_seconds=0.02):
            told.append((event.type, event.step_id))
            if told[-1] == ("step.started", "b"):
                hold.let_go.set()
    later = told[told.index(("step.finished", "a")) :]
    assert later == [
        ("step.finished", "a"),
        ("step.started", "b"),
        ("step.finished", "b"),
        ("execution.finished", None),
    ]
