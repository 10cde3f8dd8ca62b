"""Executions and step runs: cold reads in SQLAlchemy Core; hot writes are handed to the database whole."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, func, or_, select, text, tuple_, update

from hengio import codec
from hengio.clock import SECOND, Micros
from hengio.errors import NotFound
from hengio.model.execution import EVERY, Execution, ExecutionFilter, ExecutionState, StepRun
from hengio.model.outcome import Failure
from hengio.storage.protocol import Answer, Entry, Work
from hengio.storage.sql import rows, tables
from hengio.storage.sql.database import Database
from hengio.storage.sql.states import BAD_ENDS, BEGUN, ENDED_BADLY, HELD, RETURNABLE, UNFINISHED

_executions = tables.executions
_step_runs = tables.step_runs
_LISTED = [column for column in _executions.c if column.name not in {"input", "webhook"}]
"""A list of executions does not load what they were given, of up to 1 MiB each."""

_LOOKED_THROUGH = 4
"""So many times as many executions as are asked for are looked at, since some of them did not end well."""


class SqlExecutions:
    """`ExecutionStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        return await self._database.commit(entries)

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        await self._database.extend(claims, lease_seconds=lease_seconds)

    async def load(self, execution_id: str) -> Execution:
        query = select(_executions).where(_executions.c.id == execution_id)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        if row is None:
            raise NotFound(f"there is no execution '{execution_id}'")
        return rows.execution(row)

    async def keyed(self, job_id: str, idempotency_key: str) -> Execution | None:
        same = (_executions.c.job_id == job_id, _executions.c.idempotency_key == idempotency_key)
        query = select(_executions).where(*same)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else rows.execution(row)

    async def runs(self, execution_id: str) -> list[StepRun]:
        columns = [_step_runs.c[name] for name in rows.STEP_RUN_COLUMNS]
        query = (
            select(*columns)
            .where(_step_runs.c.execution_id == execution_id)
            .order_by(_step_runs.c.sequence, _step_runs.c.completed_at)
        )
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [rows.step_run(row) for row in found]

    async def recent(
        self, wanted: ExecutionFilter = EVERY, *, limit: int = 50, before: Execution | None = None
    ) -> list[Execution]:
        columns = _executions.c
        query = select(*_LISTED).where(*_conditions(wanted))
        query = query.order_by(columns.created_at.desc(), columns.id.desc()).limit(limit)
        if before is not None:
            query = query.where(tuple_(columns.created_at, columns.id) < (before.created_at, before.id))
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [rows.listed(row) for row in found]

    async def latest(self, job_ids: Collection[str]) -> dict[str, Execution]:
        jobs, newest = tables.jobs, _executions.alias("newest")
        inner = select(newest.c.id).where(newest.c.job_id == jobs.c.id)
        inner = inner.order_by(newest.c.created_at.desc(), newest.c.id.desc()).limit(1)
        ids = select(inner.scalar_subquery()).where(jobs.c.id.in_(set(job_ids)))
        query = select(*_LISTED).where(_executions.c.id.in_(ids))
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return {row["job_id"]: rows.listed(row) for row in found}

    async def durations(self, job_ids: Collection[str], *, limit: int) -> dict[str, list[float]]:
        columns = (_executions.c.state, _executions.c.started_at, _executions.c.finished_at, _executions.c.rerun_of)
        latest = select(*columns).where(_executions.c.job_id == bindparam("job"))
        looked = latest.order_by(_executions.c.created_at.desc()).limit(_LOOKED_THROUGH * limit).subquery()
        ended_well = looked.c.state == ExecutionState.SUCCESS.value, looked.c.rerun_of.is_(None)
        query = select(looked.c.finished_at - looked.c.started_at).where(*ended_well).limit(limit)

        def read(connection: Connection) -> dict[str, list[float]]:
            return {
                job_id: [took / SECOND for took in connection.execute(query, {"job": job_id}).scalars()]
                for job_id in sorted(set(job_ids))
            }

        return {job_id: found for job_id, found in (await self._database.read(read)).items() if found}

    async def due(self, *, before: Micros, limit: int) -> list[Work]:
        waits = text("state = 'pending'"), _executions.c.due_at <= before
        taken = select(_executions.c.job_id).where(text(f"exclusive AND {BEGUN}"))
        turns = select(func.min(_executions.c.id)).where(*waits, text("exclusive"), _executions.c.job_id.not_in(taken))
        first = turns.group_by(_executions.c.job_id).scalar_subquery()
        query = (
            select(_executions.c.id, _executions.c.dispatch_number)
            .where(*waits, or_(text("NOT exclusive"), text("started_at IS NOT NULL"), _executions.c.id.in_(first)))
            .order_by(_executions.c.due_at)
            .limit(limit)
        )
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return [Work(execution_id, number) for execution_id, number in found]

    async def unfinished(self) -> int:
        query = select(func.count()).where(text(f"state IN {HELD} OR state = 'pending'"))
        query = query.select_from(_executions)
        return await self._database.read(lambda connection: connection.execute(query).scalar_one())

    async def next_due(self) -> Micros | None:
        query = select(func.min(_executions.c.due_at)).where(text("state = 'pending'"))
        return await self._database.read(lambda connection: connection.execute(query).scalar())

    async def recover(self, *, everything: bool, at: Micros) -> list[Work]:
        # A row that is locked is being written by its worker at this moment: that one is alive.
        taken = select(_executions.c.id).where(text(f"state IN {HELD}")).order_by(_executions.c.id)
        if not everything:
            taken = taken.where(text(f"lease_until < {self._database.now()}"))
        goes_on = text(f"state IN {RETURNABLE}")
        query = (
            update(_executions)
            .where(_executions.c.id.in_(taken.with_for_update(skip_locked=not everything)))
            .values(
                state=case((goes_on, "pending"), else_="cancelled"),
                finished_at=case((goes_on, None), else_=at),
                crashes=_executions.c.crashes + 1,
                dispatch_number=_executions.c.dispatch_number + 1,
                due_at=at,
                worker=None,
                lease_until=None,
            )
            .returning(_executions.c.id, _executions.c.dispatch_number, _executions.c.state)
        )
        found = await self._database.write(lambda connection: connection.execute(query).all())
        return [Work(execution_id, number) for execution_id, number, state in found if state == "pending"]

    async def expire(self, *, at: Micros, limit: int) -> list[str]:
        late = _late(at).limit(limit)
        if not await self._database.read(lambda connection: connection.execute(late.limit(1)).all()):
            return []  # as nearly always, and then nobody waits for a lock
        locking = late.with_for_update(of=_executions, skip_locked=True)
        return await self._database.write(lambda connection: _expire(connection, locking, at))


def _late(at: Micros) -> Select[Any]:
    """What waits beyond its deadline: found by the few jobs that have one, and by what of these is not over."""
    versions = tables.job_versions
    deadline = versions.c.deadline_seconds
    limited = select(versions.c.job_id).where(text("deadline_seconds IS NOT NULL"))
    return (
        select(_executions.c.id, deadline)
        .join(versions, (versions.c.job_id == _executions.c.job_id) & (versions.c.version == _executions.c.job_version))
        .where(_executions.c.job_id.in_(limited), text(f"executions.state IN {UNFINISHED}"))
        .where(text("executions.state = 'pending'"), _executions.c.created_at <= at - deadline * SECOND)
    )


def _expire(connection: Connection, late: Select[Any], at: Micros) -> list[str]:
    ended: dict[float, list[str]] = {}
    for execution_id, seconds in connection.execute(late).all():
        ended.setdefault(seconds, []).append(execution_id)
    for seconds, ids in ended.items():
        why = Failure("timed_out", f"the job's deadline_seconds ({seconds:g}) ended while it waited", retryable=False)
        change = update(_executions).where(_executions.c.id.in_(ids), text("state = 'pending'"))
        end = {"state": "timeout", "finished_at": at, "failure": codec.encode(why).decode(), "worker": None}
        connection.execute(change.values(end))
    return [execution_id for ids in ended.values() for execution_id in ids]


def _conditions(wanted: ExecutionFilter) -> list[ColumnElement[bool]]:
    columns = _executions.c
    conditions: list[ColumnElement[bool]] = []
    if wanted.job_id is not None:
        conditions.append(columns.job_id == wanted.job_id)
    if wanted.states:
        # What partial indexes are made for is written out in their words, or they are not found.
        names = [state.value for state in wanted.states]
        conditions.append(text(f"state = '{names[0]}'") if len(names) == 1 else columns.state.in_(names))  # type: ignore[arg-type]
        if all(state in ENDED_BADLY for state in wanted.states):
            conditions.append(text(f"state IN {BAD_ENDS}"))  # type: ignore[arg-type]
    if wanted.since is not None:
        conditions.append(columns.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(columns.created_at < wanted.until)
    if wanted.open_only:
        conditions.append(columns.redriven_as.is_(None))
    if wanted.living:
        conditions.append(columns.job_id.in_(select(tables.jobs.c.id).where(tables.jobs.c.deleted_at.is_(None))))
    return conditions
