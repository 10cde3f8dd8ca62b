"""A `Walk` beside the second opinion on it: at every moment they must agree on what may run and what it sees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any

from msgspec.structs import replace

from hengio import codec
from hengio.codec import Raw
from hengio.definition.context import Context
from hengio.lifecycle.advance import Ready, Walk
from hengio.lifecycle.rerun import copied
from hengio.model.execution import ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.outcome import Failure
from hengio.model.step import Step
from tests.support import oracle
from tests.support.builders import a_context, run_of
from tests.support.flows import lost
from tests.support.oracle import End, Key, Position, Verdict, View
from tests.support.walking import EVER

LONGEST = 2_000
Ends = Callable[[Job, Step, Key, int], End]


@dataclass
class Places:
    """Which visit of which thread a step run is (`oracle.Key`), told from the branches they ran in."""

    _known: dict[tuple[str, int], Key] = field(default_factory=dict)
    _last: dict[str, Key] = field(default_factory=dict)

    def key(self, branch: str, step_id: str, visit: int) -> Key:
        """Where this visit is; asked for in the order in which the visits of a branch begin."""
        if (step_id, visit) not in self._known:
            self._known[step_id, visit] = self._next(branch)
        return self._known[step_id, visit]

    def _next(self, branch: str) -> Key:
        before = self._last.get(branch)
        if before is not None:
            key = (*before[:-1], before[-1] + 1)
        elif branch:
            parent, _, place = branch.rpartition(".")
            key = (*self._last[parent], int(place), 0)
        else:
            key = (0,)
        inner = f"{branch}." if branch else ""
        self._last = {path: last for path, last in self._last.items() if not path.startswith(inner) or path == branch}
        self._last[branch] = key
        return key


@dataclass
class Lockstep:
    """Drives both. `ends` says how attempts end, `order` whose is next, `crashes` at which moments the worker dies."""

    job: Job
    ends: Ends
    order: Sequence[int] = (0,)
    crashes: Sequence[bool] = (False,)
    history: dict[tuple[Key, int], End] = field(default_factory=dict)
    rows: list[StepRun] = field(default_factory=list)
    begun: Counter[tuple[str, int, int]] = field(default_factory=Counter)
    skipped: list[str] = field(default_factory=list)
    out: dict[Position, Ready] = field(default_factory=dict)
    places: Places = field(default_factory=Places)
    claim: int = 1

    def __post_init__(self) -> None:
        self.walk = Walk(self.job, a_context())

    # -- the way ------------------------------------------------------------------------------------------------------

    def run(self) -> Verdict:
        """To the end."""
        picks, dies = cycle(self.order), cycle(self.crashes)
        while True:
            verdict = oracle.judge(self.job, self.history)
            self._begin(verdict)
            if self.walk.over():
                self._compare_ends(verdict)
                return verdict
            assert verdict.state is None, f"the contract says it is over: {verdict.state}, {verdict.code}"
            assert len(self.rows) < LONGEST, "every walk ends"
            assert {self._position(ready) for ready in self._replayed()[1]} == self.out.keys(), "the rows say what runs"
            if next(dies):
                self._crash()
            else:
                running = sorted(self.out, key=_place)
                position = running[next(picks) % len(running)]
                self._record(position, self.ends(self.job, self._step(position), position.key, position.attempt))

    def take_over(self, rows: Sequence[StepRun], keys: Places) -> None:
        """Begin with rows of an earlier execution, which this one shall never run again; they were in those places."""
        for run in rows:
            assert self.walk.awaits(run), "what was kept fits where the walk stands"
            self.history[self.places.key(run.branch, run.step_id, run.visit), run.attempt] = _end_of(run)
            assert self.places.key(run.branch, run.step_id, run.visit) == keys.key(run.branch, run.step_id, run.visit)
            self.rows.append(copied(run, "rerun"))
            self.walk.record(self.rows[-1], run.output)
        self._take_in_passed()

    def _begin(self, verdict: Verdict) -> None:
        for ready in self.walk.ready(by=EVER):
            position = self._position(ready)
            assert position in verdict.waiting, f"{position} may not run now: {sorted(verdict.waiting, key=_place)}"
            assert ready.visit <= verdict.arrivals[ready.step.id], "visits are counted without gaps"
            assert told(ready.context) == _seen(verdict.waiting[position]), f"{position} sees something else"
            self.begun[ready.step.id, ready.visit, ready.attempt] += 1
            self.out[position] = ready
        assert self.out.keys() <= verdict.waiting.keys(), "nothing runs that the contract has stopped"
        assert len(self.out) == min(self.job.max_parallel, len(verdict.waiting)), "as much runs as may"

    def _record(self, position: Position, end: End) -> None:
        row = replace(_row(self.out.pop(position), end), sequence=len(self.rows) + 1, claim=self.claim)
        self.history[position.key, position.attempt] = end
        self.rows.append(row)
        self.walk.record(row, row.output)
        stopped = set(self.walk.take_stopped())
        for place, ready in list(self.out.items()):
            if ready.branch in stopped:
                del self.out[place]
                cancelled = run_of(ready, status=StepStatus.CANCELLED, kind="cancelled", claim=self.claim)
                self.rows.append(replace(cancelled, sequence=len(self.rows) + 1))
        self._take_in_passed()

    def _take_in_passed(self) -> None:
        self.skipped += [skipped.step_id for skipped in self.walk.take_skipped()]

    def _crash(self) -> None:
        """The process is gone: another goes on, and counts what was running as lost."""
        self.walk, at_hand = self._replayed()
        self.claim += 1
        self.out = {self._position(ready): ready for ready in at_hand}
        for position in sorted(self.out, key=_place):
            if position in self.out:  # and was not stopped by the one before it
                self._record(position, lost(self._step(position)))

    def _replayed(self) -> tuple[Walk, list[Ready]]:
        """What is to be known from the rows alone: where it stands, and what was running."""
        walk = Walk(self.job, a_context())
        for row in self.rows:
            walk.catch_up(row)
            walk.record(row, row.output)
        walk.take_skipped()
        walk.take_stopped()
        return walk, walk.at_hand(claim=self.claim, by=EVER)

    def _position(self, ready: Ready) -> Position:
        return Position(self.places.key(ready.branch, ready.step.id, ready.visit), ready.step.id, ready.attempt)

    def _step(self, position: Position) -> Step:
        return self.job.step(position.step_id)

    # -- the end ------------------------------------------------------------------------------------------------------

    def _compare_ends(self, verdict: Verdict) -> None:
        ended = self.walk.ended
        assert ended is not None
        assert (ended.state.value, self.code) == (verdict.state, verdict.code)
        assert self.skipped == verdict.skipped
        assert told(self.walk.root.context) == _seen(verdict.root)

    @property
    def state(self) -> ExecutionState | None:
        """The final state; None while it goes on."""
        return None if self.walk.ended is None else self.walk.ended.state

    @property
    def code(self) -> str | None:
        """The code of the failure it ended with."""
        failure = None if self.walk.ended is None else self.walk.ended.failure
        return None if failure is None else failure.code

    def facts(self) -> tuple[Any, ...]:
        """All that does not depend on which branch was quicker: the end, what ran and how it ended, what was passed
        by, variables and outputs."""
        ran = Counter((row.step_id, row.attempt, row.status) for row in self.rows)
        visits = Counter((row.step_id, row.visit) for row in self.rows)
        return self.state, self.code, ran, visits.keys(), sorted(self.skipped), told(self.walk.root.context)


def sequential(job: Job, ends: Ends) -> dict[tuple[Key, int], End]:
    """How all attempts end when one runs after the other, the first branch to its end before the next begins; by the
    contract alone."""
    history: dict[tuple[Key, int], End] = {}
    while waiting := oracle.judge(job, history).waiting:
        first = min(waiting, key=_place)
        history[first.key, first.attempt] = ends(job, job.step(first.step_id), first.key, first.attempt)
    return history


def told(context: Context) -> tuple[dict[str, Any], dict[str, tuple[str, Any]]]:
    """The variables and the step entries that a context shows."""
    return context.variables, {name: (entry.fields["status"], entry.output) for name, entry in context.steps.items()}


def _seen(view: View) -> tuple[dict[str, Any], dict[str, tuple[str, Any]]]:
    return view.variables, view.entries


def _place(position: Position) -> tuple[Key, int]:
    return position.key, position.attempt


def _row(ready: Ready, end: End) -> StepRun:
    """The step run of an attempt that ended like this."""
    row = run_of(ready, output=end.output, kind=end.kind)
    if end.status == "success":
        patches = None if end.patch is None else Raw(codec.encode([end.patch]))
        return replace(row, routing=end.routing, then=end.then, context=patches)
    row = replace(row, status=StepStatus(end.status), output=None, output_size=0)
    if end.status == "skipped":
        return row
    return replace(row, failure=Failure(end.code, "it did"), retryable=end.retryable)


def _end_of(run: StepRun) -> End:
    """The other way round."""
    patches = None if run.context is None else codec.decode(run.context)
    return End(
        status=run.status.value,
        kind=run.kind,
        code="broken" if run.failure is None else run.failure.code,
        retryable=run.retryable,
        routing=run.routing,
        then=run.then,
        patch=None if patches is None else patches[0],
        output=None if run.output is None else codec.decode(run.output),
    )
