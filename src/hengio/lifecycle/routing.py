"""Which steps follow a step: its `next`, the following one, or what a module decided (ABI: Routing). Pure."""

from __future__ import annotations

from typing import assert_never

from msgspec import Struct

from hengio.model.job import Job
from hengio.model.outcome import Failure
from hengio.model.step import END, Step


class End(Struct, frozen=True):
    """Nothing follows: this thread of control is over."""


class Go(Struct, frozen=True):
    """One step follows."""

    step_id: str


class Split(Struct, frozen=True):
    """Several steps follow at once, meeting at `join` (None: the end of the job)."""

    targets: tuple[str, ...]
    join: str | None


Route = End | Go | Split


def successor(job: Job, step: Step) -> Route | Failure:
    """What follows when nothing else was decided: `next`, else the following step in definition order."""
    match step.next:
        case None:
            return _following(job, step.id)
        case str() as target:
            return End() if target == END else Go(target)
        case tuple() as targets:
            return decided(job, step, targets=targets, then=step.then)
        case _ as never:
            assert_never(never)


def decided(job: Job, step: Step, *, targets: tuple[str, ...], then: str | None) -> Route | Failure:
    """What follows by a routing decision; a `Failure` of code `invalid_routing` says what is wrong with it (R12.5)."""
    if not targets:
        return End()
    if len(targets) == 1 and targets[0] == END and then is None:
        return End()
    unknown = [target for target in (*targets, *([] if then is None else [then])) if target not in job.order]
    if unknown:
        return refused(job, f"step '{step.id}' routes to {_listed(unknown)}, which this job does not have")
    if len(targets) == 1 and then is None:
        return Go(targets[0])
    return _split(job, step, targets=targets, then=then)


def _split(job: Job, step: Step, *, targets: tuple[str, ...], then: str | None) -> Route | Failure:
    repeated = [target for target in targets if targets.count(target) > 1]
    if repeated:
        return refused(job, f"step '{step.id}' routes to '{repeated[0]}' more than once")
    place = job.order[step.id]
    before = [target for target in targets if job.order[target] <= place]
    if before:
        return refused(
            job, f"step '{step.id}' fans out to {_listed(before)}, which does not come after it in the definition"
        )
    if then in targets:
        return refused(job, f"step '{step.id}' names '{then}' both as a target and as the step where branches meet")
    ordered = tuple(sorted(targets, key=job.order.__getitem__))
    return Split(ordered, then if then is not None else _after_last(job, ordered))


def _after_last(job: Job, ordered: tuple[str, ...]) -> str | None:
    place = job.order[ordered[-1]] + 1
    return job.steps[place].id if place < len(job.steps) else None


def _following(job: Job, step_id: str) -> Route:
    place = job.order[step_id] + 1
    return Go(job.steps[place].id) if place < len(job.steps) else End()


def refused(job: Job, message: str) -> Failure:
    """`invalid_routing`, with the ids that would have been valid (R12.5)."""
    return Failure("invalid_routing", message, details={"valid_steps": list(job.order)}, retryable=False)


def _listed(ids: list[str]) -> str:
    return ", ".join(f"'{step_id}'" for step_id in ids)
