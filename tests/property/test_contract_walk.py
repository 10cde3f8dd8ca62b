"""Any job, any ends, any order, any crash, any rerun: the walk does what a naive reading of the contract says."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from hengio.lifecycle.rerun import kept
from hengio.model.execution import ExecutionState
from hengio.model.job import Job
from tests.support.flows import Plan, jobs, plans, success
from tests.support.lockstep import Lockstep, sequential

ORDERS = st.lists(st.integers(0, 11), min_size=1, max_size=12)
CRASHES = st.lists(st.sampled_from([False, False, False, True]), min_size=1, max_size=12).filter(
    lambda crashes: not all(crashes)
)


@pytest.mark.requirement("R12.2", "R12.3", "R12.5", "H5.3")
@settings(max_examples=500)
@given(jobs(most=8), plans(), ORDERS)
def test_whatever_happens_in_whichever_order_the_walk_does_what_the_contract_says(
    job: Job, plan: Plan, order: list[int]
) -> None:
    Lockstep(job, plan.end, order).run()


@pytest.mark.requirement("R12.3")
@settings(max_examples=300)
@given(jobs(most=8), plans(), ORDERS)
def test_branches_that_do_not_stop_each_other_come_to_the_same_in_any_order(
    job: Job, plan: Plan, order: list[int]
) -> None:
    one_by_one = Lockstep(job, plan.end)
    assume(one_by_one.run().orderly)
    assert one_by_one.history == sequential(job, plan.end)
    mixed = Lockstep(job, plan.end, order)
    mixed.run()
    assert mixed.history == one_by_one.history
    assert mixed.facts() == one_by_one.facts()


@pytest.mark.requirement("H5.2", "H5.11", "H5.12")
@settings(max_examples=400)
@given(jobs(most=8), plans(), ORDERS, CRASHES)
def test_a_worker_that_dies_at_any_moment_leaves_what_the_contract_allows(
    job: Job, plan: Plan, order: list[int], crashes: list[bool]
) -> None:
    walk = Lockstep(job, plan.end, order, crashes)
    walk.run()
    for (step_id, _, _), times in walk.begun.items():
        assert times == 1 or job.step(step_id).on_crash == "retry", "what may not be repeated never is"


@pytest.mark.requirement("H5.9")
@settings(max_examples=400)
@given(jobs(most=8), plans(), ORDERS, CRASHES, st.data())
def test_a_rerun_in_which_all_goes_well_never_repeats_what_was_kept_and_ends_as_if_it_had_gone_well_at_first(
    job: Job, plan: Plan, order: list[int], crashes: list[bool], data: st.DataObject
) -> None:
    first = Lockstep(job, plan.end, order, crashes)
    first.run()
    ran = sorted({row.step_id for row in first.rows})
    from_step = data.draw(st.none() | st.sampled_from(ran)) if first.rows else None
    assume(first.state is not ExecutionState.SUCCESS or from_step is not None)
    rows = kept(job, first.rows, from_step=from_step)
    again = Lockstep(job, lambda job, step, key, attempt: success(step, key), order)
    again.take_over(rows, first.places)
    verdict = again.run()
    assert verdict.state == "success" or verdict.code in {"max_visits", "invalid_routing"}, "nothing kept makes it fail"
    assert not again.begun.keys() & {(row.step_id, row.visit, row.attempt) for row in rows}
