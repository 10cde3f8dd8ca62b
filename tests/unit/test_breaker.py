"""A circuit opens after failures in a row, refuses while it is open, and lets one caller try (H5.5)."""

from __future__ import annotations

import asyncio

import pytest

from hengio.errors import Refused, Unavailable
from hengio.model.circuit import Circuit, CircuitState
from hengio.targets.breaker import BreakerPolicy, Breakers, CircuitOpen
from tests.support.clock import MovableClock

POLICY = BreakerPolicy(failures=3, open_seconds=10)


def fail(breakers: Breakers, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(Unavailable, match="away"), breakers.asking("bank"):
            raise Unavailable("away")


def answer(breakers: Breakers) -> None:
    with breakers.asking("bank"):
        pass


@pytest.mark.requirement("H5.5")
def test_failures_in_a_row_open_the_circuit_and_nothing_is_sent_any_more() -> None:
    breakers = Breakers(MovableClock(), POLICY)
    fail(breakers, 3)
    sent = False
    with pytest.raises(CircuitOpen, match="bank is left alone after 3 failures: away"), breakers.asking("bank"):
        sent = True
    assert not sent
    assert [circuit.state for circuit in breakers.circuits()] == [CircuitState.OPEN]


def test_an_answer_between_failures_starts_the_count_again() -> None:
    breakers = Breakers(MovableClock(), POLICY)
    fail(breakers, 2)
    answer(breakers)
    fail(breakers, 2)
    answer(breakers)
    assert breakers.circuits() == []


def test_an_error_that_is_an_answer_is_no_failure() -> None:
    breakers = Breakers(MovableClock(), POLICY)
    fail(breakers, 2)
    with pytest.raises(Refused), breakers.asking("bank"):
        raise Refused("no such account")
    assert breakers.circuits() == []


def test_an_answer_that_says_not_now_is_a_failure() -> None:
    breakers = Breakers(MovableClock(), POLICY)
    for _ in range(3):
        with breakers.asking("bank") as asked:
            asked.unavailable("503")
    with pytest.raises(CircuitOpen), breakers.asking("bank"):
        pass


@pytest.mark.requirement("H5.5")
def test_after_its_time_one_caller_tries_and_an_answer_closes_it() -> None:
    clock, told = MovableClock(), list[Circuit]()
    breakers = Breakers(clock, POLICY, on_change=told.append)
    fail(breakers, 3)
    clock.advance(10)
    with breakers.asking("bank"), pytest.raises(CircuitOpen, match="left alone"), breakers.asking("bank"):
        pass
    answer(breakers)
    assert [circuit.state.value for circuit in told] == ["open", "half_open", "closed"]


def test_a_try_that_fails_keeps_it_open_for_as_long_again() -> None:
    clock = MovableClock()
    breakers = Breakers(clock, POLICY)
    fail(breakers, 3)
    clock.advance(10)
    fail(breakers)
    clock.advance(9)
    with pytest.raises(CircuitOpen), breakers.asking("bank"):
        pass
    clock.advance(1)
    answer(breakers)


def test_a_try_that_was_cancelled_leaves_the_turn_to_the_next() -> None:
    clock = MovableClock()
    breakers = Breakers(clock, POLICY)
    fail(breakers, 3)
    clock.advance(10)
    with pytest.raises(asyncio.CancelledError), breakers.asking("bank"):
        raise asyncio.CancelledError
    answer(breakers)
    assert breakers.circuits() == []


def test_targets_have_circuits_of_their_own() -> None:
    breakers = Breakers(MovableClock(), POLICY)
    fail(breakers, 3)
    with breakers.asking("shop"):
        pass
    assert [circuit.target for circuit in breakers.circuits()] == ["bank"]


def test_a_use_that_learned_nothing_leaves_the_circuit_as_it_was_and_lets_the_next_try() -> None:
    clock = MovableClock()
    breakers = Breakers(clock, POLICY)
    fail(breakers, 3)
    clock.advance(10)
    for _ in range(2):
        with breakers.asking("bank") as asked:
            asked.unknown()
    assert [circuit.state for circuit in breakers.circuits()] == [CircuitState.OPEN]
    answer(breakers)
    assert breakers.circuits() == []


def test_what_was_told_holds_although_the_use_ends_in_an_error() -> None:
    breakers = Breakers(MovableClock(), POLICY)
    for _ in range(3):
        with pytest.raises(Refused), breakers.asking("bank") as asked:
            asked.unavailable("it broke")
            raise Refused("no")
    assert [circuit.state for circuit in breakers.circuits()] == [CircuitState.OPEN]
