"""Storage on a real database, opened for one test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import Engine, event

from hengio.model.execution import Execution, StepRun
from hengio.model.job import Job
from hengio.storage.protocol import Answer, Begin, Claimed, Entry, Storage, StoredJob
from hengio.storage.sql.store import open_storage
from tests.support.builders import NOON, a_claim, a_job, an_execution
from tests.support.vaults import audit_keys


@asynccontextmanager
async def opened(url: str, *secrets: bytes) -> AsyncIterator[Storage]:
    """The storage at `url`, its tables up to date; what is audited is sealed under the first of these secrets."""
    storage = open_storage(url, audit_keys(*secrets))
    try:
        await storage.open()
        yield storage
    finally:
        await storage.close()


async def commit(storage: Storage, *entries: Entry) -> list[Answer]:
    """Commit and return the answers, none of which may be an error."""
    answers = await storage.executions.commit(entries)
    good: list[Answer] = []
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
        good.append(answer)
    return good


async def put_job(storage: Storage, job: Job | None = None) -> StoredJob:
    """Store a job."""
    return await storage.jobs.put(job or a_job("a"), at=NOON)


async def begun(storage: Storage, *, stored: StoredJob | None = None, **fields: Any) -> Execution:
    """A pending execution in the database."""
    execution = an_execution(stored or await put_job(storage), **fields)
    await commit(storage, Begin(execution))
    return execution


async def claimed(storage: Storage, execution: Execution, *, number: int = 1, lease: float = 60.0) -> Claimed:
    """Claim it."""
    [answer] = await commit(storage, a_claim(execution, number=number, lease=lease))
    assert isinstance(answer, Claimed)
    return answer


async def run_ids(storage: Storage, execution: Execution) -> list[str]:
    """The steps it has rows of, in their order."""
    runs: list[StepRun] = await storage.executions.runs(execution.id)
    return [run.step_id for run in runs]


@contextmanager
def heard() -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is run meanwhile, with its parameters."""
    statements: list[tuple[str, Any]] = []

    def hear(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        statements.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", hear)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", hear)
