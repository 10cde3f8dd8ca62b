"""Schedules that are followed, and the fire ledger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, case, delete, func, insert, select, text, tuple_, update

from hengio import codec
from hengio.clock import Micros
from hengio.definition.inputs import filled
from hengio.errors import NotFound
from hengio.model.execution import Execution
from hengio.model.fire import Fire, FireFilter, FireState
from hengio.model.job import Job
from hengio.storage.protocol import StoredJob
from hengio.storage.schedules import Decide, Decided, ScheduleRow
from hengio.storage.sql import firing, rows, tables
from hengio.storage.sql.database import Database

_schedules = tables.schedules
_fires = tables.fires
_FOLLOWED = text("next_at IS NOT NULL")
_STOPPED = text("next_at IS NULL AND NOT finished")


class SqlSchedules:
    """`ScheduleStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def decide(self, decide: Decide, *, before: Micros, limit: int, job_id: str | None = None) -> Decided:
        return await self._database.decide(decide, before=before, limit=limit, job_id=job_id)

    async def latest_decided(self) -> Micros | None:
        query = select(func.max(_fires.c.nominal_time))
        return await self._database.read(lambda connection: connection.execute(query).scalar())

    async def first_fire(self, job_id: str) -> Micros | None:
        query = select(func.min(_fires.c.nominal_time)).where(_fires.c.job_id == job_id)
        return await self._database.read(lambda connection: connection.execute(query).scalar())

    async def reopen(self, *, at: Micros) -> int:
        return await self._database.write(lambda connection: _reopen(connection, at))

    async def due(self, *, before: Micros, limit: int) -> list[str]:
        query = select(_schedules.c.job_id).where(_FOLLOWED, _schedules.c.next_at <= before)
        query = query.order_by(_schedules.c.next_at).limit(limit)
        return await self._database.read(lambda connection: [*connection.execute(query).scalars()])

    async def stop(self, job_id: str, *, problem: str) -> None:
        change = update(_schedules).where(_schedules.c.job_id == job_id).values(next_at=None, problem=problem)
        await self._database.write(lambda connection: connection.execute(change))

    async def next_at(self) -> Micros | None:
        query = select(func.min(_schedules.c.next_at)).where(_FOLLOWED)
        return await self._database.read(lambda connection: connection.execute(query).scalar())

    async def get(self, job_id: str) -> ScheduleRow | None:
        query = select(_schedules).where(_schedules.c.job_id == job_id)
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        return None if row is None else firing.schedule_row(row)

    async def all(self, *, limit: int, after: str | None = None) -> list[ScheduleRow]:
        query = select(_schedules).order_by(_schedules.c.job_id).limit(limit)
        if after is not None:
            query = query.where(_schedules.c.job_id > after)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [firing.schedule_row(row) for row in found]

    async def pause(self, job_id: str, *, paused: bool, at: Micros) -> ScheduleRow:
        row = await self._database.write(lambda connection: _pause(connection, job_id, paused, at))
        if row is None:
            raise NotFound(f"job '{job_id}' follows no schedule")
        return firing.schedule_row(row)

    async def alarming(self, *, overdue_before: Micros, limit: int) -> list[ScheduleRow]:
        active = select(_schedules).where(_schedules.c.enabled, ~_schedules.c.paused).limit(limit)
        stopped = active.where(_STOPPED)
        overdue = active.where(_FOLLOWED, _schedules.c.next_at < overdue_before)

        def read(connection: Connection) -> list[RowMapping]:
            return [row for query in (stopped, overdue) for row in connection.execute(query).mappings()]

        return [firing.schedule_row(row) for row in (await self._database.read(read))[:limit]]

    async def fires(self, wanted: FireFilter, *, limit: int, before: Fire | None = None) -> list[Fire]:
        columns = _fires.c
        query = select(_fires).order_by(columns.nominal_time.desc(), columns.job_id.desc()).limit(limit)
        if wanted.job_id is not None:
            query = query.where(columns.job_id == wanted.job_id)
        if wanted.states:
            query = query.where(columns.state.in_([state.value for state in wanted.states]))
        if wanted.since is not None:
            query = query.where(func.coalesce(columns.until, columns.nominal_time) >= wanted.since)
        if wanted.until is not None:
            query = query.where(columns.nominal_time < wanted.until)
        if before is not None:
            query = query.where(tuple_(columns.nominal_time, columns.job_id) < (before.nominal_time, before.job_id))
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return [firing.fire(row) for row in found]

    async def latest_fires(self, job_ids: Sequence[str]) -> dict[str, Fire]:
        newest = _fires.alias("newest")
        last = select(func.max(newest.c.nominal_time)).where(newest.c.job_id == _schedules.c.job_id).scalar_subquery()
        query = select(_fires).join(_schedules, _schedules.c.job_id == _fires.c.job_id)
        query = query.where(_schedules.c.job_id.in_(job_ids), _fires.c.nominal_time == last)
        found = await self._database.read(lambda connection: connection.execute(query).mappings().all())
        return {row["job_id"]: firing.fire(row) for row in found}

    async def backfill(self, fires: Sequence[tuple[Fire, Execution]]) -> list[Execution]:
        return await self._database.write(lambda connection: _backfill(connection, fires))


def follow(connection: Connection, stored: StoredJob, at: Micros) -> None:
    """Follow the job's schedule as it is from now on, in the transaction that changes the job (H1.8).

    What the schedule was until now has been decided for up to `at`, or up to its next time if that had come already.
    """
    job = stored.job
    known = _known(connection, stored.id)
    if job.schedule is None or not job.triggers.scheduled:
        connection.execute(delete(_schedules).where(_schedules.c.job_id == stored.id))
        return
    values = _followed(stored, job)
    if known is None:
        begun = {"job_id": stored.id, "paused": False, "anchor": at, "decided_until": at, "next_at": at}
        connection.execute(insert(_schedules).values(**values, **begun, finished=False))
        return
    if known["schedule"] != values["schedule"]:
        until = at if known["next_at"] is None else min(at, known["next_at"] - 1)
        values |= {"decided_until": max(known["decided_until"], until), "next_at": at, "finished": False}
        values |= {
            "problem": None,
            "anchor": known["anchor"] if _beats(known["schedule"]) == _beats(values["schedule"]) else at,
        }
    elif known["problem"] is not None:
        values |= {"next_at": at, "problem": None}
    connection.execute(update(_schedules).where(_schedules.c.job_id == stored.id).values(values))


def _beats(schedule: str) -> tuple[object, ...]:
    """What intervals of a schedule count by: as long as that stays, they go on counting from where they did."""
    found = codec.decode(schedule.encode())
    return tuple(found.get(name) for name in ("type", "interval_seconds", "delay_seconds", "start_date"))


def enable(connection: Connection, job_id: str, *, enabled: bool) -> None:
    """The job is enabled now, or not."""
    connection.execute(update(_schedules).where(_schedules.c.job_id == job_id).values(enabled=enabled))


def forget(connection: Connection, job_id: str) -> None:
    """Follow it no more; what is in the ledger stays."""
    connection.execute(delete(_schedules).where(_schedules.c.job_id == job_id))


def _followed(stored: StoredJob, job: Job) -> dict[str, Any]:
    return {
        "job_version": stored.version,
        "schedule": codec.encode(job.schedule).decode(),
        "input": codec.encode(filled(job, None)).decode(),
        "enabled": job.enabled,
        "exclusive": job.exclusive,
        "overlap": job.overlap,
    }


def _known(connection: Connection, job_id: str) -> RowMapping | None:
    query = select(_schedules).where(_schedules.c.job_id == job_id).with_for_update()
    return connection.execute(query).mappings().first()


def _pause(connection: Connection, job_id: str, paused: bool, at: Micros) -> RowMapping | None:
    known = _known(connection, job_id)
    if known is None:
        return None
    values: dict[str, Any] = {"paused": paused}
    if not paused and known["problem"] is not None:
        values |= {"problem": None, "next_at": at}
    connection.execute(update(_schedules).where(_schedules.c.job_id == job_id).values(values))
    return _known(connection, job_id)


def _reopen(connection: Connection, at: Micros) -> int:
    anchor = case((_schedules.c.anchor > at, at), else_=_schedules.c.anchor)
    ahead = update(_schedules).where(_schedules.c.decided_until > at)
    found = connection.execute(ahead.values(decided_until=at, next_at=at, anchor=anchor, finished=False)).rowcount
    not_fired = _fires.c.state != FireState.FIRED.value
    connection.execute(delete(_fires).where(_fires.c.nominal_time > at, not_fired))
    connection.execute(update(_fires).where(_fires.c.until > at).values(until=at))
    return found


def _backfill(connection: Connection, fires: Sequence[tuple[Fire, Execution]]) -> list[Execution]:
    if not fires:
        return []
    job_id = fires[0][0].job_id
    _known(connection, job_id)  # nobody decides for it meanwhile
    times = [fire.nominal_time for fire, _ in fires]
    query = select(_fires.c.nominal_time, _fires.c.state).where(
        _fires.c.job_id == job_id, _fires.c.nominal_time.in_(times)
    )
    stands = {row.nominal_time: row.state for row in connection.execute(query)}
    wanted = [(fire, begun) for fire, begun in fires if stands.get(fire.nominal_time) != FireState.FIRED.value]
    for fire, _ in wanted:
        values = dict(zip(firing.FIRE_COLUMNS, firing.fire_row(fire), strict=True))
        if fire.nominal_time in stands:
            same = (_fires.c.job_id == job_id) & (_fires.c.nominal_time == fire.nominal_time)
            connection.execute(update(_fires).where(same).values(values))
        else:
            connection.execute(insert(_fires).values(values))
    if wanted:
        found = [dict(zip(rows.EXECUTION_COLUMNS, rows.execution_row(begun), strict=True)) for _, begun in wanted]
        connection.execute(insert(tables.executions), found)
    return [begun for _, begun in wanted]
