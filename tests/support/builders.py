"""Jobs, executions and step runs with everything filled in that a test does not care about."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from hengio import codec
from hengio.clock import SECOND, Micros
from hengio.codec import Json, Raw
from hengio.definition.context import Context
from hengio.ids import new_id
from hengio.lifecycle.advance import Ready
from hengio.model.execution import Execution, ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.module import Module, ModuleFacts
from hengio.model.outcome import Failure
from hengio.model.step import Step
from hengio.storage.protocol import Claim, StoredJob

NOON: Micros = 1_800_000_000 * SECOND
LEASE_SECONDS = 60.0


def a_step(step_id: str, **fields: Any) -> Step:
    """A step of type `wasm`; nothing looks at its configuration."""
    return Step(id=step_id, type="wasm", **fields)


def a_job(*steps: Step | str, name: str = "job", **fields: Any) -> Job:
    """A job of these steps; a plain id is a step without settings."""
    made = tuple(a_step(step) if isinstance(step, str) else step for step in steps)
    return Job(name=name, steps=made, **fields)


def a_context(**variables: Json) -> Context:
    """A context with nothing in it but these variables."""
    return Context(base={"input": None}, admin={}, variables=dict(variables))


def an_execution(stored: StoredJob | None = None, **fields: Any) -> Execution:
    """A pending execution, due at noon."""
    new = new_id()
    execution = Execution(
        id=new,
        job_id="job" if stored is None else stored.id,
        job_version=1 if stored is None else stored.version,
        state=ExecutionState.PENDING,
        trigger="manual",
        input=Raw(b"null"),
        root_id=new,
        created_at=NOON,
        due_at=NOON,
    )
    return replace(execution, **fields)


def a_claim(execution: Execution, *, number: int = 1, worker: str = "worker", lease: float = LEASE_SECONDS) -> Claim:
    """A claim of it under a dispatch number, with a lease in seconds."""
    return Claim(execution.id, number, worker, lease, NOON)


def a_run(step_id: str, *, execution: str = "execution", output: Json = None, **fields: Any) -> StepRun:
    """A step run that succeeded with `output`."""
    data = codec.encode(output)
    run = StepRun(
        execution_id=execution,
        claim=1,
        sequence=1,
        step_id=step_id,
        visit=1,
        attempt=1,
        status=StepStatus.SUCCESS,
        kind="succeeded",
        started_at=NOON,
        completed_at=NOON + SECOND,
        output=Raw(data),
        output_size=len(data),
    )
    return replace(run, **fields)


def run_of(ready: Ready, *, output: Json = None, **fields: Any) -> StepRun:
    """The row of a step run that was given out, succeeded with `output`."""
    step_id = ready.step.id
    return a_run(step_id, output=output, visit=ready.visit, attempt=ready.attempt, branch=ready.branch, **fields)


def failed_run(ready: Ready, *, code: str = "broken", retryable: bool = False, **fields: Any) -> StepRun:
    """The row of a step run that was given out and failed."""
    failure = Failure(code, f"step {ready.step.id} is {code}")
    settings = {"status": StepStatus.FAILED, "kind": "failed", "failure": failure, "retryable": retryable, **fields}
    return replace(run_of(ready), output=None, output_size=0, **settings)


def a_module(name: str = "clean", version: str = "1.0.0", *, digest: str = "aa" * 32, **fields: Any) -> Module:
    """A registered reactor."""
    facts = ModuleFacts(
        kind="reactor",
        digest=digest,
        size=8,
        entries=("run",),
        exports=(),
        imports=(),
        host_functions=(),
        host_io_possible=False,
        memory_minimum_bytes=65_536,
        memory_maximum_bytes=None,
        abi_version=1,
        languages=("Rust",),
        tools=(),
    )
    module = Module(id=new_id(), name=name, version=version, digest=digest, size=8, facts=facts, created_at=NOON)
    return replace(module, **fields)
