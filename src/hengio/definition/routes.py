"""Checks of step ids and of what follows what: `next`, `then`, `on_failure` (H3; ABI: Routing)."""

from __future__ import annotations

from hengio.definition import words
from hengio.definition.findings import MOST, Findings
from hengio.definition.ranges import MAX_STEPS
from hengio.ids import is_name
from hengio.model.job import Job
from hengio.model.step import END, Step

RESERVED = (END, "fail", "continue")


def check(job: Job, findings: Findings) -> bool:
    """Tell everything wrong with the ids of the steps and the ways between them; whether nothing is."""
    before = len(findings.errors)
    if not job.steps:
        findings.error("$.steps", "a job needs at least one step")
    elif len(job.steps) > MAX_STEPS:
        findings.error("$.steps", f"more than {MAX_STEPS} steps")
    else:
        _check_ids(job, findings)
        for place, step in enumerate(job.steps):
            _check_ways(job, step, findings, words.child("$.steps", place))
    return len(findings.errors) == before < MOST


def _check_ways(job: Job, step: Step, findings: Findings, path: str) -> None:
    _check_next(job, step, findings, path)
    if step.on_failure not in {"fail", "continue"}:
        _check_id(job, step.on_failure, findings, f"{path}.on_failure")


def _check_ids(job: Job, findings: Findings) -> None:
    first: dict[str, int] = {}
    for place, step in enumerate(job.steps):
        path = f"$.steps[{place}].id"
        if not is_name(step.id) or step.id.endswith("\n"):
            hint = "a letter or `_`, then up to 63 letters, digits, `_` or `-`"
            findings.error(path, f"{words.shown(step.id)} is not a step id", hint)
        elif step.id in RESERVED:
            findings.error(path, f"`{step.id}` is a word of the definition and cannot be a step id")
        elif step.id in first:
            findings.error(path, f"the id `{step.id}` is already that of $.steps[{first[step.id]}]")
        first.setdefault(step.id, place)


def _check_next(job: Job, step: Step, findings: Findings, path: str) -> None:
    match step.next:
        case str() if step.next != END:
            _check_id(job, step.next, findings, f"{path}.next")
        case tuple() if _is_fan_out(step):
            _check_fan_out(job, step, step.next, findings, path)
        case tuple():
            for target in step.next:
                if target != END:
                    _check_id(job, target, findings, f"{path}.next[0]")
        case _:
            pass
    if step.then is not None and not _is_fan_out(step):
        findings.warn(f"{path}.then", "has no effect without a list of steps in `next`")


def _is_fan_out(step: Step) -> bool:
    return isinstance(step.next, tuple) and (len(step.next) > 1 or (len(step.next) == 1 and step.then is not None))


def _check_fan_out(job: Job, step: Step, targets: tuple[str, ...], findings: Findings, path: str) -> None:
    own = job.order[step.id]
    latest = own
    for place, target in enumerate(targets):
        here = f"{path}.next[{place}]"
        if target == END:
            findings.error(here, f"`{END}` cannot be one of several; it stands alone")
        elif target in targets[:place]:
            findings.error(here, f"`{target}` is named twice")
        elif _check_id(job, target, findings, here):
            if job.order[target] <= own:
                message = f"`{target}` does not come after `{step.id}`; a fan-out only goes forward"
                findings.error(here, message, "going back takes a single step")
            latest = max(latest, job.order[target])
    if step.then is not None and _check_id(job, step.then, findings, f"{path}.then") and job.order[step.then] <= latest:
        findings.error(f"{path}.then", f"`{step.then}` must come after every step of `next`")


def _check_id(job: Job, target: str, findings: Findings, path: str) -> bool:
    if target in job.order:
        return True
    if findings.full:
        return False  # nothing more is told, and looking for near names takes long
    if target == END:
        findings.error(path, f"`{END}` ends the job and is meant for `next` alone")
    else:
        findings.error(path, f"there is no step `{words.cut(target)}`", words.nearest(target, job.order))
    return False
