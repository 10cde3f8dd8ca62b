"""What documents show of values that are too long to read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.cli.summary import readable, shown, took
from hengio.clock import SECOND
from hengio.lifecycle import telling
from tests.support.builders import an_execution
from tests.unit.test_present import VALUES


@given(VALUES, st.booleans())
def test_what_stands_under_its_name_is_the_whole_value(value: object, full: bool) -> None:
    told = readable("output", value, full=full)
    assert told == {"output": value} or (not full and list(told) == ["output_shape"])
    assert shown(told, "output") == next(iter(told.values()))


def test_a_shape_is_never_under_the_name_of_what_it_stands_for() -> None:
    assert readable("output", [1] * 9) == {"output_shape": "[9 items]"}
    assert readable("output", "[9 items]") == {"output": "[9 items]"}


@pytest.mark.parametrize(
    ("started_at", "told"),
    [
        (1_165 * SECOND, "0.25 s after waiting 165.00 s"),
        (1_000 * SECOND + 1, "165.25 s"),
        (None, "0.00 s after waiting 165.25 s"),
    ],
)
def test_time_in_the_queue_is_told_apart(started_at: int | None, told: str) -> None:
    execution = an_execution(created_at=1_000 * SECOND, started_at=started_at)
    assert took(**telling.times(execution, until=1_165 * SECOND + SECOND // 4)) == told
