"""What a rerun keeps: everything but the steps for which the execution did not succeed (H5.9)."""

from __future__ import annotations

import pytest

from hengio.errors import Refused
from hengio.lifecycle.rerun import copied, kept
from hengio.model.execution import ExecutionState
from hengio.model.policy import FanOut, Retry
from tests.support.builders import a_job, a_run, a_step
from tests.support.walking import Walking

NO_RETRY = Retry(max_retries=0)


def keys(walking: Walking, **how: str) -> list[tuple[str, int, int]]:
    runs = kept(walking.walk.job, walking.rows, **how)
    return [(run.step_id, run.visit, run.attempt) for run in runs]


@pytest.mark.requirement("H5.9")
def test_what_ended_before_the_failed_step_is_kept() -> None:
    walking = Walking(a_job("a", "b", a_step("c", retry=NO_RETRY))).ok("a").ok("b").fails("c", retryable=True)
    assert walking.state is ExecutionState.DEAD_LETTER
    assert keys(walking) == [("a", 1, 1), ("b", 1, 1)]


@pytest.mark.requirement("H5.9")
def test_all_attempts_of_the_failed_step_are_spent_anew() -> None:
    job = a_job("a", a_step("b", retry=Retry(max_retries=1)))
    walking = Walking(job).ok("a").fails("b", retryable=True).fails("b", retryable=True)
    assert keys(walking) == [("a", 1, 1)]


def test_retries_of_a_step_that_then_succeeded_are_kept_with_it() -> None:
    job = a_job(a_step("a", retry=Retry(max_retries=1)), "b")
    walking = Walking(job).fails("a", retryable=True).ok("a").fails("b")
    assert keys(walking) == [("a", 1, 1), ("a", 1, 2)]


def test_a_failure_that_was_handled_is_kept_so_that_the_way_is_the_same() -> None:
    job = a_job(a_step("a", on_failure="mend"), "b", "mend", "c")
    walking = Walking(job).fails("a").ok("mend").fails("c")
    assert keys(walking) == [("a", 1, 1), ("mend", 1, 1)]


def test_a_failure_that_was_passed_over_is_kept() -> None:
    walking = Walking(a_job(a_step("a", on_failure="continue"), "b")).fails("a").fails("b")
    assert keys(walking) == [("a", 1, 1)]


def test_a_step_whose_routing_was_refused_runs_again() -> None:
    walking = Walking(a_job("a", "b")).ok("a").routes("b", "nowhere")
    assert walking.code == "invalid_routing"
    assert keys(walking) == [("a", 1, 1)]


def test_of_a_fan_out_only_the_branches_that_failed_or_were_cancelled_run_again() -> None:
    job = a_job(a_step("r", next=("x", "y", "z")), "x", "y", "z", "join")
    walking = Walking(job).ok("r").ok("x").fails("y")
    assert keys(walking) == [("r", 1, 1), ("x", 1, 1)]


def test_where_siblings_were_waited_for_they_are_kept() -> None:
    job = a_job(a_step("r", next=("x", "y"), fan_out=FanOut(on_failure="wait")), "x", "y", "join")
    walking = Walking(job).ok("r").fails("x").ok("y")
    assert keys(walking) == [("r", 1, 1), ("y", 1, 1)]


def test_of_branches_that_were_waited_for_one_that_failed_runs_again_from_whichever_step() -> None:
    job = a_job(a_step("r", next=("x", "y"), fan_out=FanOut(on_failure="wait")), "x", "y", "join")
    walking = Walking(job).ok("r").fails("x").ok("y")
    assert keys(walking, from_step="y") == [("r", 1, 1)], "with the failure of x it would only fail again"


def test_a_branch_that_failed_before_the_execution_was_ended_from_outside_runs_again() -> None:
    job = a_job(a_step("r", next=("x", "y"), fan_out=FanOut(on_failure="wait")), "x", "y", "join")
    assert keys(Walking(job).ok("r").fails("x")) == [("r", 1, 1)]


def test_a_branch_that_failed_and_whose_router_would_have_gone_on_is_kept() -> None:
    job = a_job(
        a_step("r", next=("x", "y"), fan_out=FanOut(on_failure="wait"), on_failure="continue"), "x", "y", "join"
    )
    assert keys(Walking(job).ok("r").fails("x")) == [("r", 1, 1), ("x", 1, 1)]


def test_a_branch_that_failed_and_whose_router_goes_on_is_kept() -> None:
    job = a_job(a_step("r", next=("x", "y"), on_failure="continue"), "x", "y", "join")
    walking = Walking(job).ok("r").ok("x").fails("y").fails("join")
    assert keys(walking) == [("r", 1, 1), ("x", 1, 1), ("y", 1, 1)]


def test_branches_that_met_run_again_with_the_router_to_blame_for_a_visit_too_many() -> None:
    job = a_job(a_step("a", max_visits=1), a_step("r", next=("x", "y"), then="a"), "x", a_step("y", next="a"))
    walking = Walking(job).ok("a").ok("r").ok("x").ok("y")
    assert walking.code == "max_visits"
    assert keys(walking) == [("a", 1, 1)], "what x and y did follows from what r put out"


def test_a_step_whose_worker_was_lost_too_often_runs_again() -> None:
    walking = Walking(a_job("a", "b")).ok("a").loses("b").loses("b", retryable=False)
    assert keys(walking) == [("a", 1, 1)]


def test_of_an_execution_that_was_ended_from_outside_what_had_ended_is_kept() -> None:
    walking = Walking(a_job("a", "b", "c")).ok("a").ok("b")
    assert keys(walking) == [("a", 1, 1), ("b", 1, 1)]


def test_of_one_that_succeeded_nothing_is_kept() -> None:
    assert keys(Walking(a_job("a", "b")).ok("a").ok("b")) == []


@pytest.mark.requirement("H5.9")
def test_from_a_step_on_everything_runs_again() -> None:
    walking = Walking(a_job("a", "b", "c")).ok("a").ok("b").ok("c")
    assert keys(walking, from_step="b") == [("a", 1, 1)]
    assert keys(walking, from_step="a") == []


def test_from_a_step_in_a_branch_its_siblings_are_kept_and_the_join_is_not() -> None:
    job = a_job(a_step("r", next=("x", "y")), a_step("x", next="x2"), a_step("x2", next="join"), "y", "join", "end_")
    walking = Walking(job).ok("r").ok("x").ok("y").ok("x2").ok("join").ok("end_")
    assert keys(walking, from_step="x2") == [("r", 1, 1), ("x", 1, 1), ("y", 1, 1)]
    assert keys(walking, from_step="y") == [("r", 1, 1), ("x", 1, 1), ("x2", 1, 1)]
    assert keys(walking, from_step="r") == []


def test_of_several_visits_the_last_is_where_it_begins() -> None:
    walking = Walking(a_job("a", "b")).ok("a").routes("b", "a").ok("a").ok("b")
    assert keys(walking, from_step="a") == [("a", 1, 1), ("b", 1, 1)]


def test_a_step_that_did_not_run_is_refused_with_those_that_did() -> None:
    walking = Walking(a_job("a", "b")).fails("a")
    with pytest.raises(Refused, match="step 'b' did not run") as refused:
        keys(walking, from_step="b")
    assert refused.value.hint == "steps that did: a"


def test_a_kept_run_is_no_call_of_a_module() -> None:
    run = copied(a_run("a", module_id="m", claim=3), "new")
    assert (run.execution_id, run.claim, run.module_id) == ("new", 0, None)
