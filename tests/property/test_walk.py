"""Any job, any outcomes: a walk ends, runs nothing twice, and is a function of the journal's rows alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from hengio import codec
from hengio.codec import Raw
from hengio.definition.context import Context
from hengio.lifecycle.advance import Ready, Walk
from hengio.model.execution import StepRun, StepStatus
from hengio.model.job import Job
from tests.support.builders import a_context, a_job, a_step, failed_run, run_of
from tests.support.flows import jobs
from tests.support.walking import EVER

LONGEST = 3_000
Key = tuple[str, int, int]
Position = tuple[str, Key, int, str]


@st.composite
def ends(draw: st.DrawFn, ready: Ready, job: Job) -> StepRun:
    """Any way in which that step run may end."""
    ids = [step.id for step in job.steps]
    how = draw(st.sampled_from(["ok", "ok", "routed", "failed", "retryable", "skipped", "lost"]))
    match how:
        case "ok":
            wrote = {ready.step.id: ready.visit, "last": ready.step.id}
            return run_of(ready, output=ready.visit, context=Raw(codec.encode([wrote])))
        case "routed":
            targets = draw(st.lists(st.sampled_from([*ids, "nowhere"]), max_size=3).map(tuple))
            return run_of(ready, routing=targets, then=draw(st.one_of(st.none(), st.sampled_from(ids))))
        case "skipped":
            return run_of(ready, status=StepStatus.SKIPPED, kind="condition")
        case "lost":
            return failed_run(ready, code="lost", status=StepStatus.LOST, kind="lost", retryable=ready.attempt < 3)
        case _:
            return failed_run(ready, retryable=how == "retryable")


@dataclass
class Drive:
    """A walk driven by random ends, and everything that was seen on the way."""

    job: Job
    data: st.DataObject
    rows: list[StepRun] = field(default_factory=list)
    begun: list[Key] = field(default_factory=list)
    out: dict[str, Ready] = field(default_factory=dict)
    positions: list[list[Position]] = field(default_factory=list)

    def run(self) -> Walk:
        """To the end."""
        walk = Walk(self.job, a_context())
        while True:
            for ready in walk.ready(by=EVER):
                assert ready.branch not in self.out, "a branch runs one step at a time"
                self.out[ready.branch] = ready
                self.begun.append((ready.step.id, ready.visit, ready.attempt))
            assert len(self.out) <= self.job.max_parallel
            if walk.over():
                return walk
            assert self.out, "a walk that is not over has something to run"
            assert len(self.rows) < LONGEST, "every walk ends"
            self.positions.append(positions(self.out.values()))
            branch = self.data.draw(st.sampled_from(sorted(self.out)))
            row = self.data.draw(ends(self.out.pop(branch), self.job))
            self.rows.append(row)
            walk.record(row, row.output)
            for stopped in walk.take_stopped():
                del self.out[stopped]


def replay(job: Job, rows: list[StepRun]) -> Walk:
    walk = Walk(job, a_context())
    for row in rows:
        walk.record(row, row.output)
    return walk


def positions(given_out: Iterable[Ready]) -> list[Position]:
    """Where branches stand, and all that their steps can see."""
    return sorted(
        (ready.branch, (ready.step.id, ready.visit, ready.attempt), ready.due_at, seen(ready.context))
        for ready in given_out
    )


def seen(context: Context) -> str:
    outputs = {step_id: entry.output for step_id, entry in sorted(context.steps.items())}
    return repr((sorted(context.variables.items()), outputs))


@settings(max_examples=300)
@given(jobs(), st.data())
def test_every_walk_ends_and_no_step_run_is_given_out_twice(job: Job, data: st.DataObject) -> None:
    drive = Drive(job, data)
    walk = drive.run()
    assert walk.ended is not None
    assert len(drive.begun) == len(set(drive.begun))
    for step in job.steps:
        visits = {visit for step_id, visit, _ in drive.begun if step_id == step.id}
        assert all(visit <= step.max_visits for visit in visits)


@settings(max_examples=200)
@given(jobs(), st.data())
def test_the_rows_up_to_any_moment_put_a_fresh_walk_where_the_live_one_was(job: Job, data: st.DataObject) -> None:
    job = replace(job, max_parallel=LONGEST)
    drive = Drive(job, data)
    live = drive.run()
    for count, at_the_time in enumerate(drive.positions):
        fresh = replay(job, drive.rows[:count])
        assert positions(fresh.ready(by=EVER)) == at_the_time
        assert not fresh.over()
    again = replay(job, drive.rows)
    assert again.ended == live.ended
    assert seen(again.root.context) == seen(live.root.context)


@settings(max_examples=150)
@given(jobs(), st.data())
def test_a_worker_that_takes_over_runs_what_was_running_and_nothing_that_is_done(job: Job, data: st.DataObject) -> None:
    drive = Drive(job, data)
    drive.run()
    count = data.draw(st.integers(0, len(drive.positions) - 1))
    done = {(row.step_id, row.visit, row.attempt) for row in drive.rows[:count]}
    offered = positions(replay(replace(job, max_parallel=LONGEST), drive.rows[:count]).ready(by=EVER))
    assert not {key for _, key, _, _ in offered} & done
    assert all(running in offered for running in drive.positions[count])


@settings(max_examples=150)
@given(jobs(), st.data())
def test_rows_taken_in_twice_change_nothing(job: Job, data: st.DataObject) -> None:
    drive = Drive(job, data)
    live = drive.run()
    twice = replay(job, [row for row in drive.rows for _ in range(2)])
    assert twice.ended == live.ended


@settings(max_examples=200)
@given(st.integers(2, 5), st.data())
def test_branches_in_any_order_give_the_join_the_same_context(branches: int, data: st.DataObject) -> None:
    names = [f"b{number}" for number in range(branches)]
    job = a_job(a_step("router", next=tuple(names)), *names, "join")
    contexts = []
    for _ in range(2):
        walk = Walk(job, a_context())
        [router] = walk.ready(by=EVER)
        walk.record(run_of(router), None)
        for ready in data.draw(st.permutations(walk.ready(by=EVER))):
            assert "join" not in [given_out.step.id for given_out in walk.ready(by=EVER)]
            wrote = {"last": ready.step.id, ready.step.id: 1}
            row = run_of(ready, output=ready.step.id, context=Raw(codec.encode([wrote])))
            walk.record(row, row.output)
        [join] = walk.ready(by=EVER)
        assert join.step.id == "join"
        contexts.append((join.context.variables, {key: entry.output for key, entry in join.context.steps.items()}))
    assert contexts[0] == contexts[1]
    assert contexts[0][0]["last"] == names[-1]
