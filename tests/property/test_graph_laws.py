"""Laws of steps as bits: they lead where sets of names would (H3)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hengio.definition.graph import places, reached, turned

SIZE = 8
SETS = st.integers(0, (1 << SIZE) - 1)
GRAPHS = st.lists(SETS, min_size=SIZE, max_size=SIZE)


@given(GRAPHS, SETS, SETS)
def test_what_is_reached_is_what_one_comes_to_step_by_step(graph: list[int], starts: int, walls: int) -> None:
    found: set[int] = set()
    waiting = [place for place in places(starts) if not walls >> place & 1]
    while waiting:
        place = waiting.pop()
        if place not in found:
            found.add(place)
            waiting += [each for each in places(graph[place]) if not walls >> each & 1]
    assert set(places(reached(graph, starts, walls=walls))) == found


@given(GRAPHS)
def test_a_graph_turned_twice_is_the_same(graph: list[int]) -> None:
    assert turned(turned(graph)) == graph
    assert all(turned(graph)[target] >> source & 1 for source in range(SIZE) for target in places(graph[source]))
