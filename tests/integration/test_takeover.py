"""Workers that stop, die or come back too late: nothing is lost, nothing that is done is done again (H5)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.dispatch.events import Watch
from hengio.errors import Unavailable
from hengio.model.execution import Execution, ExecutionState, StepStatus
from hengio.model.policy import Retry
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Begin, Storage, StoredJob, Work
from hengio.worker import loop, runner
from tests.support.builders import NOON, a_claim, a_job, a_step, an_execution
from tests.support.storages import begun, claimed, commit, put_job
from tests.support.waiting import eventually
from tests.support.workplace import Hold, broken, done, working

LARGE = "x" * (100 << 10)


async def crashes(storage: Storage, stored: StoredJob, *, times: int) -> Execution:
    """An execution whose workers died that often after they had claimed it."""
    execution = an_execution(stored)
    await commit(storage, Begin(execution))
    for number in range(1, times + 1):
        await claimed(storage, execution, number=number)
        await storage.executions.recover(everything=True, at=0)
    return execution


@pytest.mark.requirement("H5.2", "H11.5")
async def test_a_worker_that_stops_hands_back_after_the_step_at_hand_and_the_next_goes_on(storage: Storage) -> None:
    hold = Hold()
    stored = await put_job(storage, a_job("a", "b", "c"))
    async with working(storage, {"b": hold}) as first:
        execution = await first.start(stored)
        await hold.begun.wait()
        stopping = asyncio.create_task(first.stop())
        await asyncio.sleep(0.05)
        assert not stopping.done()
        hold.let_go.set()
        await stopping
        handed_back = await storage.executions.load(execution.id)
        assert (handed_back.state, handed_back.worker) == (ExecutionState.PENDING, None)
        assert [row.step_id for row in await first.rows(execution)] == ["a", "b"]
    async with working(storage) as second:
        ended = await second.end(execution)
        assert (ended.state, ended.crashes, ended.claim) == (ExecutionState.SUCCESS, 0, 2)
        assert second.script.begun == [("c", 1, 1)]


@pytest.mark.requirement("H11.5")
async def test_at_the_deadline_the_step_at_hand_is_cancelled_and_the_execution_handed_back(storage: Storage) -> None:
    hold = Hold()
    stored = await put_job(storage, a_job("a", "b"))
    async with working(storage, {"b": hold}) as first:
        execution = await first.start(stored)
        await hold.begun.wait()
        await first.stop(deadline_seconds=0.05)
        assert hold.cancelled == 1
        assert (await storage.executions.load(execution.id)).state is ExecutionState.PENDING
    async with working(storage) as second:
        ended = await second.end(execution)
        assert (ended.state, ended.crashes) == (ExecutionState.SUCCESS, 0)
        assert second.script.begun == [("b", 1, 1)]


@pytest.mark.requirement("H11.5")
async def test_a_claim_that_is_on_its_way_at_the_deadline_is_handed_back_and_no_crash(
    storage: Storage, database_path: Path
) -> None:
    async with working(storage) as place:
        execution = await begun(storage, stored=await put_job(storage, a_job("a")))
        with sqlite3.connect(database_path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            await place.dispatcher.publish([Work(execution.id, 1)])
            await asyncio.sleep(0.05)
            stopping = asyncio.create_task(place.stop(deadline_seconds=0.05))
            await asyncio.sleep(0.2)
            other.execute("ROLLBACK")
        await stopping
        now = await storage.executions.load(execution.id)
        assert (now.state, now.claim, now.dispatch_number) == (ExecutionState.PENDING, 1, 2)
    async with working(storage) as second:
        assert (await second.end(execution)).crashes == 0


@pytest.mark.requirement("H11.5")
async def test_a_stop_ends_even_when_nothing_can_be_handed_back(
    storage: Storage, database_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "HAND_BACK_SECONDS", 0.1)
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        await place.start(await put_job(storage, a_job("a")))
        await hold.begun.wait()
        with sqlite3.connect(database_path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            async with asyncio.timeout(10):
                await place.stop(deadline_seconds=0.0)
            other.execute("ROLLBACK")


@pytest.mark.requirement("H5.10")
async def test_a_worker_that_breaks_after_it_lost_its_claim_tells_no_end(storage: Storage) -> None:
    hold = Hold()

    async def breaks(request: StepRequest) -> StepResult:
        await hold(request)
        return done(detail={"unwritable": object()})

    async def to_the_end(watch: Watch) -> None:
        async for _ in watch:
            pass

    async with working(storage, {"a": breaks}) as place:
        execution = await place.start(await put_job(storage, a_job("a")))
        with place.events.watch(execution.id) as watch:
            await hold.begun.wait()
            await place.dispatcher.close()
            await storage.executions.recover(everything=True, at=NOON)
            hold.let_go.set()
            watching = asyncio.create_task(to_the_end(watch))
            await place.stop()
            watching.cancel()
            await asyncio.wait([watching])
    assert watching.cancelled(), "the last event is that of the end"
    assert (await storage.executions.load(execution.id)).state is ExecutionState.PENDING


@pytest.mark.requirement("H5.2", "H5.11", "H5.12")
async def test_a_worker_that_died_loses_its_attempt_and_the_step_runs_again(storage: Storage) -> None:
    execution = await crashes(storage, await put_job(storage, a_job("a", "b", max_retries=0)), times=1)
    async with working(storage) as place:
        ended = await place.end(execution)
        rows = [(row.step_id, row.attempt, row.status) for row in await place.rows(execution)]
    assert (ended.state, ended.crashes) == (ExecutionState.SUCCESS, 1)
    assert rows == [("a", 1, StepStatus.LOST), ("a", 2, StepStatus.SUCCESS), ("b", 1, StepStatus.SUCCESS)]


@pytest.mark.requirement("H5.12")
async def test_a_step_that_says_on_crash_fail_is_not_run_again(storage: Storage) -> None:
    stored = await put_job(storage, a_job(a_step("a", on_crash="fail"), "b"))
    execution = await crashes(storage, stored, times=1)
    async with working(storage) as place:
        ended = await place.end(execution)
        assert place.script.begun == []
    assert ended.state is ExecutionState.FAILED
    assert ended.failure is not None
    assert ended.failure.code == "lost"


@pytest.mark.requirement("H5.11")
async def test_too_many_crashes_end_in_the_dead_letter(storage: Storage) -> None:
    stored = await put_job(storage, a_job("a"))
    twice, often = await crashes(storage, stored, times=2), await crashes(storage, stored, times=3)
    async with working(storage) as place:
        assert (await place.end(twice)).state is ExecutionState.SUCCESS
        ended = await place.end(often)
    assert ended.state is ExecutionState.DEAD_LETTER
    assert ended.failure is not None
    assert ended.failure.code == "crashed"


@pytest.mark.requirement("H3.14")
async def test_a_condition_is_asked_again_after_a_crash(storage: Storage) -> None:
    stored = await put_job(storage, a_job(a_step("a", condition="input == 'something'"), "b"))
    execution = await crashes(storage, stored, times=1)
    async with working(storage) as place:
        await place.end(execution)
        assert place.script.begun == [("b", 1, 1)]


@pytest.mark.requirement("H5.11")
async def test_a_retry_that_was_not_due_when_the_worker_died_loses_no_attempt(storage: Storage) -> None:
    async def fails(request: StepRequest) -> StepResult:
        return broken(retryable=True)

    retry = Retry(delays_seconds=(3600.0,))
    job = a_job(a_step("a", next=("b", "c")), a_step("b", retry=retry, on_crash="fail"), "c", "d")
    hold = Hold()
    async with working(storage, {"b": fails, "c": hold}) as first:
        execution = await first.start(await put_job(storage, job))
        await hold.begun.wait()
        await first.wrote(execution, 2)
        await storage.executions.recover(everything=True, at=0)
    async with working(storage) as second:
        rows = await second.wrote(execution, 4)
    assert [(row.step_id, row.attempt, row.status) for row in rows[2:]] == [
        ("c", 1, StepStatus.LOST),
        ("c", 2, StepStatus.SUCCESS),
    ]


@pytest.mark.requirement("H5.10")
async def test_a_worker_whose_lease_ran_out_can_not_overwrite_what_its_successor_wrote(storage: Storage) -> None:
    late, prompt = Hold(), Hold()
    prompt.let_go.set()
    stored = await put_job(storage, a_job("a", "b"))
    async with working(storage, {"a": late}, name="late", lease_seconds=0.2) as first:
        execution = await first.start(stored)
        await late.begun.wait()
        await first.dispatcher.close()  # it takes nothing more, and from now on it gives no sign of life
        first.runner.live.clear()
        async with working(storage, {"a": prompt}, name="prompt", alone=False) as second:
            ended = await second.end(execution)
            rows = await second.rows(execution)
        late.let_go.set()
        await first.stop()
    assert (ended.state, ended.worker, ended.crashes) == (ExecutionState.SUCCESS, "prompt", 1)
    assert await storage.executions.load(execution.id) == ended
    assert await storage.executions.runs(execution.id) == rows
    assert {row.claim for row in rows} == {2}


@pytest.mark.requirement("H5.10")
async def test_leases_are_held_while_a_stop_waits_for_the_step_at_hand(storage: Storage, database_path: Path) -> None:
    hold = Hold()

    def lease() -> int:
        with sqlite3.connect(database_path) as database:
            [(until,)] = database.execute("SELECT lease_until FROM executions").fetchall()
        return int(until)

    async with working(storage, {"a": hold}, alone=False, lease_seconds=0.3) as place:
        await place.start(await put_job(storage, a_job("a")))
        await hold.begun.wait()
        stopping = asyncio.create_task(place.stop())
        for _ in range(3):
            before = lease()
            await eventually(lambda before=before: later(lease, before))
        hold.let_go.set()
        await stopping


async def later(lease: Callable[[], int], before: int) -> bool:
    return lease() > before


async def test_a_large_output_comes_back_from_the_object_store_when_another_worker_goes_on(storage: Storage) -> None:
    hold, outputs = Hold(), open_blobs("memory://", area="outputs")

    async def put_out(request: StepRequest) -> StepResult:
        return done(LARGE)

    async def look(request: StepRequest) -> StepResult:
        return done(request.context.steps["a"].output == LARGE)

    async with working(storage, {"a": put_out, "b": hold}, outputs=outputs) as first:
        execution = await first.start(await put_job(storage, a_job("a", "b")))
        await hold.begun.wait()
        await first.stop(deadline_seconds=0.0)
    async with working(storage, {"b": look}, outputs=outputs) as second:
        ended = await second.end(execution)
        [_, row] = await second.rows(ended)
        assert row.output is not None
        assert bytes(row.output) == b"true"


class Outage:
    """An object store that is away for a while; everything else is the real one's."""

    def __init__(self, real: Blobs, *, times: int) -> None:
        self._real = real
        self._times = times

    def __getattr__(self, name: str) -> object:
        return getattr(self._real, name)

    async def get(self, key: str) -> bytes:
        if self._times:
            self._times -= 1
            raise Unavailable("the object store is away")
        return await self._real.get(key)


async def handed_on(storage: Storage, outputs: Blobs) -> Execution:
    """An execution that was handed back after a step with a large output."""
    hold = Hold()

    async def put_out(request: StepRequest) -> StepResult:
        return done(LARGE)

    async with working(storage, {"a": put_out, "b": hold}, outputs=outputs) as first:
        execution = await first.start(await put_job(storage, a_job("a", "b")))
        await hold.begun.wait()
        await first.stop(deadline_seconds=0.0)
    return execution


async def test_an_execution_waits_while_the_object_store_is_away(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner, "AWAY_SECONDS", 0.05)
    outputs = open_blobs("memory://", area="outputs")
    execution = await handed_on(storage, outputs)
    async with working(storage, outputs=Outage(outputs, times=2)) as second:  # type: ignore[arg-type]
        ended = await second.end(execution)
        assert (ended.state, ended.crashes) == (ExecutionState.SUCCESS, 0)
        assert second.script.begun == [("b", 1, 1)]


async def test_an_execution_whose_output_is_gone_from_the_object_store_fails_and_says_so(storage: Storage) -> None:
    execution = await handed_on(storage, open_blobs("memory://", area="outputs"))
    async with working(storage) as second:
        ended = await second.end(execution)
    assert ended.state is ExecutionState.FAILED
    assert ended.failure is not None
    assert ended.failure.code == "output_gone"


async def test_an_execution_whose_output_was_altered_in_the_object_store_fails_and_says_so(storage: Storage) -> None:
    outputs = open_blobs("memory://", area="outputs")
    execution = await handed_on(storage, outputs)
    [kept] = [info.key async for info in outputs.list()]
    await outputs.put(kept, b'"altered"')
    async with working(storage, outputs=outputs) as second:
        ended = await second.end(execution)
    assert ended.failure is not None
    assert (ended.state, ended.failure.code) == (ExecutionState.FAILED, "output_corrupt")


async def test_work_whose_message_was_lost_is_published_again(storage: Storage) -> None:
    stored = await put_job(storage, a_job("a"))
    async with working(storage) as place:
        execution = an_execution(stored, due_at=0)
        await commit(storage, Begin(execution))
        assert (await place.end(execution)).state is ExecutionState.SUCCESS


async def test_work_that_somebody_else_has_claimed_is_left_alone(storage: Storage) -> None:
    stored = await put_job(storage, a_job("a"))
    async with working(storage, alone=False) as place:
        execution = an_execution(stored)
        await commit(storage, Begin(execution), a_claim(execution, worker="another"))
        await place.dispatcher.publish([Work(execution.id, 1)])
        assert (await place.run(stored)).state is ExecutionState.SUCCESS
        assert (await storage.executions.load(execution.id)).worker == "another"
