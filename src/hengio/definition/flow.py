"""Which steps can run before which, whatever the data (H3; ABI: Routing). Errs only towards "possible".

A WASM step may route to any step, so in a job that has one nothing is certain (`free`): a fan-out of its making can
join anywhere. Branches of a fan-out do not see each other: what runs only within one cannot precede a sibling's step.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hengio.model.job import Job
from hengio.model.step import Step

_ANYWHERE = "*"
Graph = dict[str, set[str]]


@dataclass(frozen=True, slots=True)
class _Fan:
    """A fan-out that the definition itself makes. `rescue` is where the router's failure leads."""

    router: str
    rescue: str
    targets: frozenset[str]
    join: str | None


class Flow:
    """The ways through a job whose routing has no errors. Unknown ids lead nowhere."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._start = job.steps[0].id
        self._graph = self._built()
        self._after: dict[str, frozenset[str]] = {}
        self.free = any(may_route(step) and self.can_run(step.id) for step in job.steps)

    def can_run(self, step_id: str) -> bool:
        """Whether any way leads to the step."""
        return step_id == self._start or step_id in self._reach(self._start)

    def may_precede(self, earlier: str, later: str) -> bool:
        """Whether, on some way, `earlier` has run when `later` begins; a step precedes itself only in a loop.

        Of a module's routing, this knows the choice of one step; if `free`, a fan-out may lead further.
        """
        return self.can_run(earlier) and later in self._reach(earlier)

    def _reach(self, step_id: str) -> frozenset[str]:
        if step_id not in self._after:
            self._after[step_id] = _reached(self._graph, self._graph.get(step_id, ()))
        return self._after[step_id]

    def _built(self) -> Graph:
        graph = {step.id: self._successors(step) for step in self._job.steps}
        graph[_ANYWHERE] = {step.id for step in self._job.steps}
        fans = [fan for step in self._job.steps if (fan := self._fan(step))]
        changes = [(fan, _region(graph, fan), _cuts(graph, fan, self._start)) for fan in fans]
        for fan, region, cuts in changes:
            for source, target in cuts:
                graph[source].discard(target)
            for inside in region:
                graph[inside] |= _join(fan)
        return graph

    def _successors(self, step: Step) -> set[str]:
        found = set(_targets(step.next)) if step.next is not None else set(self._following(step.id))
        found.add(step.on_failure)
        known = found & self._job.order.keys()
        return known | {_ANYWHERE} if may_route(step) else known

    def _fan(self, step: Step) -> _Fan | None:
        if not isinstance(step.next, tuple) or (len(step.next) < 2 and step.then is None):
            return None
        targets = [each for each in step.next if each in self._job.order]
        if not targets:
            return None
        last = max(targets, key=self._job.order.__getitem__)
        after = next(iter(self._following(last)), None)
        join = step.then if step.then in self._job.order else after
        return _Fan(step.id, step.on_failure, frozenset(targets), join)

    def _following(self, step_id: str) -> Iterable[str]:
        place = self._job.order[step_id] + 1
        return [self._job.steps[place].id] if place < len(self._job.steps) else []


def may_route(step: Step) -> bool:
    """Whether the step's own output can decide what follows it."""
    return step.type == "wasm" and step.config.get("output_mode") != "data"


def _targets(following: str | tuple[str, ...]) -> tuple[str, ...]:
    return (following,) if isinstance(following, str) else following


def _reached(
    graph: Mapping[str, Collection[str]], starts: Iterable[str], *, walls: Collection[str] = ()
) -> frozenset[str]:
    """Everything that can be come to from `starts`, themselves included, without entering `walls`."""
    found = {each for each in starts if each not in walls}
    waiting = deque(found)
    while waiting:
        for each in graph.get(waiting.popleft(), ()):
            if each not in found and each not in walls:
                found.add(each)
                waiting.append(each)
    return frozenset(found)


def _region(graph: Graph, fan: _Fan) -> frozenset[str]:
    """The steps that may run within the fan-out's branches."""
    return _reached(graph, fan.targets, walls=_join(fan))


def _cuts(graph: Graph, fan: _Fan, start: str) -> list[tuple[str, str]]:
    """Ways into a target that end a branch instead, because they begin where only a sibling's branch can be."""
    beside = (graph[fan.router] - (fan.targets - {fan.rescue})) | _join(fan)
    outside = _reached({**graph, fan.router: beside}, [start])
    inside = _region(graph, fan) - outside
    cuts: list[tuple[str, str]] = []
    walls = fan.targets | _join(fan)
    for target in fan.targets:
        if into := [each for each in inside if target in graph[each]]:
            own = _reached(graph, graph[target], walls=walls) | {target}
            cuts += [(each, target) for each in into if each not in own]
    return cuts


def _join(fan: _Fan) -> set[str]:
    return {fan.join} if fan.join is not None else set()
