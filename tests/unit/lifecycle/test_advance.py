"""Failures, retries, conditions and lost attempts, as the walk sees them (H5)."""

from __future__ import annotations

import pytest

from hengio.clock import SECOND
from hengio.lifecycle.advance import Walk
from hengio.model.execution import ExecutionState, StepStatus
from hengio.model.outcome import Failure
from hengio.model.policy import Retry
from tests.support.builders import NOON, a_context, a_job, a_step, run_of
from tests.support.walking import EVER, Walking, replayed


@pytest.mark.requirement("R11.2", "R11.4")
def test_what_a_step_puts_out_and_writes_is_there_for_the_next() -> None:
    walking = Walking(a_job("a", "b")).ok("a", {"rows": [1, 2]}, context={"region": "north"})
    walking.begin()
    assert walking.seen("b").steps["a"].output == {"rows": [1, 2]}
    assert walking.seen("b").variables == {"region": "north"}


@pytest.mark.requirement("R13.5", "H5.3")
def test_a_failure_that_may_not_be_retried_fails_the_job() -> None:
    walking = Walking(a_job("a", "b")).fails("a")
    assert (walking.state, walking.code) == (ExecutionState.FAILED, "broken")


@pytest.mark.requirement("R13.5", "H5.3")
def test_a_failure_that_may_be_retried_is_tried_again_max_retries_times_and_then_goes_to_the_dead_letter() -> None:
    walking = Walking(a_job("a", max_retries=2))
    for attempt in (1, 2):
        walking.fails("a", retryable=True)
        assert walking.state is None, attempt
    walking.fails("a", retryable=True)
    assert walking.begun == [("a", 1, 1), ("a", 1, 2), ("a", 1, 3)]
    assert (walking.state, walking.code) == (ExecutionState.DEAD_LETTER, "broken")


@pytest.mark.requirement("H5.3")
def test_a_retry_waits_until_it_is_due_and_the_walk_says_when() -> None:
    walking = Walking(a_job(a_step("a", retry=Retry(delays_seconds=(60.0,), jitter=0.0))))
    walking.fails("a", retryable=True, completed_at=NOON)
    due_at = NOON + 60 * SECOND
    assert walking.begin(by=due_at - 1) == []
    assert walking.walk.next_due(after=NOON) == due_at
    assert walking.begin(by=due_at) == ["a"]
    assert walking.walk.next_due(after=NOON) is None


def test_a_waiting_retry_does_not_take_another_branchs_turn() -> None:
    job = a_job("a", "b", "c", "d", max_parallel=1)
    walking = Walking(job).routes("a", "b", "c").fails("b", retryable=True, completed_at=NOON)
    assert walking.begin(by=NOON) == ["c"]


def test_on_failure_continue_goes_on_with_the_successor() -> None:
    walking = Walking(a_job(a_step("a", on_failure="continue", next="c"), "b", "c")).fails("a")
    assert walking.begin() == ["c"]
    assert walking.seen("c").steps["a"].fields["status"] == "failed"


def test_on_failure_may_name_the_step_that_deals_with_it() -> None:
    walking = Walking(a_job(a_step("a", on_failure="c"), "b", "c")).fails("a")
    assert walking.begin() == ["c"]
    assert walking.skipped == ["b"]
    assert walking.seen("c").steps["a"].fields["error"]["message"] == "step a is broken"


def test_on_failure_waits_for_the_last_retry() -> None:
    walking = Walking(a_job(a_step("a", on_failure="b"), "b", max_retries=1)).fails("a", retryable=True)
    assert walking.begin() == ["a"]
    assert walking.fails("a", retryable=True).begin() == ["b"]


@pytest.mark.requirement("R11.3")
def test_validation_errors_fail_the_job_and_are_told() -> None:
    failure = Failure("invalid", "2 error(s)", ["no date", "no airport"], retryable=False)
    walking = Walking(a_job("a", "b")).fails("a", failure=failure, kind="invalid")
    assert walking.walk.ended is not None
    assert walking.state is ExecutionState.FAILED
    assert walking.walk.ended.failure == failure


@pytest.mark.requirement("H3.14")
def test_a_step_whose_condition_is_false_is_passed_by() -> None:
    walking = Walking(a_job("a", "b")).ok("a", status=StepStatus.SKIPPED, kind="condition")
    assert walking.begin() == ["b"]
    assert walking.seen("b").steps["a"].fields["status"] == "skipped"
    assert walking.ok("b").state is ExecutionState.SUCCESS


@pytest.mark.requirement("H5.11", "H5.12")
def test_a_lost_attempt_counts_and_its_step_runs_again_at_once() -> None:
    walking = Walking(a_job("a", "b", max_retries=0)).loses("a")
    assert walking.begin(by=NOON + SECOND) == ["a"]
    assert walking.begun[-1] == ("a", 1, 2)


@pytest.mark.requirement("H5.12")
def test_of_more_branches_than_may_run_those_that_ran_are_lost_with_their_worker() -> None:
    job = a_job("a", "b", "b1", "b2", "c", "d", max_parallel=2)
    live = Walking(job).routes("a", "b", "c").routes("b", "b1", "b2")
    assert live.begin() == ["c", "b1"]
    walk = Walk(job, a_context())
    for run in live.rows:
        walk.catch_up(run)
        walk.record(run, run.output)
    assert [ready.step.id for ready in walk.at_hand(claim=1, by=EVER)] == ["b1", "c"], "b2 did not run yet"


@pytest.mark.requirement("H5.12")
def test_of_a_worker_that_was_lost_before_any_step_ended_what_it_began_with_is_lost() -> None:
    job = a_job("a", "b", "b1", "b2", "c", "d", max_parallel=2)
    walk = Walk(job, a_context())
    for run in Walking(job).routes("a", "b", "c").routes("b", "b1", "b2").rows:
        walk.catch_up(run)
        walk.record(run, run.output)
    assert [ready.step.id for ready in walk.at_hand(claim=2, by=EVER)] == ["b1", "b2"]


def test_what_a_worker_had_handed_back_is_given_out_again() -> None:
    job = a_job("a", "b", "c", "d")
    walk = Walk(job, a_context())
    for run in Walking(job).routes("a", "b", "c").ok("b").rows:
        walk.catch_up(run)
        walk.record(run, run.output)
    walk.put_back()
    assert [ready.step.id for ready in walk.ready(by=EVER)] == ["c"]


@pytest.mark.requirement("H5.12")
def test_on_crash_fail_fails_the_job_instead() -> None:
    walking = Walking(a_job(a_step("a", on_crash="fail"), "b")).loses("a", retryable=False)
    assert (walking.state, walking.code) == (ExecutionState.FAILED, "lost")


def test_nothing_runs_after_it_was_stopped_from_outside() -> None:
    walking = Walking(a_job("a", "b", "c")).routes("a", "b", "c")
    walking.begin()
    walking.walk.stop(ExecutionState.TIMEOUT, Failure("timed_out", "too late"))
    assert walking.walk.ready(by=EVER) == []
    assert sorted(walking.walk.take_stopped()) == ["0", "1"]
    walking.ok("b")
    assert (walking.state, walking.code) == (ExecutionState.TIMEOUT, "timed_out")


def test_a_row_that_was_taken_in_already_changes_nothing() -> None:
    walking = Walking(a_job("a", "b", "c")).ok("a")
    walking.walk.record(walking.rows[0], None)
    assert walking.begin() == ["b"]


def test_a_row_of_a_cancelled_sibling_changes_nothing_on_replay() -> None:
    job = a_job(a_step("a", on_failure="d"), "b", "c", "d", "e")
    live = Walking(job).routes("a", "b", "c")
    live.begin()
    late = run_of(live.out["c"], status=StepStatus.CANCELLED, kind="cancelled", sequence=9)
    live.fails("b")
    assert replayed(job, [*live.rows, late]).begin() == ["d"]
