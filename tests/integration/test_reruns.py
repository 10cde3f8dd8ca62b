"""Running an execution again from where it failed: what was done stays done (H5.4, H5.9)."""

from __future__ import annotations

import pytest

from hengio import codec
from hengio.errors import Conflict, NotFound, Refused
from hengio.model.execution import Execution, ExecutionState
from hengio.model.outcome import Failure
from hengio.model.policy import Retry
from hengio.service.executions import Again
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Storage
from tests.support.builders import a_job, a_step
from tests.support.clock import MovableClock
from tests.support.storages import put_job
from tests.support.workplace import Hold, Workplace, done, working

NONE = Retry(max_retries=0)


class Broken:
    """A step that fails until it is mended."""

    def __init__(self) -> None:
        self.mended = False

    async def __call__(self, request: StepRequest) -> StepResult:
        if self.mended:
            return done({"input": request.context.base["input"], "a": request.context.steps["a"].output})
        return StepResult(kind="failed", failure=Failure("away", "away"), retryable=True)


async def again(place: Workplace, execution: Execution, how: Again | None = None) -> Execution:
    place.script.begun.clear()
    return await place.end(await place.executions.rerun(execution.id, how or Again(), by="me"))


async def dead(place: Workplace, storage: Storage) -> Execution:
    ended = await place.run(await put_job(storage, a_job("a", a_step("b", retry=NONE), "c")), given={"day": 1})
    assert ended.state is ExecutionState.DEAD_LETTER
    return ended


@pytest.mark.requirement("H5.4", "H5.9")
async def test_a_dead_letter_is_redriven_from_the_step_that_failed(storage: Storage) -> None:
    step = Broken()
    async with working(storage, {"b": step}) as place:
        ended = await dead(place, storage)
        step.mended = True
        new = await again(place, ended)
        assert place.script.begun == [("b", 1, 1), ("c", 1, 1)]
        assert (new.state, new.root_id, new.rerun_of) == (ExecutionState.SUCCESS, ended.id, ended.id)
        rows = {row.step_id: row for row in await place.rows(new)}
        assert list(rows) == ["a", "b", "c"]
        assert rows["b"].output is not None
        assert codec.decode(rows["b"].output) == {"input": {"day": 1}, "a": "a"}


@pytest.mark.requirement("H3.8", "H5.9")
async def test_a_rerun_on_another_day_has_the_date_of_the_first_execution(storage: Storage) -> None:
    clock, step, dates = MovableClock(), Broken(), []

    async def dated(request: StepRequest) -> StepResult:
        dates.append(request.context.base["execution_date"])
        return done("a")

    async with working(storage, {"a": dated, "b": step}, clock=clock) as place:
        ended = await dead(place, storage)
        for _ in range(2):
            clock.advance(86_400)
            ended = await again(place, ended, Again(whole=True))
    assert len(dates) == 3
    assert len(set(dates)) == 1


@pytest.mark.requirement("H5.4")
async def test_dead_letters_of_a_deleted_job_are_found_and_not_among_those_that_can_be_redriven(
    storage: Storage,
) -> None:
    async with working(storage, {"b": Broken()}) as place:
        for number in range(2):
            gone = await dead(place, storage)
            await storage.jobs.delete(gone.job_id, at=number)
        stays = await dead(place, storage)
        assert await place.executions.job_id("job") == stays.job_id
        await storage.jobs.delete(stays.job_id, at=3)
        with pytest.raises(Refused, match="3 jobs called 'job' were deleted"):
            await place.executions.job_id("job")
        assert await place.executions.job_id(gone.job_id) == gone.job_id
        [found] = await place.executions.dead_letters(job_id=gone.job_id, limit=5)
        assert found.id == gone.id
        assert await place.executions.dead_letters(living=True, limit=5) == []
        with pytest.raises(NotFound):
            await place.executions.job_id("nothing")


@pytest.mark.requirement("H5.4")
async def test_the_input_of_a_dead_letter_can_be_edited(storage: Storage) -> None:
    step = Broken()
    async with working(storage, {"b": step}) as place:
        ended = await dead(place, storage)
        step.mended = True
        new = await again(place, ended, Again(given={"day": 2}))
        [_, row, _] = await place.rows(new)
        assert row.output is not None
        assert codec.decode(row.output)["input"] == {"day": 2}


@pytest.mark.requirement("H5.4")
async def test_many_are_redriven_and_what_can_not_be_is_told(storage: Storage) -> None:
    step = Broken()
    async with working(storage, {"b": step}) as place:
        first, second = await dead(place, storage), await dead(place, storage)
        step.mended = True
        told = await place.executions.redrive([first.id, "nothing", second.id, first.id], Again(), by="me")
        assert [one.problem for one in told] == [
            None,
            "there is no execution 'nothing'",
            None,
            f"dead letter '{first.id}' was redriven as '{told[0].redriven_as}'",
        ]
        assert await place.executions.dead_letters(limit=10) == []


@pytest.mark.requirement("H5.9")
async def test_a_rerun_on_the_latest_definition_runs_what_is_new_and_keeps_what_was_done(storage: Storage) -> None:
    step = Broken()
    async with working(storage, {"b": step}) as place:
        ended = await dead(place, storage)
        await put_job(storage, a_job("new", "a", "also", a_step("b"), "c"))
        step.mended = True
        new = await again(place, ended, Again(latest=True))
        assert (new.state, new.job_version) == (ExecutionState.SUCCESS, 2)
        assert [name for name, _, _ in place.script.begun] == ["new", "also", "b", "c"]


@pytest.mark.requirement("H5.9", "H3.15")
async def test_a_rerun_keeps_the_definition_it_had_unless_asked(storage: Storage) -> None:
    step = Broken()
    async with working(storage, {"b": step}) as place:
        ended = await dead(place, storage)
        await put_job(storage, a_job("new", "a", "b", "c"))
        step.mended = True
        assert (await again(place, ended)).job_version == 1
        assert [name for name, _, _ in place.script.begun] == ["b", "c"]


@pytest.mark.requirement("H5.9", "H5.2")
async def test_a_rerun_that_is_taken_over_by_another_worker_goes_on_where_it_was(storage: Storage) -> None:
    step, hold = Broken(), Hold()
    async with working(storage, {"b": step, "also": hold}) as place:
        ended = await dead(place, storage)
        await put_job(storage, a_job("new", "a", "also", "b", "c"))
        rerun = await place.executions.rerun(ended.id, Again(latest=True), by="me")
        await hold.begun.wait()
    step.mended = True
    async with working(storage, {"b": step}, outputs=place.outputs) as place:
        assert (await place.end(rerun)).state is ExecutionState.SUCCESS
        assert [name for name, _, _ in place.script.begun] == ["also", "b", "c"]


@pytest.mark.requirement("H5.9")
async def test_a_success_can_be_run_again_from_any_step(storage: Storage) -> None:
    async with working(storage) as place:
        ended = await place.run(await put_job(storage, a_job("a", "b", "c")))
        assert (await again(place, ended, Again(from_step="b"))).state is ExecutionState.SUCCESS
        assert [name for name, _, _ in place.script.begun] == ["b", "c"]
        assert (await again(place, ended)).state is ExecutionState.SUCCESS
        assert [name for name, _, _ in place.script.begun] == ["a", "b", "c"]


async def test_a_fan_out_goes_on_with_the_branch_that_failed(storage: Storage) -> None:
    step = Broken()
    job = a_job("a", a_step("r", next=("x", "b")), "x", a_step("b", retry=NONE), "join")
    async with working(storage, {"b": step}) as place:
        ended = await place.run(await put_job(storage, job))
        assert ended.state is ExecutionState.DEAD_LETTER
        step.mended = True
        new = await again(place, ended)
        assert new.state is ExecutionState.SUCCESS
        names = [name for name, _, _ in place.script.begun]
        assert names[-2:] == ["b", "join"]
        assert "a" not in names and "r" not in names


@pytest.mark.requirement("H5.9")
async def test_a_rerun_of_a_rerun_keeps_the_root(storage: Storage) -> None:
    step = Broken()
    async with working(storage, {"b": step}) as place:
        first = await dead(place, storage)
        second = await again(place, first)
        assert second.state is ExecutionState.DEAD_LETTER
        step.mended = True
        third = await again(place, second)
        assert (third.root_id, third.rerun_of) == (first.id, second.id)
        assert [name for name, _, _ in place.script.begun] == ["b", "c"]


async def test_what_runs_can_not_be_rerun(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"a": hold}) as place:
        execution = await place.start(await put_job(storage, a_job("a")))
        await hold.begun.wait()
        with pytest.raises(Conflict, match="is not over: running"):
            await place.executions.rerun(execution.id, Again(), by="me")


async def test_where_an_execution_stands_can_be_seen(storage: Storage) -> None:
    hold = Hold()
    async with working(storage, {"b": hold}) as place:
        execution = await place.start(await put_job(storage, a_job("a", "b")))
        await hold.begun.wait()
        shown = await place.executions.show(execution.id)
        assert [(one.step_id, one.attempt) for one in shown.standing] == [("b", 1)]
        assert (shown.name, [run.step_id for run in shown.runs]) == ("job", ["a"])


async def test_a_job_that_is_disabled_or_gone_is_not_run_again(storage: Storage) -> None:
    async with working(storage) as place:
        ended = await place.run(await put_job(storage, a_job("a")))
        await storage.jobs.enable(ended.job_id, enabled=False, at=0)
        with pytest.raises(Conflict, match="is disabled"):
            await place.executions.rerun(ended.id, Again(), by="me")
        await storage.jobs.delete(ended.job_id, at=0)
        with pytest.raises(Conflict, match="was deleted"):
            await place.executions.rerun(ended.id, Again(), by="me")
