"""What a rerun keeps of an earlier execution: the results of steps that are not to blame for its end (H5.9). Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from hengio.definition.context import Context
from hengio.errors import Refused
from hengio.lifecycle.advance import Walk
from hengio.model.execution import ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.outcome import Failure

Visit = tuple[str, int]
_UNFINISHED = Failure("unfinished", "it did not end by itself")


def kept(job: Job, runs: Sequence[StepRun], *, from_step: str | None = None) -> list[StepRun]:
    """The step runs that a rerun of the execution takes over, in their order; `runs` are all of it, `job` the
    definition it ran on.

    Without `from_step`: all but those of steps for which it failed, and of steps that had not ended. What was handled
    (`on_failure`, retries that then succeeded) is kept as it was, so that the rerun comes to the same place. With it:
    all but the last visit to that step and what followed from it, which in a fan-out is its branch and the join. Of an
    execution that succeeded nothing is kept without it.
    Raises `Refused` for a step that it did not run.
    """
    again_from = _following(runs, from_step)
    walk = Walk(job, Context(base={}, admin={}))
    taken: list[StepRun] = []
    for run in runs:
        if walk.over():
            break
        if run.sequence not in again_from and walk.awaits(run):
            taken.append(run)
            walk.record(run, None)
    if not walk.over():
        walk.stop(ExecutionState.CANCELLED, _UNFINISHED)
    assert walk.ended is not None
    if walk.ended.state is ExecutionState.SUCCESS:
        return []
    open_visits = {(run.step_id, run.visit) for run in runs if run.status is StepStatus.CANCELLED}
    again = walk.ended.blame | open_visits
    return _placed(job, [run for run in taken if (run.step_id, run.visit) not in again])


def _placed(job: Job, runs: Sequence[StepRun]) -> list[StepRun]:
    """Those that a walk which begins with them comes to. A router can be to blame after its branches have met (the join
    would have run too often): what its branches did follows from what it put out, and runs again with it."""
    walk = Walk(job, Context(base={}, admin={}))
    placed: list[StepRun] = []
    for run in runs:
        if walk.awaits(run):
            placed.append(run)
            walk.record(run, None)
    return placed


def copied(run: StepRun, execution_id: str) -> StepRun:
    """The step run as the new execution has it: under claim 0, and no call of a module of its own (R8)."""
    return replace(run, execution_id=execution_id, claim=0, module_id=None)


def _following(runs: Sequence[StepRun], from_step: str | None) -> set[int]:
    """The sequences of the last visit to the step and of all that followed from it.

    What follows is what came later in its branch or in branches of that; once a branch around it went on, it was joined
    to that one, and all that came later there follows, too. Sibling branches do not.
    """
    if from_step is None:
        return set()
    visits = [run for run in runs if run.step_id == from_step and run.visit > 0]
    if not visits:
        ran = ", ".join(dict.fromkeys(run.step_id for run in runs if run.visit > 0)) or "none"
        raise Refused(f"step '{from_step}' did not run in that execution", hint=f"steps that did: {ran}")
    last = max(run.visit for run in visits)
    first = min((run for run in visits if run.visit == last), key=lambda run: run.sequence)
    branch, following = first.branch, set[int]()
    for run in runs:
        if run.sequence < first.sequence or run.visit == 0:
            continue
        if _within(branch, run.branch):
            branch = run.branch
        if _within(run.branch, branch):
            following.add(run.sequence)
    return following


def _within(inner: str, outer: str) -> bool:
    """Whether one branch is the other, or was forked below it."""
    return not outer or inner == outer or inner.startswith(f"{outer}.")
