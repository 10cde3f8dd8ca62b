"""Jobs and their versions."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import ColumnElement, Connection, Select, case, delete, insert, literal, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from hengio import codec
from hengio.clock import Micros
from hengio.errors import Conflict, NotFound
from hengio.ids import new_id
from hengio.model.job import Job
from hengio.storage.protocol import StoredJob
from hengio.storage.sql import revisions, schedules, tables
from hengio.storage.sql.database import Database
from hengio.storage.sql.states import UNFINISHED

_jobs = tables.jobs
_versions = tables.job_versions
_definitions = msgspec.json.Decoder(Job)


class SqlJobs:
    """`JobStore` on SQL."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, job: Job, *, at: Micros) -> StoredJob:
        try:
            return await self._database.write(lambda connection: _put(connection, job, at))
        except IntegrityError:  # somebody else put a job of that name meanwhile: ours is a version of that one
            return await self._database.write(lambda connection: _put(connection, job, at))

    async def get(self, id_or_name: str) -> StoredJob:
        named = case((_jobs.c.name == id_or_name, 0), else_=1)
        query = latest().where(or_(_jobs.c.id == id_or_name, _jobs.c.name == id_or_name)).order_by(named).limit(1)
        return await self._one(query, what=f"job '{id_or_name}'")

    async def version(self, job_id: str, version: int) -> StoredJob:
        query = select(_versions.c.job_id.label("id"), _versions.c.version, _versions.c.definition).where(
            _versions.c.job_id == job_id, _versions.c.version == version
        )
        return await self._one(query, what=f"version {version} of job '{job_id}'")

    async def enable(self, job_id: str, *, enabled: bool, at: Micros) -> StoredJob:
        change = update(_jobs).where(_jobs.c.id == job_id, _jobs.c.deleted_at.is_(None))
        change = change.values(enabled=enabled, updated_at=at)

        def write(connection: Connection) -> Mapping[str, Any] | Any:
            connection.execute(change)
            schedules.enable(connection, job_id, enabled=enabled)
            return connection.execute(latest().where(_jobs.c.id == job_id)).mappings().first()

        row = await self._database.write(write)
        if row is None:
            raise NotFound(f"there is no job '{job_id}'")
        return stored(row)

    async def delete(self, job_id: str, *, at: Micros) -> None:
        await self._database.write(lambda connection: _delete(connection, job_id, at))

    async def deleted(self, id_or_name: str) -> list[str]:
        called = or_(*(_jobs.c.name == name for name in (id_or_name, _gone(id_or_name, _jobs.c.id))))
        query = select(_jobs.c.id).where(_jobs.c.deleted_at.is_not(None), or_(_jobs.c.id == id_or_name, called))
        query = query.order_by(_jobs.c.deleted_at.desc(), _jobs.c.id.desc())
        return list(await self._database.read(lambda connection: connection.execute(query).scalars().all()))

    async def names(self, job_ids: Collection[str]) -> dict[str, str]:
        query = select(_jobs.c.id, _jobs.c.name).where(_jobs.c.id.in_(set(job_ids)))
        found = await self._database.read(lambda connection: connection.execute(query).all())
        return {row.id: row.name for row in found}

    async def all(self) -> list[StoredJob]:
        found = await self._database.read(
            lambda connection: connection.execute(latest().order_by(_jobs.c.name)).mappings().all()
        )
        return [stored(row) for row in found]

    async def _one(self, query: Select[Any], *, what: str) -> StoredJob:
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        if row is None:
            raise NotFound(f"there is no {what}")
        return stored(row)


def latest() -> Select[Any]:
    """The latest version of each job that was not deleted: id, version, enabled, definition."""
    joined = _jobs.join(_versions, (_versions.c.job_id == _jobs.c.id) & (_versions.c.version == _jobs.c.version))
    columns = (_jobs.c.id, _jobs.c.version, _jobs.c.enabled, _versions.c.definition)
    return select(*columns).select_from(joined).where(_jobs.c.deleted_at.is_(None))


def stored(row: Mapping[str, Any] | Any) -> StoredJob:
    job = _definitions.decode(row["definition"])
    enabled = bool(row.get("enabled", job.enabled))
    return StoredJob(row["id"], row["version"], job if job.enabled is enabled else replace(job, enabled=enabled))


def _put(connection: Connection, job: Job, at: Micros) -> StoredJob:
    definition = codec.encode(job).decode()
    # The job's row is locked before its latest version is read: whoever was before us has added theirs by then.
    same = select(_jobs.c.id).where(_jobs.c.name == job.name).with_for_update(key_share=True)
    job_id = connection.execute(same).scalar()
    known = None if job_id is None else connection.execute(latest().where(_jobs.c.id == job_id)).mappings().one()
    if known is not None and known["definition"] == definition:
        return stored(known)
    if known is None:
        job_id, version = new_id(), 1
        connection.execute(
            insert(_jobs).values(
                id=job_id, name=job.name, version=version, enabled=job.enabled, created_at=at, updated_at=at
            )
        )
    else:
        job_id, version = known["id"], known["version"] + 1
        said = _definitions.decode(known["definition"]).enabled
        enabled = bool(known["enabled"]) if said is job.enabled else job.enabled
        changed = {"version": version, "enabled": enabled, "updated_at": at}
        job = replace(job, enabled=enabled)
        connection.execute(update(_jobs).where(_jobs.c.id == job_id).values(changed))
    added = {"job_id": job_id, "version": version, "definition": definition, "created_at": at}
    connection.execute(insert(_versions).values({**added, "deadline_seconds": job.deadline_seconds}))
    put = StoredJob(job_id, version, job)
    schedules.follow(connection, put, at)
    return put


def _gone(name: str, job_id: ColumnElement[str]) -> ColumnElement[str]:
    """What a job of that name is called once it was deleted."""
    return literal(f"{name} (deleted ") + job_id + literal(")")


def _delete(connection: Connection, job_id: str, at: Micros) -> None:
    """Mark it deleted. Its executions keep pointing at it, and its old name, with when it went, names them."""
    schedules.forget(connection, job_id)  # first, as who decides for it holds it before he writes executions
    living = select(_jobs.c.name).where(_jobs.c.id == job_id, _jobs.c.deleted_at.is_(None)).with_for_update()
    name = connection.execute(living).scalar()
    if name is None:
        raise NotFound(f"there is no job '{job_id}'")
    busy = select(tables.executions.c.id).where(tables.executions.c.job_id == job_id, text(f"state IN {UNFINISHED}"))
    if (execution_id := connection.execute(busy.limit(1)).scalar()) is not None:
        raise Conflict(f"execution '{execution_id}' of job '{name}' is not over", hint="cancel it first")
    gone = {"name": _gone(name, literal(job_id)), "deleted_at": at, "updated_at": at, "enabled": False}
    connection.execute(update(_jobs).where(_jobs.c.id == job_id).values(gone))
    connection.execute(delete(tables.webhooks).where(tables.webhooks.c.job_id == job_id))
    own = delete(tables.variables).where(tables.variables.c.scope == job_id)
    if connection.execute(own).rowcount:
        revisions.count_up(connection)
