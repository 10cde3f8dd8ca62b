"""Which steps can run before which, whatever the data (H3; ABI: Routing). Errs only towards "possible".

A WASM step may route to any step, so in a job that has one nothing is certain (`free`): a fan-out of its making can
join anywhere. Branches of a fan-out do not see each other: what runs only within one cannot precede a sibling's step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from hengio.definition.graph import Graph, Steps, places, reached, turned
from hengio.model.job import Job
from hengio.model.step import Step

MOST_BRANCHES = 2_000
"""So many branches are looked into for ways that end in a sibling; in a job with more, some count as possible."""


@dataclass(frozen=True, slots=True)
class _Fan:
    """A fan-out that the definition itself makes. `rescue` is where the router's failure leads."""

    router: int
    rescue: Steps
    targets: Steps
    join: Steps


class Flow:
    """The ways through a job whose routing has no errors. Unknown ids lead nowhere."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._anywhere = len(job.steps)
        self._graph = self._built()
        self._after: dict[int, Steps] = {}
        self.free = any(may_route(step) and self.can_run(step.id) for step in job.steps)

    def can_run(self, step_id: str) -> bool:
        """Whether any way leads to the step."""
        place = self._job.order[step_id]
        return place == 0 or self._leads(0, place)

    def may_precede(self, earlier: str, later: str) -> bool:
        """Whether, on some way, `earlier` has run when `later` begins; a step precedes itself only in a loop.

        Of a module's routing, this knows the choice of one step; if `free`, a fan-out may lead further.
        """
        return self.can_run(earlier) and self._leads(self._job.order[earlier], self._job.order[later])

    def _leads(self, earlier: int, later: int) -> bool:
        if earlier not in self._after:
            self._after[earlier] = reached(self._graph, self._graph[earlier])
        return bool(self._after[earlier] >> later & 1)

    def _built(self) -> Graph:
        steps = self._job.steps
        graph = [self._successors(place, step) for place, step in enumerate(steps)]
        graph.append((1 << len(steps)) - 1)  # from anywhere to any step
        fans = [fan for place, step in enumerate(steps) if (fan := self._fan(place, step))]
        for fan, region, cuts in list(_changes(graph, fans)):
            for source, target in cuts:
                graph[source] &= ~(1 << target)
            for inside in places(region) if fan.join else ():
                graph[inside] |= fan.join
        return graph

    def _successors(self, place: int, step: Step) -> Steps:
        following = self._following(place) if step.next is None else self._set(_targets(step.next))
        free = 1 << self._anywhere if may_route(step) else 0
        return following | self._set([step.on_failure]) | free

    def _fan(self, place: int, step: Step) -> _Fan | None:
        if not isinstance(step.next, tuple) or (len(step.next) < 2 and step.then is None):
            return None
        targets = self._set(step.next)
        if not targets:
            return None
        join = self._set([step.then]) if step.then is not None else 0
        after = self._following(targets.bit_length() - 1)  # the first step after the last of them
        return _Fan(place, self._set([step.on_failure]), targets, join or after)

    def _following(self, place: int) -> Steps:
        return 1 << (place + 1) if place + 1 < len(self._job.steps) else 0

    def _set(self, ids: Iterable[str]) -> Steps:
        """The steps of those ids, as far as there are such."""
        found = 0
        for each in ids:
            if (place := self._job.order.get(each)) is not None:
                found |= 1 << place
        return found


def may_route(step: Step) -> bool:
    """Whether the step's own output can decide what follows it."""
    return step.type == "wasm" and step.config.get("output_mode") != "data"


def _targets(following: str | tuple[str, ...]) -> tuple[str, ...]:
    return (following,) if isinstance(following, str) else following


def _changes(graph: Graph, fans: list[_Fan]) -> Iterator[tuple[_Fan, Steps, list[tuple[int, int]]]]:
    """Each fan-out with the steps that may run within its branches, and the ways that end there."""
    before = turned(graph)
    left = MOST_BRANCHES
    for fan in fans:
        region = reached(graph, fan.targets, walls=fan.join)
        inside = region & ~_beside(graph, fan)
        entered = [target for target in places(fan.targets) if inside & before[target]][:left]
        left -= len(entered)
        yield fan, region, [cut for target in entered for cut in _cuts(graph, fan, target, inside & before[target])]


def _cuts(graph: Graph, fan: _Fan, target: int, into: Steps) -> Iterator[tuple[int, int]]:
    """Of the ways `into` a target, those that end a branch instead: only a sibling's branch can be where they begin."""
    own = reached(graph, graph[target], walls=fan.targets | fan.join) | 1 << target
    yield from ((each, target) for each in places(into & ~own))


def _beside(graph: Graph, fan: _Fan) -> Steps:
    """The steps that can be come to without entering the fan-out's branches."""
    ways = graph.copy()
    ways[fan.router] = ways[fan.router] & ~(fan.targets & ~fan.rescue) | fan.join
    return reached(ways, 1)
