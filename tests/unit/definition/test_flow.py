"""What can have run before what follows from the routing a definition allows, and nothing else (ABI: Routing)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.flow import Flow
from hengio.definition.parse import parse


def flow(*steps: dict[str, Any]) -> Flow:
    document = {"name": "f", "steps": [{"type": "database", **step} for step in steps]}
    return Flow(parse(document))


@pytest.mark.requirement("R13.1")
def test_in_sequence_only_earlier_steps_precede() -> None:
    ways = flow({"id": "a"}, {"id": "b"}, {"id": "c"})
    assert ways.may_precede("a", "c")
    assert not ways.may_precede("c", "a")
    assert not ways.may_precede("b", "b")


def test_going_back_lets_a_later_step_precede_an_earlier_one() -> None:
    ways = flow({"id": "a"}, {"id": "b", "on_failure": "a"}, {"id": "c"})
    assert ways.may_precede("b", "a")
    assert ways.may_precede("b", "b")
    assert not ways.may_precede("c", "a")


@pytest.mark.requirement("R12.2")
def test_after_a_wasm_step_anything_may_run_unless_its_output_is_only_data() -> None:
    ways = flow({"id": "a"}, {"id": "c"}, {"id": "w", "type": "wasm"})
    assert ways.may_precede("c", "a")
    assert ways.free
    ways = flow({"id": "a"}, {"id": "c"}, {"id": "w", "type": "wasm", "config": {"output_mode": "data"}})
    assert not ways.may_precede("c", "a")
    assert not ways.free


def test_a_step_that_everything_jumps_over_never_runs() -> None:
    ways = flow({"id": "a", "next": "c"}, {"id": "b"}, {"id": "c"})
    assert not ways.can_run("b")
    assert not ways.may_precede("b", "c")


@pytest.mark.requirement("R12.3")
def test_branches_of_a_fan_out_do_not_precede_each_other_and_all_precede_the_join() -> None:
    ways = flow({"id": "r", "next": ["b", "c"]}, {"id": "b"}, {"id": "c"}, {"id": "d"})
    assert not ways.may_precede("b", "c")
    assert not ways.may_precede("c", "b")
    assert ways.may_precede("b", "d")
    assert ways.may_precede("c", "d")
    assert ways.may_precede("r", "c")


def test_a_branch_of_several_steps_reaches_its_own_steps_and_the_named_join() -> None:
    ways = flow(
        {"id": "r", "next": ["b", "c"], "then": "j"},
        {"id": "b"},
        {"id": "b2", "next": "end"},
        {"id": "c"},
        {"id": "c2"},
        {"id": "j"},
    )
    assert ways.may_precede("b", "b2")
    assert ways.may_precede("b2", "j")
    assert not ways.may_precede("b2", "c")
    assert ways.may_precede("c", "c2")


def test_a_loop_within_a_branch_stays_possible() -> None:
    ways = flow(
        {"id": "r", "next": ["b", "c"], "then": "j"},
        {"id": "b"},
        {"id": "b2", "on_failure": "b", "next": "j"},
        {"id": "c"},
        {"id": "j"},
    )
    assert ways.may_precede("b2", "b")


def test_a_loop_around_the_fan_out_lets_branches_precede_each_other() -> None:
    ways = flow({"id": "r", "next": ["b", "c"]}, {"id": "b"}, {"id": "c"}, {"id": "d", "next": "r"})
    assert ways.may_precede("b", "c")


def test_a_target_that_is_also_reached_alone_keeps_its_way_on() -> None:
    ways = flow({"id": "r", "next": ["b", "c"], "on_failure": "b"}, {"id": "b"}, {"id": "c"}, {"id": "d"})
    assert ways.may_precede("b", "c")
