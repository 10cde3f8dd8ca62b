"""Several workers on one PostgreSQL: every execution ends, and no step is done twice (H11)."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from hengio.model.execution import ExecutionState, StepStatus
from hengio.steps.protocol import StepRequest, StepResult
from tests.support.builders import a_job, a_step
from tests.support.storages import opened, put_job
from tests.support.workplace import Hold, done, working

WORKERS = 3


async def short(request: StepRequest) -> StepResult:
    await asyncio.sleep(0.005)
    return done(request.step.id)


@pytest.mark.requirement("H5.8")
async def test_any_number_of_workers_share_the_work_and_nothing_is_done_twice(postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        storages = [await stack.enter_async_context(opened(postgres_url)) for _ in range(WORKERS)]
        steps = dict.fromkeys("abcd", short)
        places = [
            await stack.enter_async_context(working(one, steps, name=f"worker-{n}", alone=False, at_once=4))
            for n, one in enumerate(storages)
        ]
        free = await put_job(
            storages[0], a_job(a_step("a", next=("b", "c")), *"bcd", name="free", allow_concurrent=True)
        )
        alone = await put_job(storages[0], a_job("a", "b", name="alone"))
        started = [await places[0].start(free) for _ in range(30)] + [await places[1].start(alone) for _ in range(5)]
        ended = [await places[0].end(execution) for execution in started]
        assert {execution.state for execution in ended} == {ExecutionState.SUCCESS}
        assert sum(len(place.script.begun) for place in places) == 30 * 4 + 5 * 2
        for execution in ended:
            rows = await places[0].rows(execution)
            assert len(rows) == len({(row.step_id, row.visit) for row in rows})


@pytest.mark.requirement("H5.2", "H5.10")
async def test_a_worker_that_falls_silent_is_replaced_when_its_lease_runs_out(postgres_url: str) -> None:
    late = Hold()
    async with opened(postgres_url) as one, opened(postgres_url) as other:
        stored = await put_job(one, a_job("a", "b", "c"))
        async with working(one, {"b": late}, name="silent", alone=False, lease_seconds=0.5) as silent:
            execution = await silent.start(stored)
            await late.begun.wait()
            await silent.dispatcher.close()
            silent.runner.live.clear()
            async with working(other, name="prompt", alone=False) as prompt:
                ended = await prompt.end(execution)
                assert prompt.script.begun == [("b", 1, 2), ("c", 1, 1)]
            late.let_go.set()
            await silent.stop()
            rows = [(row.step_id, row.claim, row.status) for row in await silent.rows(execution)]
    assert (ended.state, ended.worker, ended.crashes) == (ExecutionState.SUCCESS, "prompt", 1)
    assert rows == [
        ("a", 1, StepStatus.SUCCESS),
        ("b", 2, StepStatus.LOST),
        ("b", 2, StepStatus.SUCCESS),
        ("c", 2, StepStatus.SUCCESS),
    ]
