"""What documents show of values that are too long to read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hengio.cli.summary import readable, shown
from tests.unit.test_present import VALUES


@given(VALUES, st.booleans())
def test_what_stands_under_its_name_is_the_whole_value(value: object, full: bool) -> None:
    told = readable("output", value, full=full)
    assert told == {"output": value} or (not full and list(told) == ["output_shape"])
    assert shown(told, "output") == next(iter(told.values()))


def test_a_shape_is_never_under_the_name_of_what_it_stands_for() -> None:
    assert readable("output", [1] * 9) == {"output_shape": "[9 items]"}
    assert readable("output", "[9 items]") == {"output": "[9 items]"}
