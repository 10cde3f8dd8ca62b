"""Sets of steps as bits, and what can be come to: a definition of 500 steps can have a hundred thousand ways.

A step is its place in definition order, a set of steps the number that has the bits of their places, and a graph a list
with, for each step, the set of those that can follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Steps = int
Graph = list[Steps]


def places(steps: Steps) -> Iterator[int]:
    """The places in a set, from the first."""
    while steps:
        lowest = steps & -steps
        yield lowest.bit_length() - 1
        steps ^= lowest


def reached(graph: Sequence[Steps], starts: Steps, *, walls: Steps = 0) -> Steps:
    """Everything that can be come to from `starts`, themselves included, without entering `walls`."""
    found = waiting = starts & ~walls
    while waiting:
        lowest = waiting & -waiting
        fresh = graph[lowest.bit_length() - 1] & ~(found | walls)
        found |= fresh
        waiting = (waiting ^ lowest) | fresh
    return found


def turned(graph: Sequence[Steps]) -> Graph:
    """The graph with every way turned round."""
    made = [0] * len(graph)
    for source, targets in enumerate(graph):
        for target in places(targets):
            made[target] |= 1 << source
    return made
