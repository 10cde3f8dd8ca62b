"""What people do to executions: cancel, rerun, discard. Each a transaction that asks for the state it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, text, update

from hengio.clock import SECOND, Micros
from hengio.errors import Conflict, Limited, NotFound
from hengio.model.execution import FINAL, Execution, ExecutionState, StepRun
from hengio.model.job import RateLimit
from hengio.model.outcome import Failure
from hengio.storage.protocol import Cancelling
from hengio.storage.sql import rows, tables
from hengio.storage.sql.database import Database
from hengio.storage.sql.states import HELD, UNFINISHED

_executions = tables.executions
_jobs = tables.jobs
_step_runs = tables.step_runs
S = ExecutionState
_CANCELLED = Failure("cancelled", "the execution was cancelled", retryable=False)


class SqlInterventions:
    """`InterventionStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cancel(self, execution_id: str, *, why: Failure, at: Micros) -> ExecutionState:
        return await self._database.write(lambda connection: _cancel(connection, execution_id, why, at))

    async def cancelling(self) -> list[Cancelling]:
        columns = (_executions.c.id, _executions.c.claim, _executions.c.failure)
        # This leads to the index of what workers hold, which is short. SQLite wants its condition word for word.
        query = select(*columns).where(text(f"state = 'cancelling' AND state IN {HELD} AND lease_until IS NOT NULL"))
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [Cancelling(name, claim, rows.failure(why) or _CANCELLED) for name, claim, why in found]

    async def rerun(self, execution: Execution, kept: Sequence[StepRun], *, source: ExecutionState) -> None:
        await self._database.write(lambda connection: _rerun(connection, execution, kept, source))

    async def discard(self, execution_id: str, *, why: Failure, at: Micros) -> None:
        def write(connection: Connection) -> None:
            row = _locked(connection, execution_id)
            _check_open(row)
            _set(connection, execution_id, state=S.CANCELLED.value, failure=rows.failure_text(why), finished_at=at)

        await self._database.write(write)

    async def begin_alone(self, execution: Execution, *, limit: RateLimit | None = None) -> Execution:
        return await self._database.write(lambda connection: _begin_alone(connection, execution, limit))

    async def begin_instead(self, execution: Execution, *, why: Failure, limit: RateLimit | None = None) -> Execution:
        return await self._database.write(lambda connection: _begin_instead(connection, execution, why, limit))

    async def begin_within(self, execution: Execution, *, limit: RateLimit) -> Execution:
        return await self._database.write(lambda connection: _begin_within(connection, execution, limit))


def _cancel(connection: Connection, execution_id: str, why: Failure, at: Micros) -> ExecutionState:
    row = _locked(connection, execution_id)
    state = ExecutionState(row["state"])
    if state is S.PENDING:
        _set(connection, execution_id, state=S.CANCELLED.value, failure=rows.failure_text(why), finished_at=at)
        return S.CANCELLED
    if state is S.RUNNING:
        _set(connection, execution_id, state=S.CANCELLING.value, failure=rows.failure_text(why))
        return S.CANCELLING
    if state in FINAL:
        hint = "`hengio deadletter discard` gives a dead letter up" if state is S.DEAD_LETTER else ""
        raise Conflict(f"execution '{execution_id}' is over: {state.value}", hint=hint)
    return state


def _rerun(connection: Connection, execution: Execution, kept: Sequence[StepRun], expected: ExecutionState) -> None:
    source = _locked(connection, execution.rerun_of or "")
    state = ExecutionState(source["state"])
    if state not in FINAL:
        raise Conflict(f"execution '{execution.rerun_of}' is not over: {state.value}", hint="cancel it first")
    if expected is S.DEAD_LETTER:
        _check_open(source)
        _set(connection, source["id"], redriven_as=execution.id)
    elif state is not expected:
        raise Conflict(f"execution '{execution.rerun_of}' is {state.value} by now")
    beside = select(_executions.c.id).where(
        _executions.c.job_id == source["job_id"],
        _executions.c.rerun_of == source["id"],
        text(f"state IN {UNFINISHED}"),
    )
    if (other := connection.execute(beside.limit(1)).scalar()) is not None:
        raise Conflict(f"execution '{source['id']}' is being rerun as '{other}'", hint="wait for its end, or cancel it")
    _insert(connection, execution)
    if kept:
        found = [dict(zip(rows.STEP_RUN_COLUMNS, rows.step_run_row(run), strict=True)) for run in kept]
        connection.execute(insert(_step_runs), found)


def _begin_within(connection: Connection, execution: Execution, limit: RateLimit) -> Execution:
    if (known := _known(connection, execution)) is not None:
        return known
    _check_limit(connection, execution, limit)
    _insert(connection, execution)
    return execution


def _begin_alone(connection: Connection, execution: Execution, limit: RateLimit | None) -> Execution:
    if (known := _known(connection, execution)) is not None:
        return known
    _check_limit(connection, execution, limit)
    if others := _unfinished(connection, execution.job_id):
        raise Conflict(
            f"execution '{others[0]}' of this job is not over",
            hint="the job's overlap is `skip`: try again when it is over, or cancel it",
        )
    _insert(connection, execution)
    return execution


def _begin_instead(connection: Connection, execution: Execution, why: Failure, limit: RateLimit | None) -> Execution:
    if (known := _known(connection, execution)) is not None:
        return known
    _check_limit(connection, execution, limit)
    for other in _unfinished(connection, execution.job_id):
        _cancel(connection, other, why, execution.created_at)
    _insert(connection, execution)
    return execution


def _known(connection: Connection, execution: Execution) -> Execution | None:
    """The execution that was begun under its key. The job's row is locked first, so that of two who ask at the same
    time the second sees what the first did."""
    connection.execute(select(_jobs.c.id).where(_jobs.c.id == execution.job_id).with_for_update(key_share=True))
    if execution.idempotency_key is None:
        return None
    same = (_executions.c.job_id == execution.job_id) & (_executions.c.idempotency_key == execution.idempotency_key)
    known = connection.execute(select(_executions).where(same)).mappings().first()
    return None if known is None else rows.execution(known)


def _check_limit(connection: Connection, execution: Execution, limit: RateLimit | None) -> None:
    """Raise `Limited` if as many as may be lie in the window that ends with this one, or later: another process may
    have begun one since this one's moment was taken. The job's row is locked."""
    if limit is None:
        return
    window = limit.window_seconds * SECOND
    begun = select(_executions.c.created_at).where(
        _executions.c.job_id == execution.job_id,
        text("trigger = 'webhook'"),
        _executions.c.created_at > execution.created_at - window,
    )
    last = begun.order_by(_executions.c.created_at.desc()).offset(limit.max_requests - 1).limit(1)
    if (oldest := connection.execute(last).scalar()) is not None:
        wait = max(1, -((execution.created_at - oldest - window) // SECOND))
        message = f"at most {limit.max_requests} in {limit.window_seconds} s are taken"
        raise Limited(message, retry_after_seconds=wait)


def _unfinished(connection: Connection, job_id: str) -> list[str]:
    query = select(_executions.c.id).where(_executions.c.job_id == job_id, text(f"state IN {UNFINISHED}"))
    return [*connection.execute(query.order_by(_executions.c.id)).scalars()]


def _locked(connection: Connection, execution_id: str) -> Mapping[str, Any]:
    query = select(_executions).where(_executions.c.id == execution_id).with_for_update()
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"there is no execution '{execution_id}'")
    return dict(row)


def _check_open(row: Mapping[str, Any]) -> None:
    if row["redriven_as"] is not None:
        raise Conflict(f"dead letter '{row['id']}' was redriven as '{row['redriven_as']}'")
    if row["state"] != S.DEAD_LETTER.value:
        raise Conflict(f"execution '{row['id']}' is no dead letter: {row['state']}")


def _set(connection: Connection, execution_id: str, **values: Any) -> None:
    connection.execute(update(_executions).where(_executions.c.id == execution_id).values(**values))


def _insert(connection: Connection, execution: Execution) -> None:
    values = dict(zip(rows.EXECUTION_COLUMNS, rows.execution_row(execution), strict=True))
    connection.execute(insert(_executions).values(values))
