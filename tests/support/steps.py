"""Requests to steps, as a worker would make them."""

from __future__ import annotations

from typing import Any

from hengio import codec
from hengio.codec import Raw
from hengio.definition.context import Context, StepEntry
from hengio.model.execution import Execution, ExecutionState
from hengio.model.job import Job
from hengio.model.step import Step, StepType
from hengio.steps.protocol import StepRequest, StepResult
from hengio.steps.rehearsal import Rehearsal


def step_request(
    type_: StepType,
    config: dict[str, Any],
    *,
    context: Context | None = None,
    visit: int = 1,
    attempt: int = 1,
    timeout_seconds: float | None = None,
    rehearsal: Rehearsal | None = None,
) -> StepRequest:
    """One attempt of a step `s` of a job with nothing else in it."""
    step = Step(id="s", type=type_, config=config)
    execution = Execution(
        id="execution-1",
        job_id="job-1",
        job_version=1,
        state=ExecutionState.RUNNING,
        trigger="manual",
        input=Raw(b"{}"),
        root_id="execution-1",
        created_at=0,
        due_at=0,
    )
    return StepRequest(
        execution=execution,
        job=Job(name="job", steps=(step,)),
        step=step,
        visit=visit,
        attempt=attempt,
        context=context or step_context(),
        timeout_seconds=timeout_seconds,
        on_log=lambda line: None,
        rehearsal=rehearsal,
    )


def step_context(
    *,
    variables: dict[str, Any] | None = None,
    secret_names: frozenset[str] = frozenset(),
    given: Any = None,
    outputs: dict[str, Any] | None = None,
) -> Context:
    """A context with an administrator's `variables`, of which `secret_names` are sensitive, the input `given`, and
    steps that ran with these `outputs`."""
    entries = {
        name: StepEntry(raw=Raw(codec.encode(output)), fields={"status": "success"})
        for name, output in (outputs or {}).items()
    }
    return Context(base={"input": given}, admin=variables or {}, secret_names=secret_names, steps=entries)


def output_of(result: StepResult) -> Any:
    """The output of a step that succeeded; else the test fails with the step's own words."""
    assert result.failure is None, result.failure
    assert result.output is not None
    return codec.decode(result.output)


def failure_of(result: StepResult) -> str:
    """The message of a step that failed."""
    assert result.failure is not None, result.output
    return result.failure.message
