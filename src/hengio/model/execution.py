"""One run of a job: its states, and the only ways from one to another."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from hengio.clock import Micros
from hengio.codec import Raw
from hengio.model.outcome import Failure

TriggerSource = Literal["schedule", "backfill", "manual", "webhook", "rerun"]


class ExecutionState(StrEnum):
    """Where an execution is (H5)."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    DEAD_LETTER = "dead_letter"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


S = ExecutionState
FINAL = frozenset({S.SUCCESS, S.FAILED, S.TIMEOUT, S.DEAD_LETTER, S.CANCELLED})
TRANSITIONS: dict[ExecutionState, frozenset[ExecutionState]] = {
    S.PENDING: frozenset({S.RUNNING, S.CANCELLED, S.TIMEOUT}),
    S.RUNNING: frozenset({S.PENDING, S.CANCELLING}) | FINAL,
    S.CANCELLING: FINAL,  # an end that came before the cancel reached its worker holds
    S.SUCCESS: frozenset(),
    S.FAILED: frozenset(),
    S.TIMEOUT: frozenset(),
    S.DEAD_LETTER: frozenset({S.CANCELLED}),
    S.CANCELLED: frozenset(),
}
"""The only ways from one state to another; what the stores do is held against it (`before`)."""


def before(state: ExecutionState) -> list[ExecutionState]:
    """The states from which an execution may come to `state`."""
    return [source for source, targets in TRANSITIONS.items() if state in targets]


class Execution(Struct, frozen=True, kw_only=True):
    """An execution as it is stored.

    `claim` is the fencing token: it grows with every claim, and a write that carries an older one is dropped.
    `exclusive` means that no other execution of the job may run beside it. `crashes` counts claims that were lost.
    `dispatch_number` grows with every deliberate publish. `idempotency_key` is its trigger's: unique within the job.
    `rerun_of` is the execution whose finished steps it kept, `redriven_as` the one that took a dead letter's place;
    `root_id` is the first of such a line. `started_by` names who asked for it. `webhook` is what a webhook was sent:
    `{"payload", "query_params", "headers"}`; a rerun keeps it.
    """

    id: str
    job_id: str
    job_version: int
    state: ExecutionState
    trigger: TriggerSource
    input: Raw
    root_id: str
    created_at: Micros
    due_at: Micros
    claim: int = 0
    crashes: int = 0
    dispatch_number: int = 1
    exclusive: bool = False
    worker: str | None = None
    nominal_time: Micros | None = None
    idempotency_key: str | None = None
    rerun_of: str | None = None
    redriven_as: str | None = None
    started_by: str | None = None
    started_at: Micros | None = None
    finished_at: Micros | None = None
    failure: Failure | None = None
    webhook: Raw | None = None


class ExecutionFilter(Struct, frozen=True, kw_only=True):
    """Which executions are asked for; everything that is not given matches. `since` is inclusive, `until` is not.

    `open_only`: of dead letters only those that were not redriven; `living`: only of jobs that were not deleted.
    """

    job_id: str | None = None
    states: tuple[ExecutionState, ...] = ()
    since: Micros | None = None
    until: Micros | None = None
    open_only: bool = False
    living: bool = False


EVERY = ExecutionFilter()


class StepStatus(StrEnum):
    """How one attempt of a step ended, or that it did not run."""

    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"
    LOST = "lost"


class StepRun(Struct, frozen=True, kw_only=True):
    """One attempt of a step, as the journal keeps it: keyed by (execution, step, visit, attempt).

    `branch` is the path of the fan-out it ran in (`""` outside one, `2` or `2.0` inside). `output` is inline JSON, or
    `output_digest` names it in the object store. `detail` holds what the step type measured (fuel, memory, log lines).
    `module_id` is the module it called, if it called one: such a run is its entry in the execution log (R8). `claim` 0
    is that of a run which was kept from an earlier execution.
    """

    execution_id: str
    claim: int
    sequence: int
    step_id: str
    visit: int
    attempt: int
    branch: str = ""
    status: StepStatus
    kind: str = ""
    started_at: Micros
    completed_at: Micros
    output: Raw | None = None
    output_digest: str | None = None
    output_size: int = 0
    failure: Failure | None = None
    routing: tuple[str, ...] | None = None
    then: str | None = None
    context: Raw | None = None
    retryable: bool = False
    detail: Raw | None = None
    module_id: str | None = None
