"""A second opinion on routing: what follows from how steps ended, read off the contract alone (ABI: Routing).

Deliberately naive: at every moment all of it is worked out anew from the first step, by a function that calls itself
for each branch of a fan-out. It shares no code with `hengio.lifecycle`, and knows nothing of numbered visits, of
branches' paths, of claims or of replaying.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from msgspec import Struct

from hengio.model.job import Job
from hengio.model.step import Step

MOST_RETRIES = 10
Key = tuple[int, ...]
"""Which visit of which thread: its number in the root, then for each fan-out the branch and the number there."""


class End(Struct, frozen=True, kw_only=True):
    """How one attempt of a step ended: `success`, `skipped`, `failed` or `lost`."""

    status: str = "success"
    kind: str = "succeeded"
    code: str = "broken"
    retryable: bool = False
    routing: tuple[str, ...] | None = None
    then: str | None = None
    patch: dict[str, Any] | None = None
    output: Any = None


class Position(Struct, frozen=True):
    """An attempt that runs or may run now."""

    key: Key
    step_id: str
    attempt: int


@dataclass
class View:
    """What a thread sees, and in `log` what it wrote itself."""

    variables: dict[str, Any] = field(default_factory=dict)
    entries: dict[str, tuple[str, Any]] = field(default_factory=dict)
    log: list[tuple[str, Any]] = field(default_factory=list)

    def fork(self) -> View:
        return View(dict(self.variables), dict(self.entries))

    def write(self, step_id: str, status: str, output: Any) -> None:
        self.entries[step_id] = (status, output)
        self.log.append((step_id, (status, output)))

    def merge(self, patch: dict[str, Any]) -> None:
        self.variables = _patched(self.variables, patch)
        self.log.append(("", patch))

    def repeat(self, log: list[tuple[str, Any]]) -> None:
        for step_id, what in log:
            if step_id:
                self.write(step_id, *what)
            else:
                self.merge(what)


@dataclass(frozen=True)
class Verdict:
    """What the contract says: `state` None while something of `waiting` has to end first; `orderly` if no other order
    of the same ends could have led elsewhere."""

    state: str | None
    code: str | None
    waiting: dict[Position, View]
    root: View
    skipped: list[str]
    arrivals: Counter[str]
    orderly: bool


@dataclass(frozen=True)
class _Next:
    """One step, or None: the end of the thread."""

    step_id: str | None


@dataclass(frozen=True)
class _Fan:
    targets: list[str]
    join: str | None


@dataclass(frozen=True)
class _Failed:
    code: str
    exhausted: bool = False


@dataclass(frozen=True)
class _Waits:
    positions: dict[Position, View]


@dataclass(frozen=True)
class _Done:
    pass


_Stand = _Failed | _Waits | _Done


class _Over(Exception):
    """The job fails at once, wherever in it that was found."""


def judge(job: Job, ends: Mapping[tuple[Key, int], End]) -> Verdict:
    """Where an execution stands in which these attempts, by (key, number), ended like this."""
    return _Oracle(job, ends).judge()


class _Oracle:
    def __init__(self, job: Job, ends: Mapping[tuple[Key, int], End]) -> None:
        self.job, self.ends = job, ends
        self.ids = [step.id for step in job.steps]
        self.steps = {step.id: step for step in job.steps}
        self.root = View()
        self.skipped: list[str] = []
        self.arrivals: Counter[str] = Counter()
        self.orderly = True

    def judge(self) -> Verdict:
        waiting: dict[Position, View] = {}
        state: str | None = None
        code: str | None = None
        try:
            match self._thread(self.ids[0], (), self.root, frozenset()):
                case _Done():
                    state = "success"
                case _Failed() as failed:
                    state, code = "dead_letter" if failed.exhausted else "failed", failed.code
                case _Waits(waiting):
                    pass
        except _Over as over:
            state, code = "failed", str(over)
        return Verdict(state, code, waiting, self.root, self.skipped, self.arrivals, self.orderly)

    def _thread(self, at: str, thread: Key, view: View, walls: frozenset[str]) -> _Stand:
        """From step to step until one of `walls`, with all that the thread's own branches do on the way."""
        for number in count():
            key = (*thread, number)
            self._arrive(at, thread)
            after = self._attempts(self.steps[at], key, view)
            met = self._fan_out(self.steps[at], after, key, view, walls) if isinstance(after, _Fan) else after
            if not isinstance(met, _Next):
                return met
            if not thread:
                self._pass_by(at, met.step_id)
            if met.step_id is None or met.step_id in walls:
                return _Done()
            at = met.step_id
        raise AssertionError

    def _arrive(self, at: str, thread: Key) -> None:
        self.arrivals[at] += 1
        if self.arrivals[at] > self.steps[at].max_visits:
            raise self._over("max_visits", thread)

    def _over(self, code: str, thread: Key) -> _Over:
        self.orderly = self.orderly and not thread  # from a branch it depends on how far the others have come
        return _Over(code)

    def _attempts(self, step: Step, key: Key, view: View) -> _Next | _Fan | _Failed | _Waits:
        """One visit: its attempts in turn, then what follows it."""
        for attempt in count(1):
            end = self.ends.get((key, attempt))
            if end is None:
                return _Waits({Position(key, step.id, attempt): view})
            view.write(step.id, end.status, end.output)
            if end.status == "success":
                if end.patch is not None:
                    view.merge(end.patch)
                return self._successor(step, key[:-1]) if end.routing is None else self._decided(step, end, key[:-1])
            if end.status == "skipped":
                return self._successor(step, key[:-1])
            if end.code == "invalid_routing":
                raise self._over("invalid_routing", key[:-1])
            retryable = end.retryable or end.kind in step.retry.on
            allowed = self.job.max_retries if step.retry.max_retries is None else step.retry.max_retries
            if retryable and (end.status == "lost" or attempt <= min(allowed, MOST_RETRIES)):
                continue
            if step.on_failure == "continue":
                return self._successor(step, key[:-1])
            if step.on_failure == "fail":
                return _Failed(end.code, exhausted=retryable)
            return _Next(step.on_failure)
        raise AssertionError

    def _fan_out(
        self, router: Step, fan: _Fan, key: Key, view: View, walls: frozenset[str]
    ) -> _Next | _Failed | _Waits:
        """Every branch to its end, then what follows the router: the join, whoever deals with a failure, or neither."""
        meets = set() if fan.join is None else {fan.join}
        views = [view.fork() for _ in fan.targets]
        stands: list[_Stand] = []
        for place, (target, own) in enumerate(zip(fan.targets, views, strict=True)):
            others = (set(fan.targets) | meets) - {target}
            stands.append(self._thread(target, (*key, place), own, walls | others))
        for own in views:
            view.repeat(own.log)
        failed = [stand for stand in stands if isinstance(stand, _Failed)]
        waiting = {
            position: seen
            for stand in stands
            if isinstance(stand, _Waits)
            for position, seen in stand.positions.items()
        }
        cancels = bool(failed) and router.fan_out.on_failure == "cancel"
        self.orderly = self.orderly and not cancels
        if waiting and not cancels:
            return _Waits(waiting)
        if not failed or router.on_failure == "continue":
            return _Next(fan.join)
        return failed[0] if router.on_failure == "fail" else _Next(router.on_failure)

    def _successor(self, step: Step, thread: Key) -> _Next | _Fan:
        if step.next is None:
            return _Next(self._following(step.id))
        if isinstance(step.next, str):
            return _Next(None if step.next == "end" else step.next)
        return self._decided(step, End(routing=step.next, then=step.then), thread)

    def _following(self, step_id: str) -> str | None:
        rest = self.ids[self.ids.index(step_id) + 1 :]
        return rest[0] if rest else None

    def _decided(self, step: Step, end: End, thread: Key) -> _Next | _Fan:
        targets, then = list(end.routing or ()), end.then
        if not targets or (targets == ["end"] and then is None):
            return _Next(None)
        later = self.ids[self.ids.index(step.id) + 1 :]
        if not {*targets, *([then] if then is not None else [])} <= set(self.ids):
            raise self._over("invalid_routing", thread)
        if len(targets) == 1 and then is None:
            return _Next(targets[0])
        if len(set(targets)) < len(targets) or not set(targets) <= set(later) or then in targets:
            raise self._over("invalid_routing", thread)
        ordered = [step_id for step_id in self.ids if step_id in targets]
        return _Fan(ordered, then if then is not None else self._following(ordered[-1]))

    def _pass_by(self, at: str, after: str | None) -> None:
        """Steps between two places of the root that nothing has run are skipped."""
        last = len(self.ids) if after is None else self.ids.index(after)
        for step_id in self.ids[self.ids.index(at) + 1 : last]:
            if step_id not in self.root.entries:
                self.root.write(step_id, "skipped", None)
                self.skipped.append(step_id)


def _patched(value: Any, patch: Any) -> Any:
    """JSON Merge Patch, as the RFC has it (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(value) if isinstance(value, dict) else {}
    for name, each in patch.items():
        if each is None:
            result.pop(name, None)
        else:
            result[name] = _patched(result.get(name), each)
    return result
