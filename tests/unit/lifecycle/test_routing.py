"""What follows a step (ABI: Routing), one sentence of the contract after another."""

from __future__ import annotations

import pytest

from hengio.lifecycle.routing import Go, Split, decided, successor
from hengio.model.execution import ExecutionState
from hengio.model.outcome import Failure
from hengio.model.policy import FanOut
from tests.support.builders import a_context, a_job, a_step
from tests.support.walking import Walking, replayed

ABCDE = ("a", "b", "c", "d", "e")


@pytest.mark.requirement("R11.5")
def test_steps_run_in_definition_order() -> None:
    walking = Walking(a_job("a", "b", "c"))
    for step_id in "abc":
        assert walking.begin() == [step_id]
        walking.ok(step_id)
    assert walking.state is ExecutionState.SUCCESS


def test_next_names_the_successor() -> None:
    walking = Walking(a_job(a_step("a", next="c"), "b", "c")).ok("a")
    assert walking.begin() == ["c"]


def test_next_end_ends_the_job() -> None:
    walking = Walking(a_job(a_step("a", next="end"), "b")).ok("a")
    assert walking.state is ExecutionState.SUCCESS


@pytest.mark.requirement("R12.2")
def test_a_decision_for_one_step_replaces_the_successor() -> None:
    walking = Walking(a_job(a_step("a", next="b"), "b", "c", "d")).routes("a", "c")
    assert walking.begin() == ["c"]


@pytest.mark.requirement("R12.2")
def test_the_job_goes_on_from_the_step_it_was_routed_to() -> None:
    walking = Walking(a_job("a", "b", "c", "d")).routes("a", "c").ok("c")
    assert walking.begin() == ["d"]


def test_a_decision_holds_for_this_execution_only() -> None:
    job = a_job("a", "b", "c")
    Walking(job).routes("a", "c")
    assert Walking(job).ok("a").begin() == ["b"]


@pytest.mark.requirement("R12.2")
def test_going_back_is_a_new_visit() -> None:
    walking = Walking(a_job("a", "b")).ok("a").routes("b", "a")
    assert walking.begin() == ["a"]
    assert walking.begun[-1] == ("a", 2, 1)


def test_a_step_may_run_max_visits_times() -> None:
    walking = Walking(a_job(a_step("a", max_visits=2), "b"))
    walking.ok("a").routes("b", "a").ok("a")
    assert walking.state is None
    walking.routes("b", "a")
    assert (walking.state, walking.code) == (ExecutionState.FAILED, "max_visits")


def test_max_visits_is_a_hundred_unless_the_step_says_otherwise() -> None:
    walking = Walking(a_job("a", "b"))
    for _ in range(99):
        walking.routes("a", "a")
    assert walking.state is None
    assert walking.routes("a", "a").code == "max_visits"


@pytest.mark.requirement("R12.4")
def test_a_decision_for_no_step_ends_the_job_successfully() -> None:
    walking = Walking(a_job("a", "b", "c")).routes("a")
    assert walking.state is ExecutionState.SUCCESS
    assert walking.skipped == ["b", "c"]


@pytest.mark.requirement("R12.3")
def test_several_targets_run_at_once() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c", "d")
    assert walking.begin() == ["b", "c", "d"]


@pytest.mark.requirement("R12.3")
def test_branches_meet_at_the_first_step_after_the_last_target() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c").ok("b")
    assert walking.begin() == ["c"], "the join waits for every branch"
    walking.ok("c")
    assert walking.begin() == ["d"]


@pytest.mark.requirement("R12.3")
def test_a_branch_follows_its_own_successors_until_the_join() -> None:
    walking = Walking(a_job("a", "b", "b2", "c", "d")).routes("a", "b", "c").ok("b")
    assert walking.begin() == ["c", "b2"]
    walking.ok("b2").ok("c")
    assert walking.begin() == ["d"]


def test_then_names_the_join() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c", then="e").ok("b").ok("c")
    assert walking.begin() == ["d"], "d lies between the last target and the join, so a branch runs it"
    walking.ok("d")
    assert walking.begin() == ["e"]


def test_another_target_ends_a_branch() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c").ok("b")
    assert [begun for begun in walking.begun if begun[0] == "c"] == [("c", 1, 1)]
    walking.ok("c").begin()
    assert [begun for begun in walking.begun if begun[0] == "c"] == [("c", 1, 1)]


def test_one_target_with_then_is_a_branch_that_meets_there() -> None:
    assert decided(a_job(*ABCDE), a_step("a"), targets=("b",), then="e") == Split(("b",), "e")


def test_targets_start_branches_in_definition_order_whatever_the_order_they_are_named_in() -> None:
    assert decided(a_job(*ABCDE), a_step("a"), targets=("c", "b"), then=None) == Split(("b", "c"), "d")


def test_branches_that_reach_the_last_step_meet_at_the_end_of_the_job() -> None:
    walking = Walking(a_job("a", "b", "c")).routes("a", "b", "c").ok("c").ok("b")
    assert walking.state is ExecutionState.SUCCESS


def test_a_list_in_next_is_a_fan_out_of_the_definition() -> None:
    walking = Walking(a_job(a_step("a", next=("b", "c"), then="e"), *"bcde")).ok("a")
    assert walking.begin() == ["b", "c"]


def test_a_fan_out_inside_a_branch_meets_before_its_branch_goes_on() -> None:
    job = a_job("a", "b", "b1", "b2", "b3", "c", "d")
    walking = Walking(job).routes("a", "b", "c").routes("b", "b1", "b2").ok("b1").ok("c")
    assert walking.begin() == ["b2"]
    walking.ok("b2")
    assert walking.begin() == ["b3"]
    walking.ok("b3")
    assert walking.begin() == ["d"]


def test_branches_of_an_inner_fan_out_end_at_the_targets_of_the_outer_one() -> None:
    job = a_job("a", "b", "b1", "b2", "c", "d")
    walking = Walking(job).routes("a", "b", "c").routes("b", "b1", "b2").ok("b1").ok("b2")
    assert walking.begin() == ["c"], "after b2 the inner join is c, where the branch is over"
    walking.ok("c")
    assert walking.begin() == ["d"]


def test_a_target_of_the_outer_fan_out_ends_a_branch_of_the_inner_one() -> None:
    job = a_job("a", "b", "b1", "b2", "b3", "c", "d")
    walking = Walking(job).routes("a", "b", "c").routes("b", "b1", "b2").routes("b1", "c")
    assert walking.begin() == ["c", "b2"]
    assert [begun for begun in walking.begun if begun[0] == "c"] == [("c", 1, 1)]
    walking.ok("b2")
    assert walking.begin() == ["c", "b3"]


@pytest.mark.requirement("R12.3")
def test_no_more_branches_run_at_once_than_the_job_allows() -> None:
    walking = Walking(a_job(*ABCDE, max_parallel=2)).routes("a", "b", "c", "d")
    assert walking.begin() == ["b", "c"]
    walking.ok("b")
    assert walking.begin() == ["c", "d"]


def test_the_join_runs_once() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c", "d").ok("d").ok("b").ok("c").ok("e")
    assert walking.begun.count(("e", 1, 1)) == 1
    assert walking.state is ExecutionState.SUCCESS


def test_branches_read_the_context_as_of_the_fork() -> None:
    walking = Walking(a_job(*ABCDE), a_context(colour="red")).routes("a", "b", "c")
    walking.begin()
    walking.ok("b", {"n": 1}, context={"colour": "blue"})
    assert walking.seen("c").variables == {"colour": "red"}
    assert "b" not in walking.seen("c").steps


def test_a_branch_reads_its_own_writes() -> None:
    walking = Walking(a_job("a", "b", "b2", "c", "d")).routes("a", "b", "c").ok("b", {"n": 1}, context={"x": 1})
    walking.begin()
    assert walking.seen("b2").variables == {"x": 1}
    assert walking.seen("b2").steps["b"].output == {"n": 1}


def test_what_branches_write_merges_at_the_join_in_definition_order() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c")
    walking.ok("c", context={"x": "c", "c": 1}).ok("b", context={"x": "b", "b": 1})
    walking.begin()
    assert walking.seen("d").variables == {"x": "c", "b": 1, "c": 1}, "c is later in the definition, so it wins"


@pytest.mark.requirement("R11.2")
def test_the_join_sees_what_every_branch_put_out() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c").ok("c", "from c").ok("b", "from b")
    walking.begin()
    assert {name: walking.seen("d").steps[name].output for name in "bc"} == {"b": "from b", "c": "from c"}


def test_a_retry_is_its_own_branchs_affair() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c").fails("b", retryable=True)
    assert walking.begin() == ["c", "b"]
    assert walking.begun[-1] == ("b", 1, 2)


@pytest.mark.requirement("R13.5")
def test_a_failed_branch_cancels_its_siblings_and_fails_the_router() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "b", "c").fails("b")
    assert walking.out == {}, "c was told to stop"
    assert (walking.state, walking.code) == (ExecutionState.FAILED, "broken")


def test_the_failure_of_a_branch_that_was_retried_in_vain_goes_to_the_dead_letter() -> None:
    walking = Walking(a_job(*ABCDE, max_retries=0)).routes("a", "b", "c").fails("b", retryable=True)
    assert walking.state is ExecutionState.DEAD_LETTER


def test_on_failure_wait_lets_siblings_finish_first() -> None:
    job = a_job(a_step("a", fan_out=FanOut(on_failure="wait")), *"bcde")
    walking = Walking(job).routes("a", "b", "c").fails("b")
    assert walking.begin() == ["c"]
    walking.ok("c")
    assert (walking.state, walking.code) == (ExecutionState.FAILED, "broken")


def test_a_failed_inner_fan_out_cancels_the_outer_siblings_and_their_branches() -> None:
    job = a_job("a", "b", "b1", "b2", "b3", "c", "c1", "c2", "c3", "d")
    walking = Walking(job).routes("a", "b", "c", then="d").routes("b", "b1", "b2").routes("c", "c1", "c2")
    assert walking.begin() == ["b1", "b2", "c1", "c2"]
    walking.fails("c2")
    assert walking.out == {}
    assert walking.state is ExecutionState.FAILED


def test_on_failure_continue_of_a_branchs_step_counts_as_done() -> None:
    job = a_job("a", a_step("b", on_failure="continue"), "c", "d")
    walking = Walking(job).routes("a", "b", "c").fails("b").ok("c")
    assert walking.begin() == ["d"]


def test_on_failure_continue_of_the_router_goes_on_at_the_join() -> None:
    job = a_job(a_step("a", on_failure="continue"), *"bcde")
    walking = Walking(job).routes("a", "b", "c").fails("b")
    assert walking.begin() == ["d"]


def test_on_failure_of_the_router_may_name_the_step_that_deals_with_it() -> None:
    job = a_job(a_step("a", on_failure="e"), *"bcde")
    walking = Walking(job).routes("a", "b", "c").ok("c", "kept").fails("b")
    assert walking.begin() == ["e"]
    assert walking.seen("e").steps["b"].fields["error"]["code"] == "broken"
    assert walking.seen("e").steps["c"].output == "kept"
    assert walking.skipped == ["d"], "b and c did run"


def test_what_ran_in_a_branch_that_was_cancelled_inside_a_fan_out_is_kept_and_not_told_as_skipped() -> None:
    job = a_job(a_step("a", on_failure="e"), "b", "b1", "b2", "c", "d", "e")
    walking = Walking(job).routes("a", "b", "c").routes("b", "b1", "b2").ok("b1", "kept", context={"x": 1}).fails("c")
    assert walking.begin() == ["e"]
    assert walking.seen("e").steps["b1"].output == "kept"
    assert walking.seen("e").variables == {"x": 1}
    assert walking.skipped == ["b2", "d"]


def test_steps_jumped_over_are_skipped() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "d")
    assert walking.skipped == ["b", "c"]
    walking.begin()
    assert walking.seen("d").steps["b"].fields["status"] == "skipped"
    assert walking.seen("d").steps["b"].raw is None


def test_a_step_that_ran_before_is_not_skipped_when_it_is_jumped_over() -> None:
    walking = Walking(a_job(*ABCDE)).ok("a").ok("b").routes("c", "a").routes("a", "d")
    assert walking.skipped == []


def test_steps_no_branch_ran_are_skipped_at_the_join() -> None:
    walking = Walking(a_job(*ABCDE)).routes("a", "c", "d").ok("c")
    assert walking.skipped == []
    walking.ok("d")
    assert walking.skipped == ["b"]


def test_a_step_one_branch_passes_by_and_another_runs_is_not_skipped() -> None:
    job = a_job("a", a_step("b", next="x"), a_step("c", next="y"), a_step("x", next="d"), a_step("y", next="d"), "d")
    walking = Walking(job).routes("a", "b", "c", then="d")
    walking.ok("b").ok("x", "of x").ok("c").ok("y").begin()
    assert walking.skipped == []
    assert walking.seen("d").steps["x"].output == "of x"


def test_a_decision_for_no_step_inside_a_branch_ends_that_branch() -> None:
    walking = Walking(a_job("a", "b", "b2", "c", "d")).routes("a", "b", "c").routes("b").ok("c")
    assert walking.begin() == ["d"]
    assert walking.skipped == ["b2"]


@pytest.mark.requirement("R12.5")
@pytest.mark.parametrize(
    ("targets", "then", "says"),
    [
        (("nowhere",), None, "routes to 'nowhere', which this job does not have"),
        (("c", "nowhere"), None, "routes to 'nowhere', which this job does not have"),
        (("c",), "nowhere", "routes to 'nowhere', which this job does not have"),
        (("c",), "", "routes to '', which this job does not have"),
        (("c", "c"), None, "routes to 'c' more than once"),
        (("a", "c"), None, "fans out to 'a', which does not come after it"),
        (("b", "c"), None, "fans out to 'b', which does not come after it"),
        (("c", "d"), "d", "both as a target and as the step where branches meet"),
        (("end", "c"), None, "routes to 'end', which this job does not have"),
    ],
)
def test_an_invalid_decision_fails_the_job_and_lists_the_valid_ids(
    targets: tuple[str, ...], then: str | None, says: str
) -> None:
    walking = Walking(a_job(*ABCDE)).ok("a").routes("b", *targets, then=then)
    assert walking.walk.ended is not None
    failure = walking.walk.ended.failure
    assert walking.state is ExecutionState.FAILED
    assert failure is not None
    assert failure.code == "invalid_routing"
    assert says in failure.message
    assert failure.details == {"valid_steps": list(ABCDE)}


@pytest.mark.requirement("R12.5")
def test_a_module_that_gives_both_keys_fails_the_job_with_the_valid_ids_whatever_its_on_failure() -> None:
    walking = Walking(a_job(a_step("a", on_failure="continue"), "b")).fails("a", code="invalid_routing", retryable=True)
    assert walking.walk.ended is not None
    assert walking.walk.ended.failure is not None
    assert walking.walk.ended.failure.code == "invalid_routing"
    assert walking.walk.ended.failure.details == {"valid_steps": ["a", "b"]}


def test_the_word_end_alone_is_a_decision_to_end() -> None:
    assert Walking(a_job(*ABCDE)).routes("a", "end").state is ExecutionState.SUCCESS


def test_a_fan_out_in_the_definition_is_judged_like_a_decision() -> None:
    job = a_job(*ABCDE)
    assert isinstance(successor(job, a_step("b", next=("a", "c"))), Failure)
    assert successor(job, a_step("b", next=("d",))) == Go("d")


def test_branch_positions_come_back_from_the_rows() -> None:
    job = a_job("a", "b", "b1", "b2", "b3", "c", "d")
    live = Walking(job).routes("a", "b", "c").routes("b", "b1", "b2").ok("b2").fails("c", retryable=True)
    again = replayed(job, live.rows)
    assert sorted(again.begin()) == ["b1", "c"]
    assert [ready.attempt for ready in again.out.values()] == [1, 2]
