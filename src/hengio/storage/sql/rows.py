"""Values to rows and back: the same columns for both databases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from hengio import codec
from hengio.codec import Raw
from hengio.model.execution import Execution, ExecutionState, StepRun, StepStatus
from hengio.model.outcome import Failure
from hengio.storage.protocol import Claimed

EXECUTION_COLUMNS = (
    "id job_id job_version state trigger input root_id exclusive created_at due_at nominal_time dispatch_number claim "
    "parked_claim crashes worker lease_until started_at finished_at failure idempotency_key rerun_of "
    "redriven_as started_by webhook"
).split()
STEP_RUN_COLUMNS = (
    "execution_id step_id visit attempt sequence claim branch status kind started_at completed_at output output_digest "
    "output_size failure routing context retryable detail module_id"
).split()
CLAIMED_COLUMNS = (*EXECUTION_COLUMNS, "revision")
REVISION = "(SELECT value FROM revisions WHERE name = 'vault') AS revision"
"""What a claim returns beside the execution: the revision of variables and connections at that moment (H6.4)."""

_failures = msgspec.json.Decoder(Failure)
_routings = msgspec.json.Decoder(tuple[tuple[str, ...] | None, str | None])


def execution_row(execution: Execution) -> tuple[Any, ...]:
    """The values of `EXECUTION_COLUMNS` for a new execution."""
    e = execution
    return (
        e.id,
        e.job_id,
        e.job_version,
        e.state.value,
        e.trigger,
        bytes(e.input).decode(),
        e.root_id,
        e.exclusive,
        e.created_at,
        e.due_at,
        e.nominal_time,
        e.dispatch_number,
        e.claim,
        0,
        e.crashes,
        e.worker,
        None,
        e.started_at,
        e.finished_at,
        failure_text(e.failure),
        e.idempotency_key,
        e.rerun_of,
        e.redriven_as,
        e.started_by,
        _text(e.webhook),
    )


def execution(row: Mapping[str, Any] | RowMapping) -> Execution:
    """The execution of a row."""
    return _execution(row, Raw(row["input"].encode()), _raw(row["webhook"]))


def listed(row: Mapping[str, Any] | RowMapping) -> Execution:
    """The execution of a row without `input`, which is empty then, and without `webhook`."""
    return _execution(row, Raw(b""), None)


def _execution(row: Mapping[str, Any] | RowMapping, given: Raw, webhook: Raw | None) -> Execution:
    return Execution(
        id=row["id"],
        job_id=row["job_id"],
        job_version=row["job_version"],
        state=ExecutionState(row["state"]),
        trigger=row["trigger"],
        input=given,
        root_id=row["root_id"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        claim=row["claim"],
        crashes=row["crashes"],
        dispatch_number=row["dispatch_number"],
        worker=row["worker"],
        nominal_time=row["nominal_time"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        failure=failure(row["failure"]),
        exclusive=bool(row["exclusive"]),
        idempotency_key=row["idempotency_key"],
        rerun_of=row["rerun_of"],
        redriven_as=row["redriven_as"],
        started_by=row["started_by"],
        webhook=webhook,
    )


def step_run_row(run: StepRun) -> tuple[Any, ...]:
    """The values of `STEP_RUN_COLUMNS`."""
    return (
        run.execution_id,
        run.step_id,
        run.visit,
        run.attempt,
        run.sequence,
        run.claim,
        run.branch,
        run.status.value,
        run.kind,
        run.started_at,
        run.completed_at,
        _text(run.output),
        run.output_digest,
        run.output_size,
        failure_text(run.failure),
        None if run.routing is None else codec.encode((run.routing, run.then)).decode(),
        _text(run.context),
        run.retryable,
        _text(run.detail),
        run.module_id,
    )


def step_run(row: Sequence[Any]) -> StepRun:
    """The step run of a row in the order of `STEP_RUN_COLUMNS`."""
    routing, then = (None, None) if row[15] is None else _routings.decode(row[15])
    return StepRun(
        execution_id=row[0],
        step_id=row[1],
        visit=row[2],
        attempt=row[3],
        sequence=row[4],
        claim=row[5],
        branch=row[6],
        status=StepStatus(row[7]),
        kind=row[8],
        started_at=row[9],
        completed_at=row[10],
        output=_raw(row[11]),
        output_digest=row[12],
        output_size=row[13],
        failure=failure(row[14]),
        routing=routing,
        then=then,
        context=_raw(row[16]),
        retryable=bool(row[17]),
        detail=_raw(row[18]),
        module_id=row[19],
    )


def failure_text(value: Failure | None) -> str | None:
    return None if value is None else codec.encode(value).decode()


def failure(text: str | None) -> Failure | None:
    return None if text is None else _failures.decode(text)


def claimed(execution: Execution, *, parked_claim: int, revision: int) -> Claimed:
    """A claim's answer. The claim before was lost if it exists and was not the one that was parked."""
    before = execution.claim - 1
    return Claimed(execution, lost=before > 0 and parked_claim != before, revision=revision)


def _text(value: Raw | None) -> str | None:
    return None if value is None else bytes(value).decode()


def _raw(text: str | None) -> Raw | None:
    return None if text is None else Raw(text.encode())
