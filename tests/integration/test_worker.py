"""The worker: how much at once, what is stored when, and how jobs go through their steps."""

from __future__ import annotations

import asyncio
import hashlib
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from hengio import codec
from hengio.lifecycle import recover
from hengio.model.execution import ExecutionState, StepStatus
from hengio.model.outcome import Failure
from hengio.model.policy import Retry
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Storage
from tests.support.blobs import keys
from tests.support.builders import a_job, a_step
from tests.support.clock import MovableClock
from tests.support.storages import put_job
from tests.support.workplace import Hold, broken, done, working

SOON = Retry(delays_seconds=(0.0,), jitter=0.0)


async def never(request: StepRequest) -> StepResult:
    await asyncio.Event().wait()
    raise AssertionError("not reached")


@pytest.mark.requirement("R11.5")
async def test_a_job_runs_its_steps_in_order_to_the_end(storage: Storage) -> None:
    async with working(storage) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b", "c")))
        assert (ended.state, ended.failure) == (ExecutionState.SUCCESS, None)
        assert place.script.begun == [("a", 1, 1), ("b", 1, 1), ("c", 1, 1)]
        assert ended.finished_at is not None


@pytest.mark.requirement("H5.2", "R13.4")
async def test_a_result_is_in_the_database_before_the_next_step_begins(storage: Storage, database_path: Path) -> None:
    seen = []

    async def look(request: StepRequest) -> StepResult:
        with sqlite3.connect(database_path) as database:
            seen.append(database.execute("SELECT step_id, status, output FROM step_runs").fetchall())
        return done()

    async with working(storage, {"b": look}) as place:
        await place.run(await put_job(storage, a_job("a", "b")))
    assert seen == [[("a", "success", '"a"')]]


@pytest.mark.requirement("R11.1", "R11.2", "R11.4")
async def test_a_step_sees_the_input_and_what_steps_before_it_put_out_and_wrote(storage: Storage) -> None:
    async def look(request: StepRequest) -> StepResult:
        context = request.context
        return done([context.base["input"], context.steps["a"].output, context.variables])

    async def write(request: StepRequest) -> StepResult:
        return done({"n": 1}, context=({"region": "north", "x": 1}, {"x": None}))

    async with working(storage, {"a": write, "b": look}) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b")), given={"day": 1})
        [_, row] = await place.rows(ended)
        assert row.output is not None
        assert codec.decode(row.output) == [{"day": 1}, {"n": 1}, {"region": "north"}]


async def test_no_more_executions_run_at_once_than_the_worker_may(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}, at_once=3) as place:
        stored = await put_job(storage, a_job("a", allow_concurrent=True))
        executions = [await place.start(stored) for _ in range(10)]
        await place.busy(3)
        hold.let_go.set()
        assert {(await place.end(execution)).state for execution in executions} == {ExecutionState.SUCCESS}
        assert place.script.most == 3


@pytest.mark.requirement("R12.3")
async def test_branches_run_beside_each_other_up_to_max_parallel(storage: Storage) -> None:
    hold = Hold()
    names = ("b", "c", "d", "e")
    job = a_job(a_step("a", next=names), *names, "join", max_parallel=2)
    async with working(storage, dict.fromkeys(names, hold)) as place:
        execution = await place.start(await put_job(storage, job))
        await place.busy(2)
        assert place.script.running == 2
        hold.let_go.set()
        assert (await place.end(execution)).state is ExecutionState.SUCCESS
        assert place.script.most == 2
        assert place.script.begun[-1] == ("join", 1, 1)


@pytest.mark.requirement("R12.2", "R12.4")
async def test_steps_that_were_routed_past_are_in_the_journal_as_skipped(storage: Storage) -> None:
    async def route(request: StepRequest) -> StepResult:
        return done(routing=("c",))

    async def finish(request: StepRequest) -> StepResult:
        return done(routing=())

    async with working(storage, {"a": route, "c": finish}) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b", "c", "d")))
        rows = {row.step_id: (row.status, row.kind) for row in await place.rows(ended)}
    assert ended.state is ExecutionState.SUCCESS
    assert rows["b"] == rows["d"] == (StepStatus.SKIPPED, "routed")


@pytest.mark.requirement("R12.5")
async def test_an_invalid_decision_fails_the_execution_with_the_valid_ids(storage: Storage) -> None:
    async def route(request: StepRequest) -> StepResult:
        return done(routing=("nowhere",))

    async with working(storage, {"a": route}) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b")))
    assert ended.state is ExecutionState.FAILED
    assert ended.failure is not None
    assert (ended.failure.code, ended.failure.details) == ("invalid_routing", {"valid_steps": ["a", "b"]})


@pytest.mark.requirement("H3.14")
async def test_a_condition_decides_whether_a_step_runs(storage: Storage) -> None:
    steps = (a_step("a", condition="input.n > 1"), a_step("b", condition="input.n < 2"))
    async with working(storage) as place:
        stored = await put_job(storage, a_job(*steps))
        ended = await place.run(stored, given={"n": 1})
        rows = {row.step_id: (row.status, row.kind) for row in await place.rows(ended)}
        assert rows == {"a": (StepStatus.SKIPPED, "condition"), "b": (StepStatus.SUCCESS, "succeeded")}
        assert ended.state is ExecutionState.SUCCESS


async def test_a_condition_that_can_not_be_told_fails_the_step(storage: Storage) -> None:
    async with working(storage) as place:
        ended = await place.run(await put_job(storage, a_job(a_step("a", condition="input.missing.deeper > 1"))))
    assert ended.failure is not None
    assert ended.failure.code == "invalid_condition"


@pytest.mark.requirement("R13.5", "H5.3")
async def test_a_step_is_retried_until_it_succeeds(storage: Storage) -> None:
    async def third_time(request: StepRequest) -> StepResult:
        return done() if request.attempt == 3 else broken(retryable=True)

    async with working(storage, {"a": third_time}) as place:
        ended = await place.run(await put_job(storage, a_job(a_step("a", retry=SOON), "b")))
        assert ended.state is ExecutionState.SUCCESS
        assert place.script.begun == [("a", 1, 1), ("a", 1, 2), ("a", 1, 3), ("b", 1, 1)]


@pytest.mark.requirement("H5.3")
async def test_a_retry_that_is_not_due_yet_gives_the_execution_back_until_then(storage: Storage) -> None:
    clock = MovableClock()

    async def second_time(request: StepRequest) -> StepResult:
        return done() if request.attempt == 2 else broken(retryable=True)

    job = a_job(a_step("a", retry=Retry(delays_seconds=(60.0,), jitter=0.0)))
    async with working(storage, {"a": second_time}, clock=clock) as place:
        execution = await place.start(await put_job(storage, job))
        waiting = await place.parked(execution)
        assert (waiting.state, waiting.due_at) == (ExecutionState.PENDING, clock.now() + 60_000_000)
        assert place.runner.live == {}
        clock.advance(60)
        ended = await place.end(execution)
        assert (ended.state, ended.crashes) == (ExecutionState.SUCCESS, 0)
        assert place.script.begun == [("a", 1, 1), ("a", 1, 2)]


@pytest.mark.requirement("H5.3")
async def test_a_failure_that_outlives_its_retries_ends_in_the_dead_letter(storage: Storage) -> None:
    async def always(request: StepRequest) -> StepResult:
        return broken(retryable=True)

    async with working(storage, {"a": always}) as place:
        ended = await place.run(await put_job(storage, a_job(a_step("a", retry=SOON), max_retries=1)))
        assert ended.state is ExecutionState.DEAD_LETTER
        assert len(await place.rows(ended)) == 2


@pytest.mark.requirement("R13.5")
async def test_a_failed_branch_cancels_the_steps_that_run_beside_it(storage: Storage) -> None:
    hold = Hold()

    async def fail_then(request: StepRequest) -> StepResult:
        await hold.begun.wait()
        return broken()

    job = a_job(a_step("a", next=("b", "c")), "b", "c", "d")
    async with working(storage, {"b": fail_then, "c": hold}) as place:
        ended = await place.run(await put_job(storage, job))
        rows = {row.step_id: row.status for row in await place.rows(ended)}
    assert ended.state is ExecutionState.FAILED
    assert rows == {"a": StepStatus.SUCCESS, "b": StepStatus.FAILED, "c": StepStatus.CANCELLED}
    assert hold.cancelled == 1


async def test_a_retry_that_waits_in_one_branch_does_not_hold_up_another(storage: Storage) -> None:
    hold = Hold()

    async def second_time(request: StepRequest) -> StepResult:
        if request.attempt == 2:
            hold.let_go.set()
            return done()
        return broken(retryable=True)

    retry = Retry(delays_seconds=(1.2,), jitter=0.0)
    job = a_job(a_step("a", next=("b", "c")), a_step("b", retry=retry), "c", "d")
    async with working(storage, {"b": second_time, "c": hold}) as place:
        assert (await place.run(await put_job(storage, job))).state is ExecutionState.SUCCESS


@pytest.mark.requirement("H5.6")
async def test_a_step_that_outlives_its_timeout_is_cancelled_and_retried(storage: Storage) -> None:
    async def slow_once(request: StepRequest) -> StepResult:
        return done() if request.attempt == 2 else await never(request)

    async with working(storage, {"a": slow_once}) as place:
        ended = await place.run(await put_job(storage, a_job(a_step("a", timeout_seconds=0.05, retry=SOON))))
        assert [row.kind for row in await place.rows(ended)] == ["timed_out", "succeeded"]


@pytest.mark.requirement("H5.6")
async def test_a_job_that_outlives_its_timeout_ends_as_timeout(storage: Storage) -> None:
    async with working(storage, {"b": never}) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b", "c", timeout_seconds=0.1)))
        assert ended.state is ExecutionState.TIMEOUT
        assert ended.failure is not None
        assert ended.failure.code == "timed_out"
        assert [row.step_id for row in await place.rows(ended)] == ["a", "b"]


@pytest.mark.requirement("H5.6")
async def test_steps_beside_each_other_use_the_jobs_time_once(storage: Storage) -> None:
    async def takes_a_while(request: StepRequest) -> StepResult:
        await asyncio.sleep(0.4)
        return done()

    names = ("b", "c", "d", "e", "f", "g", "h", "i")
    job = a_job(a_step("a", next=names), *names, "join", timeout_seconds=3.0)
    async with working(storage, dict.fromkeys(names, takes_a_while)) as place:
        assert (await place.run(await put_job(storage, job))).state is ExecutionState.SUCCESS


@pytest.mark.requirement("H5.6")
async def test_waits_for_retries_do_not_count_as_time_at_work(storage: Storage) -> None:
    clock = MovableClock()

    async def second_time(request: StepRequest) -> StepResult:
        return done() if request.attempt == 2 else broken(retryable=True)

    job = a_job(a_step("a", retry=Retry(delays_seconds=(1800.0,), jitter=0.0)), timeout_seconds=60.0)
    async with working(storage, {"a": second_time}, clock=clock) as place:
        execution = await place.start(await put_job(storage, job))
        await place.parked(execution)
        clock.advance(1800)
        assert (await place.end(execution)).state is ExecutionState.SUCCESS


async def test_an_output_over_64_kib_goes_to_the_object_store_and_reaches_the_next_step(storage: Storage) -> None:
    large = "é" * 40_000

    async def put_out(request: StepRequest) -> StepResult:
        return done(large)

    async def look(request: StepRequest) -> StepResult:
        return done(request.context.steps["a"].output == large)

    async with working(storage, {"a": put_out, "b": look}) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b")))
        first, second = await place.rows(ended)
        digest = hashlib.sha256(codec.encode(large)).hexdigest()
        assert (first.output, first.output_digest, first.output_size) == (None, digest, 80_002)
        assert second.output is not None
        assert codec.decode(second.output) is True
        assert await keys(place.outputs) == [digest]


async def test_an_output_of_exactly_64_kib_stays_in_the_row(storage: Storage) -> None:
    async def put_out(request: StepRequest) -> StepResult:
        return done("x" * ((64 << 10) - 2))

    async with working(storage, {"a": put_out}) as place:
        ended = await place.run(await put_job(storage, a_job("a")))
        [row] = await place.rows(ended)
        assert row.output_digest is None
        assert row.output_size == 64 << 10


@pytest.mark.requirement("H5.8")
async def test_a_job_that_allows_no_execution_beside_another_queues_them(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        stored = await put_job(storage, a_job("a"))
        executions = [await place.start(stored) for _ in range(3)]
        await place.busy(1)
        hold.let_go.set()
        assert {(await place.end(execution)).state for execution in executions} == {ExecutionState.SUCCESS}
        assert place.script.most == 1


@pytest.mark.requirement("H5.8")
async def test_however_many_executions_of_one_job_are_blocked_the_retry_of_another_is_found(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recover, "MOST_AT_ONCE", 2)
    hold = Hold()

    async def second_time(request: StepRequest) -> StepResult:
        return broken(retryable=True) if request.attempt == 1 else done()

    async with working(storage, {"slow": hold, "again": second_time}) as place:
        slow = await put_job(storage, a_job("slow", name="slow"))
        blocked = [await place.start(slow) for _ in range(5)]
        await hold.begun.wait()
        step = a_step("again", retry=Retry(delays_seconds=(1.5,), jitter=0.0))
        retried = await place.start(await put_job(storage, a_job(step, name="other")))
        assert (await place.end(retried)).state is ExecutionState.SUCCESS
        hold.let_go.set()
        assert {(await place.end(execution)).state for execution in blocked} == {ExecutionState.SUCCESS}


async def test_a_step_type_that_raises_is_a_failed_step_and_no_more(storage: Storage) -> None:
    async def raises(request: StepRequest) -> StepResult:
        raise TimeoutError("not ours")

    async with working(storage, {"a": raises}) as place:
        ended = await place.run(await put_job(storage, a_job("a")))
        assert ended.state is ExecutionState.FAILED
        assert ended.failure is not None
        assert ended.failure.code == "internal"


async def test_a_step_type_that_is_not_there_is_a_failed_step(storage: Storage) -> None:
    async with working(storage) as place:
        ended = await place.run(await put_job(storage, a_job(replace(a_step("a"), type="sftp"))))
        assert ended.failure is not None
        assert "sftp" in ended.failure.message


async def test_a_job_that_was_removed_fails_its_executions(storage: Storage, database_path: Path) -> None:
    async with working(storage) as place:
        stored = await put_job(storage, a_job("a"))
        with sqlite3.connect(database_path) as database:
            database.execute("DELETE FROM job_versions")
        ended = await place.run(stored)
        assert ended.failure is not None
        assert ended.failure.code == "definition_gone"


async def test_what_breaks_the_worker_itself_ends_one_execution_in_the_dead_letter(storage: Storage) -> None:
    async def unwritable(request: StepRequest) -> StepResult:
        return done(context=({"value": object()},))

    async with working(storage, {"a": unwritable}) as place:
        broken_one = await place.run(await put_job(storage, a_job("a")))
        assert broken_one.state is ExecutionState.DEAD_LETTER
        assert broken_one.failure is not None
        assert broken_one.failure.code == "internal"
        assert (await place.run(await put_job(storage, a_job("b", name="other")))).state is ExecutionState.SUCCESS


@pytest.mark.requirement("H5.6")
@pytest.mark.parametrize("retries", [0, 3])
async def test_a_step_that_ends_a_little_before_the_jobs_time_is_the_jobs_timeout(
    storage: Storage, retries: int
) -> None:
    async def early(request: StepRequest) -> StepResult:
        assert request.timeout_seconds is not None
        await asyncio.sleep(request.timeout_seconds * 0.95)
        return StepResult(kind="timed_out", failure=Failure("timed_out", "no answer"), retryable=True)

    async with working(storage, {"a": early}) as place:
        ended = await place.run(await put_job(storage, a_job("a", timeout_seconds=0.5, max_retries=retries)))
        assert (ended.state, len(await place.rows(ended))) == (ExecutionState.TIMEOUT, 1)
