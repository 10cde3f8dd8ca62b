"""What follows this step: the next, several, a retry, the end? Pure: no I/O, no clock, the same answer on every replay.

A `Walk` is fed step runs, live ones and, after a crash, those of the journal in the order they were committed, and says
what to run now. Branch positions are therefore as durable as the step results themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, assert_never

from msgspec import Struct

from hengio import codec
from hengio.clock import Micros, to_iso
from hengio.codec import Raw
from hengio.definition.context import Context, StepEntry
from hengio.lifecycle.branch import Branch, Fork, Stand
from hengio.lifecycle.retries import may_retry, retries_left, retry_at
from hengio.lifecycle.routing import End, Go, Route, Split, decided, refused, successor
from hengio.model.execution import ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.outcome import Failure
from hengio.model.step import Step


class Ready(Struct, frozen=True):
    """A step run that may begin at `due_at` (0: at once), seeing `context`."""

    step: Step
    visit: int
    attempt: int
    branch: str
    due_at: Micros
    context: Context


class Skipped(Struct, frozen=True):
    """A step that will not run because it was routed past (ABI: Routing)."""

    step_id: str


class Ended(Struct, frozen=True):
    """The execution is over. `blame` are the visits to steps, (id, number), for which it did not succeed: those that
    failed for good, and those that had not ended."""

    state: ExecutionState
    failure: Failure | None = None
    blame: frozenset[tuple[str, int]] = frozenset()


class Walk:
    """One execution's way through its job. `record` what happened, then ask `ready()` or `ended`."""

    def __init__(self, job: Job, context: Context) -> None:
        self.job = job
        first = job.steps[0].id
        self.root = Branch(path="", context=context, at=first, visit=1)
        self.ended: Ended | None = None
        self.stopped: list[str] = []
        self._branches: dict[str, Branch] = {"": self.root}
        self._visits: dict[str, int] = {first: 1}
        self._skipped: list[Skipped] = []
        self._claim = 0

    # -- what may run -------------------------------------------------------------------------------------------------

    def ready(self, *, by: Micros) -> list[Ready]:
        """Step runs due by then, at most `max_parallel` at once; each is given out once, until its end is recorded."""
        if self.over():
            return []
        free = self.job.max_parallel - sum(branch.stand is Stand.RUNNING for branch in self._branches.values())
        given: list[Ready] = []
        for branch in self._live(self.root):
            if len(given) >= free:
                break
            if branch.stand is Stand.READY and branch.due_at <= by:
                branch.stand = Stand.RUNNING
                given.append(self._offer(branch))
        return given

    def _offer(self, branch: Branch) -> Ready:
        step = self.job.step(branch.at)
        return Ready(step, branch.visit, branch.attempt, branch.path, branch.due_at, branch.context)

    def next_due(self, *, after: Micros) -> Micros | None:
        """When the first of the retries that wait beyond `after` is due."""
        waiting = (branch.due_at for branch in self._live(self.root) if branch.stand is Stand.READY)
        return min((due_at for due_at in waiting if due_at > after), default=None)

    def over(self) -> bool:
        """Whether the execution has ended."""
        return self.ended is not None

    def stop(self, state: ExecutionState, failure: Failure) -> None:
        """End it from outside: a job's timeout, a cancel, too many crashes."""
        self._end(state, failure)

    def take_skipped(self) -> list[Skipped]:
        """Steps routed past since the last call."""
        taken, self._skipped = self._skipped, []
        return taken

    def take_stopped(self) -> list[str]:
        """Branches whose running step must be cancelled because a sibling failed, since the last call."""
        taken, self.stopped = self.stopped, []
        return taken

    def _live(self, branch: Branch) -> Iterator[Branch]:
        if branch.fork is None:
            yield branch
            return
        for child in branch.fork.branches:
            yield from self._live(child)

    def awaits(self, run: StepRun) -> bool:
        """Whether the step run is one that a branch stands at."""
        branch = self._branches.get(run.branch)
        return not self.over() and branch is not None and branch.awaits(run.step_id, run.visit, run.attempt)

    def branch_at(self, run: StepRun) -> str | None:
        """The branch that stands at that step run, whichever it was recorded in."""
        at = (run.step_id, run.visit, run.attempt)
        return next((branch.path for branch in self._live(self.root) if branch.awaits(*at)), None)

    # -- what a dead worker had in hand -------------------------------------------------------------------------------

    def catch_up(self, run: StepRun) -> None:
        """On replay, before `run` is taken in: what its worker had begun by then runs, for no row says what began.

        Of rows that were committed together the order is all there is: then what began may be another branch's step.
        """
        if run.claim != self._claim:
            self._claim = run.claim
            self.put_back()
        if run.status is not StepStatus.LOST:  # such a row is written before its worker begins anything
            self.ready(by=run.completed_at)

    def at_hand(self, *, claim: int, by: Micros) -> list[Ready]:
        """The step runs that were under way, or could be by then, when the worker of that claim was lost, the last one
        whose rows were replayed if it wrote any."""
        if claim != self._claim:
            self.put_back()
        self.ready(by=by)
        return [self._offer(branch) for branch in self._live(self.root) if branch.stand is Stand.RUNNING]

    def put_back(self) -> None:
        """Nothing runs: what was given out and has not ended is given out again."""
        for branch in self._live(self.root):
            if branch.stand is Stand.RUNNING:
                branch.stand = Stand.READY

    # -- what happened ------------------------------------------------------------------------------------------------

    def record(self, run: StepRun, output: Raw | None) -> None:
        """Take in how a step run ended. `output` is its JSON, wherever it is stored.

        A row that no branch waits for changes nothing: a skipped step's, or that of a branch which was stopped.
        """
        branch = self._branches.get(run.branch)
        if branch is None or not self.awaits(run):
            return
        branch.stand = Stand.READY  # nothing of it runs now, whatever follows
        branch.write(run.step_id, StepEntry(raw=output, fields=partial(_fields, run)))
        step = self.job.step(run.step_id)
        match run.status:
            case StepStatus.SUCCESS:
                self._succeeded(branch, step, run)
            case StepStatus.SKIPPED:
                self._follow(branch, step, successor(self.job, step))
            case StepStatus.FAILED | StepStatus.LOST:
                self._failed(branch, step, run)
            case StepStatus.CANCELLED:
                branch.stand = Stand.CANCELLED
                self._settle(branch)
            case _ as never:
                assert_never(never)

    def _succeeded(self, branch: Branch, step: Step, run: StepRun) -> None:
        if run.context is not None:
            for patch in codec.decode(run.context):
                branch.merge(patch)
        if run.routing is None:
            route = successor(self.job, step)
        else:
            route = decided(self.job, step, targets=run.routing, then=run.then)
        self._follow(branch, step, route)

    def _failed(self, branch: Branch, step: Step, run: StepRun) -> None:
        failure = run.failure or Failure("failed", "the step failed")
        retryable = may_retry(step, run)
        if failure.code == "invalid_routing":
            self._end(ExecutionState.FAILED, refused(self.job, failure.message), blame=_visit_of(run))
        elif retryable and run.status is StepStatus.LOST:  # bounded by the job's max_crashes, not by retries
            branch.try_again(due_at=run.completed_at)
        elif retryable and retries_left(self.job, step, attempt=run.attempt):
            branch.try_again(due_at=retry_at(step, run))
        else:
            self._give_up(branch, step, failure=failure, exhausted=retryable, blame=_visit_of(run))

    def _give_up(
        self, branch: Branch, step: Step, *, failure: Failure, exhausted: bool, blame: frozenset[tuple[str, int]]
    ) -> None:
        """The step has failed for good: `on_failure` says what that means."""
        match step.on_failure:
            case "continue":
                self._follow(branch, step, successor(self.job, step))
            case "fail":
                branch.fail(failure, exhausted=exhausted, blame=blame)
                self._settle(branch)
            case target:
                self._follow(branch, step, Go(target))

    # -- moving on ----------------------------------------------------------------------------------------------------

    def _follow(self, branch: Branch, step: Step, route: Route | Failure) -> None:
        match route:
            case Failure():
                self._end(ExecutionState.FAILED, route, blame=frozenset({(step.id, branch.visit)}))
            case End():
                self._skip(branch, after=step.id, before=None)
                self._arrive(branch, None)
            case Go(target):
                self._skip(branch, after=step.id, before=target)
                self._arrive(branch, target)
            case Split():
                self._fork(branch, step, route)
            case _ as never:
                assert_never(never)

    def _arrive(self, branch: Branch, target: str | None) -> None:
        if target is None or target in branch.ends_at:
            branch.stand = Stand.DONE
            self._settle(branch)
        else:
            branch.move_to(target, visit=self._visit(target))

    def _visit(self, step_id: str) -> int:
        """The number of this visit to the step; past its `max_visits` the job fails."""
        most = self.job.step(step_id).max_visits
        before = self._visits.get(step_id, 0)
        if before >= most:
            message = f"step '{step_id}' would run more than {most} times (max_visits)"
            self._end(ExecutionState.FAILED, Failure("max_visits", message, retryable=False))
        self._visits[step_id] = before + 1
        return before + 1

    def _fork(self, branch: Branch, step: Step, split: Split) -> None:
        ends = frozenset(split.targets) | (frozenset() if split.join is None else {split.join})
        children = [
            Branch(
                path=f"{branch.path}.{place}" if branch.path else str(place),
                context=branch.context.fork(),
                at=target,
                visit=self._visit(target),
                ends_at=(ends - {target}) | branch.ends_at,
            )
            for place, target in enumerate(split.targets)
        ]
        branch.fork = Fork(router=step.id, join=split.join, branches=children)
        branch.stand = Stand.FORKED
        self._branches |= {child.path: child for child in children}

    def _settle(self, branch: Branch) -> None:
        """A branch is over: the job may end, siblings may be cancelled, the join may be due."""
        if branch is self.root:
            self._end_as(branch)
            return
        parent = self._branches[branch.path.rpartition(".")[0]]
        fork = parent.fork
        assert fork is not None
        if branch.stand is Stand.FAILED and self.job.step(fork.router).fan_out.on_failure == "cancel":
            self._cancel_siblings(fork, branch)
        if all(child.over() for child in fork.branches):
            self._join(parent, fork)

    def _cancel_siblings(self, fork: Fork, failed: Branch) -> None:
        for child in fork.branches:
            if child is not failed:
                self._cancel(child)

    def _cancel(self, branch: Branch) -> None:
        if branch.fork is not None:
            for child in branch.fork.branches:
                self._cancel(child)
        if not branch.over():
            if branch.stand is Stand.RUNNING:
                self.stopped.append(branch.path)
            branch.stand = Stand.CANCELLED

    def _join(self, parent: Branch, fork: Fork) -> None:
        parent.fork = None
        for child in fork.branches:
            del self._branches[child.path]
        self._gather(parent, fork)
        failed, router = fork.first_failed(), self.job.step(fork.router)
        if failed is not None and failed.failure is not None and router.on_failure != "continue":
            blame = fork.blame()
            self._give_up(parent, router, failure=failed.failure, exhausted=failed.exhausted, blame=blame)
        else:
            self._skip(parent, after=router.id, before=fork.join)
            self._arrive(parent, fork.join)

    def _gather(self, parent: Branch, fork: Fork) -> None:
        """Merge what the branches wrote, in definition order (ABI: Routing). A branch that was cancelled while it was
        forked brings along what its own branches wrote until then."""
        for child in fork.branches:
            if child.fork is not None:
                self._gather(child, child.fork)
            for step_id, entry in child.entries.items():
                parent.write(step_id, entry)
            for patch in child.patches:
                parent.merge(patch)

    def _skip(self, branch: Branch, *, after: str, before: str | None) -> None:
        """Mark the steps between two places that nothing has run as skipped, reason `routed`.

        Only outside of forks: what one branch passes by, another may run, so it is judged where they have met.
        """
        if branch is not self.root:
            return
        start = self.job.order[after] + 1
        stop = len(self.job.steps) if before is None else self.job.order[before]
        for step in self.job.steps[start:stop]:
            if step.id not in branch.context.steps:
                branch.write(step.id, StepEntry(raw=None, fields={"status": "skipped"}))
                self._skipped.append(Skipped(step.id))

    def _end_as(self, root: Branch) -> None:
        if root.stand is Stand.DONE:
            self._end(ExecutionState.SUCCESS, None)
        elif root.stand is Stand.CANCELLED:
            self._end(ExecutionState.CANCELLED, root.failure)
        else:
            state = ExecutionState.DEAD_LETTER if root.exhausted else ExecutionState.FAILED
            self._end(state, root.failure, blame=root.blame)

    def _end(
        self, state: ExecutionState, failure: Failure | None, *, blame: frozenset[tuple[str, int]] = frozenset()
    ) -> None:
        if self.ended is None:
            self.ended = Ended(state, failure, blame.union(self._to_blame(self.root, handled=False)))
            self.stopped += [path for path, branch in self._branches.items() if branch.stand is Stand.RUNNING]

    def _to_blame(self, branch: Branch, *, handled: bool) -> Iterator[tuple[str, int]]:
        """Where branches stand that are not over, and what others failed for that no router of theirs `handled`."""
        if branch.fork is not None:
            handled = handled or self.job.step(branch.fork.router).on_failure != "fail"
            for child in branch.fork.branches:
                yield from self._to_blame(child, handled=handled)
        elif not branch.over():
            yield branch.at, branch.visit
        elif not handled:
            yield from branch.blame


def _visit_of(run: StepRun) -> frozenset[tuple[str, int]]:
    return frozenset({(run.step_id, run.visit)})


def _fields(run: StepRun) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "status": run.status.value,
        "started_at": to_iso(run.started_at),
        "completed_at": to_iso(run.completed_at),
        "duration_ms": (run.completed_at - run.started_at) / 1000,
        "attempt": run.attempt,
    }
    if run.failure is not None:
        fields["error"] = {"code": run.failure.code, "message": run.failure.message, "details": run.failure.details}
    return fields
