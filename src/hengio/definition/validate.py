"""Says at creation whether a job can be accepted, and everything that is wrong or doubtful about it (H3, R13.1).

Spelling first, then shape, then meaning; where the shape has errors, what its steps mean as far as they can be told
apart. A `Catalog` tells what is known where the job will run; without one, what lies outside is not checked.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import get_args

from hengio import codec
from hengio.codec import Json
from hengio.definition import (
    confidential,
    content,
    draft,
    outside,
    parse,
    placed,
    ranges,
    routes,
    shape,
    spellings,
    words,
)
from hengio.definition.configs import CONFIGS
from hengio.definition.findings import Findings
from hengio.definition.flow import Flow
from hengio.definition.normal import Normal
from hengio.definition.outside import Catalog
from hengio.definition.uses import Uses
from hengio.errors import Problem
from hengio.model.job import Job
from hengio.model.step import StepType

__all__ = ["Catalog", "Report", "validate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The verdict. `job` and `normalized` (the canonical definition) are there if it is valid."""

    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    job: Job | None
    normalized: Json | None

    @property
    def valid(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, Json]:
        """`{"valid", "errors", "warnings", "normalized"}`, each problem as `{"path", "message", "hint"}`."""
        return {
            "valid": self.valid,
            "errors": [asdict(each) for each in self.errors],
            "warnings": [asdict(each) for each in self.warnings],
            "normalized": self.normalized,
        }


def validate(document: Json, *, catalog: Catalog | None = None) -> Report:
    """Everything there is to say about a definition as it was read (`parse.read`); never raises for its content."""
    normal = spellings.normalised(document)
    document = normal.document
    findings = Findings(normal.problems, written=normal.origins.author)
    findings.errors_from(normal.untold(parse.job_problems(document)))
    job = None
    if not findings.errors:
        job = _converted(document, findings)
    if parse.too_deep(document) is None:
        _check_configs(normal, findings)
        confidential.check(document, findings)
    if job is not None:
        _check_meaning(job, findings, catalog)
    elif not findings.full and (drafted := draft.job(document)) is not None:
        _check_draft(drafted, findings, catalog)
    if findings.errors:
        job = None
    normalized = codec.decode(parse.canonical(job)) if job is not None else None
    return Report(errors=tuple(findings.errors), warnings=tuple(findings.warnings), job=job, normalized=normalized)


def _converted(document: Json, findings: Findings) -> Job | None:
    try:
        return parse.convert(document)
    except parse.InvalidDefinition as error:
        findings.errors_from(error.problems)
        return None


def _check_configs(normal: Normal, findings: Findings) -> None:
    """The shape of each step's configuration, also where the rest of the document has errors."""
    document = normal.document
    steps = document.get("steps") if isinstance(document, dict) else None
    for place, step in enumerate(steps if isinstance(steps, list) else []):
        if findings.full:
            return
        if not isinstance(step, dict) or step.get("type") not in get_args(StepType):
            continue
        path = words.child("$.steps", place)
        wanted = CONFIGS.get(step["type"])
        if wanted is None:
            message = f"the step type `{step['type']}` is not available in this version"
            findings.error(f"{path}.type", message, f"available: {words.listed(CONFIGS)}")
        elif isinstance(config := step.get("config", {}), dict):
            found = shape.problems(config, wanted, path=f"{path}.config", templates=True)
            findings.errors_from(normal.untold(found))


def _check_draft(job: Job, findings: Findings, catalog: Catalog | None) -> None:
    """Ids, ways, references and configurations. Nothing of order: a field that was left out may have decided it."""
    routes.check(job, findings)
    uses = Uses(job, findings, flow=None, variables=catalog.variables if catalog else None)
    for place, step in enumerate(job.steps):
        path = words.child("$.steps", place)
        content.check_step(step, findings, path)
        placed.check(step, findings, path)
        uses.check(step, path)
        if catalog is not None:
            outside.check(step, findings, path, catalog=catalog)


def _check_meaning(job: Job, findings: Findings, catalog: Catalog | None) -> None:
    variables = catalog.variables if catalog else None
    content.check_job(job, findings, variables=variables)
    flow = Flow(job) if routes.check(job, findings) else None
    uses = Uses(job, findings, flow=flow, variables=variables)
    for place, step in enumerate(job.steps[: ranges.MAX_STEPS]):
        path = words.child("$.steps", place)
        content.check_step(step, findings, path)
        placed.check(step, findings, path)
        uses.check(step, path)
        if flow is not None and not flow.can_run(step.id):
            findings.warn(path, f"nothing leads to `{step.id}`: it can never run")
        if catalog is not None:
            outside.check(step, findings, path, catalog=catalog)
