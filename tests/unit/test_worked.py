"""Time at work: together once, apart not at all (H5)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hengio.worker.worked import Worked

spans = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(sorted), max_size=12)


def covered(of: list[list[int]]) -> int:
    return len({moment for start, end in of for moment in range(start, end)})


def test_steps_beside_each_other_count_once() -> None:
    worked = Worked()
    worked.add(0, 10)
    worked.add(2, 30)
    worked.add(25, 31)
    assert worked.until(100) == 31


def test_waits_between_steps_do_not_count() -> None:
    worked = Worked()
    worked.add(0, 10)
    worked.add(1000, 1010)
    assert worked.until(5000) == 20


def test_steps_that_still_run_count_until_now() -> None:
    worked = Worked()
    worked.add(0, 10)
    worked.add(20, 40)
    assert worked.until(50, running_since=30) == 40


@given(spans)
def test_the_time_at_work_is_the_union_of_all_spans_in_order_of_their_ends(given_spans: list[list[int]]) -> None:
    worked = Worked()
    for start, end in sorted(given_spans, key=lambda span: span[1]):
        worked.add(start, end)
    assert worked.until(100) == covered(given_spans)
