"""Jobs and their versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from hengio import codec
from hengio.clock import Micros
from hengio.errors import NotFound
from hengio.ids import new_id
from hengio.model.job import Job
from hengio.storage.protocol import StoredJob
from hengio.storage.sql import tables
from hengio.storage.sql.database import Database

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
        query = _latest().where(or_(_jobs.c.id == id_or_name, _jobs.c.name == id_or_name))
        return await self._one(query, what=f"job '{id_or_name}'")

    async def version(self, job_id: str, version: int) -> StoredJob:
        query = select(_versions.c.job_id.label("id"), _versions.c.version, _versions.c.definition).where(
            _versions.c.job_id == job_id, _versions.c.version == version
        )
        return await self._one(query, what=f"version {version} of job '{job_id}'")

    async def all(self) -> list[StoredJob]:
        found = await self._database.read(
            lambda connection: connection.execute(_latest().order_by(_jobs.c.name)).mappings().all()
        )
        return [_stored(row) for row in found]

    async def _one(self, query: Select[Any], *, what: str) -> StoredJob:
        row = await self._database.read(lambda connection: connection.execute(query).mappings().first())
        if row is None:
            raise NotFound(f"there is no {what}")
        return _stored(row)


def _latest() -> Select[Any]:
    joined = _jobs.join(_versions, (_versions.c.job_id == _jobs.c.id) & (_versions.c.version == _jobs.c.version))
    return select(_jobs.c.id, _jobs.c.version, _versions.c.definition).select_from(joined)


def _stored(row: Mapping[str, Any] | Any) -> StoredJob:
    return StoredJob(row["id"], row["version"], _definitions.decode(row["definition"]))


def _put(connection: Connection, job: Job, at: Micros) -> StoredJob:
    definition = codec.encode(job).decode()
    # The job's row is locked before its latest version is read: whoever was before us has added theirs by then.
    job_id = connection.execute(select(_jobs.c.id).where(_jobs.c.name == job.name).with_for_update()).scalar()
    known = None if job_id is None else connection.execute(_latest().where(_jobs.c.id == job_id)).mappings().one()
    if known is not None and known["definition"] == definition:
        return _stored(known)
    if known is None:
        job_id, version = new_id(), 1
        connection.execute(
            insert(_jobs).values(
                id=job_id, name=job.name, version=version, enabled=job.enabled, created_at=at, updated_at=at
            )
        )
    else:
        job_id, version = known["id"], known["version"] + 1
        changed = {"version": version, "enabled": job.enabled, "updated_at": at}
        connection.execute(update(_jobs).where(_jobs.c.id == job_id).values(changed))
    connection.execute(insert(_versions).values(job_id=job_id, version=version, definition=definition, created_at=at))
    return StoredJob(job_id, version, job)
