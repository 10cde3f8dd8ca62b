"""The list of acceptance criteria, and following which tests show them."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support import trace
from tests.support.criteria import groups
from tests.support.requirements import is_shown


def test_every_group_is_there_and_its_criteria_are_numbered_from_one() -> None:
    names = {group.id for group in groups()}
    assert names == {*(f"R{n}" for n in range(1, 16)), *(f"H{n}" for n in range(1, 12))}
    for group in groups():
        assert list(group.criteria) == [f"{group.id}.{n}" for n in range(1, len(group.criteria) + 1)]


@pytest.mark.parametrize(
    ("results", "shown"),
    [
        ({}, False),
        ({"a": Counter(passed=1)}, True),
        ({"a": Counter(skipped=3)}, False),
        ({"a": Counter(passed=2, skipped=1)}, True),
        ({"a": Counter(passed=2), "b": Counter(failed=1)}, False),
    ],
)
def test_a_criterion_is_shown_by_a_test_that_passed_when_none_failed(
    results: dict[str, Counter[trace.Result]], shown: bool
) -> None:
    assert is_shown(results) is shown


def test_a_complete_run_forgets_tests_that_are_gone() -> None:
    record = trace.Record(criteria={"old": ["R1.1"], "kept": ["R1.2"]}, results={"old": "passed", "kept": "passed"})
    record.forget_others({"kept"})
    assert list(record.showing()) == [("R1.2", "kept", "passed")]


def test_a_criterion_that_does_not_exist_stops_the_run(pytestconfig: pytest.Config) -> None:
    class Marked:
        nodeid = "test_x"

        def iter_markers(self, name: str) -> list[pytest.Mark]:
            return [pytest.mark.requirement("R99.1").mark]

    with pytest.raises(pytest.UsageError, match=r"test_x names R99\.1"):
        trace.Trace(pytestconfig).pytest_collection_modifyitems([Marked()])  # type: ignore[list-item]
