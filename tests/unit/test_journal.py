"""Group commit: what waits gathers, each entry goes on after its own commit, an outage is waited out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hengio.errors import Unavailable
from hengio.lifecycle import journal as module
from hengio.lifecycle.journal import Journal
from hengio.model.execution import Execution, ExecutionState
from hengio.storage.protocol import Answer, Begin, Claimed, Done, Entry, Record, Stale
from hengio.storage.sql.executions import SqlExecutions
from hengio.storage.sql.sqlite import SqliteDatabase
from hengio.storage.sql.store import SqlStorage
from tests.support.builders import a_claim, a_run, an_execution
from tests.support.storages import begun, put_job, run_ids
from tests.support.vaults import audit_keys


class Gate(SqlExecutions):
    """The real store, with a gate before each commit that a test opens, and an outage that it may declare."""

    def __init__(self, database: SqliteDatabase) -> None:
        super().__init__(database)
        self.open = asyncio.Event()
        self.open.set()
        self.away = False
        self.batches: list[int] = []

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        self.batches.append(len(entries))
        await self.open.wait()
        if self.away:
            raise Unavailable("the disk is full")
        return await super().commit(entries)


@asynccontextmanager
async def gated(folder: Path) -> AsyncIterator[tuple[SqlStorage, Gate]]:
    database = SqliteDatabase(folder / "hengio.db")
    storage, gate = SqlStorage(database, audit_keys()), Gate(database)
    storage.executions = gate
    await storage.open()
    try:
        yield storage, gate
    finally:
        await storage.close()


@asynccontextmanager
async def journaling(gate: Gate) -> AsyncIterator[Journal]:
    journal = Journal(gate)
    journal.open()
    try:
        yield journal
    finally:
        gate.open.set()
        await journal.close()


def a_record(execution: Execution, step_id: str = "a") -> Record:
    return Record(execution.id, 1, (a_run(step_id, execution=execution.id),))


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_comes_while_one_commit_is_on_its_way_is_gathered_into_the_next(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        stored = await put_job(storage)
        gate.open.clear()
        first = journal.write(Begin(an_execution(stored)))
        await settle()
        rest = [journal.write(Begin(an_execution(stored))) for _ in range(100)]
        await settle()
        assert gate.batches == [1]
        gate.open.set()
        assert await asyncio.gather(first, *rest) == [Done()] * 101
        assert gate.batches == [1, 100]


async def test_a_batch_is_bounded(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        stored = await put_job(storage)
        await asyncio.gather(*(journal.write(Begin(an_execution(stored))) for _ in range(module.MOST_AT_ONCE + 1)))
        assert gate.batches == [module.MOST_AT_ONCE, 1]


@pytest.mark.requirement("H5.2")
async def test_an_entry_waits_for_its_own_commit(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate):
        execution = await begun(storage)
        await storage.executions.commit([a_claim(execution)])
        async with journaling(gate) as journal:
            gate.open.clear()
            waiting = journal.write(a_record(execution))
            await settle()
            assert not waiting.done()
            assert await run_ids(storage, execution) == []
            gate.open.set()
            assert await waiting == Done()
            assert await run_ids(storage, execution) == ["a"]


async def test_each_hears_its_own_answer(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        execution = await begun(storage)
        claims = [journal.write(a_claim(execution, number=number)) for number in (1, 2)]
        orphan = journal.write(Begin(an_execution(job_id="gone")))
        claimed, stale = await asyncio.gather(*claims)
        assert isinstance(claimed, Claimed)
        assert stale == Stale()
        with pytest.raises(Exception, match="FOREIGN KEY"):
            await orphan


async def test_while_the_database_is_away_new_executions_are_refused_at_once_and_others_wait(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate):
        stored = await put_job(storage)
        execution = await begun(storage, stored=stored)
        await storage.executions.commit([a_claim(execution)])
        async with journaling(gate) as journal:
            gate.away = True
            waiting = journal.write(a_record(execution))
            with pytest.raises(Unavailable):
                await journal.write(Begin(an_execution(stored)))
            await settle()
            late = journal.write(Begin(an_execution(stored)))
            assert late.done(), "also one that comes between two tries"
            with pytest.raises(Unavailable, match="the disk is full"):
                await late
            assert not waiting.done()
            gate.away = False
            assert await waiting == Done()
            assert await journal.write(Begin(an_execution(stored))) == Done()


async def test_a_new_execution_is_tried_again_when_nothing_waits_for_the_database(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        stored = await put_job(storage)
        gate.away = True
        with pytest.raises(Unavailable):
            await journal.write(Begin(an_execution(stored)))
        gate.away = False
        assert await journal.write(Begin(an_execution(stored))) == Done()


async def test_closing_commits_what_waits(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate):
        stored = await put_job(storage)
        async with journaling(gate) as journal:
            waiting = [journal.write(Begin(an_execution(stored))) for _ in range(3)]
        assert [future.result() for future in waiting] == [Done()] * 3


async def test_closing_while_the_database_is_away_tells_those_who_wait(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate):
        execution = await begun(storage)
        gate.away = True
        async with journaling(gate) as journal:
            waiting = journal.write(a_record(execution))
            await settle()
        with pytest.raises(Unavailable):
            await waiting


async def test_nothing_is_taken_after_it_was_closed(tmp_path: Path) -> None:
    async with gated(tmp_path) as (_, gate):
        async with journaling(gate) as journal:
            pass
        with pytest.raises(Unavailable, match="the journal is closed"):
            await journal.write(a_record(an_execution()))


async def test_one_who_stopped_waiting_does_not_keep_others_from_their_answers(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        stored = await put_job(storage)
        gone, there = (journal.write(Begin(an_execution(stored))) for _ in range(2))
        gone.cancel()
        assert await there == Done()


async def test_a_claim_for_which_nobody_waits_any_more_is_not_written(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        execution = await begun(storage)
        gate.away = True
        claim = journal.write(a_claim(execution))
        await settle()
        claim.cancel()
        gate.away = False
        assert await journal.write(a_record(execution)) == Stale()
        assert (await storage.executions.load(execution.id)).state is ExecutionState.PENDING


async def test_who_writes_in_the_moment_of_closing_hears_of_it(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate):
        stored = await put_job(storage)
        journal = Journal(gate)
        journal.open()
        [committing] = [task for task in asyncio.all_tasks() if task.get_name() == "journal"]
        written: list[asyncio.Future[Answer]] = []
        committing.add_done_callback(lambda _: written.append(journal.write(Begin(an_execution(stored)))))
        await settle()
        await journal.close()
        with pytest.raises(Unavailable, match="the journal is closed"):
            await written[0]


async def test_who_waits_hears_of_it_when_the_journal_itself_is_cancelled(tmp_path: Path) -> None:
    async with gated(tmp_path) as (storage, gate), journaling(gate) as journal:
        execution = await begun(storage)
        gate.open.clear()
        on_its_way = journal.write(a_record(execution))
        await settle()
        waiting = journal.write(a_record(execution, "b"))
        [committing] = [task for task in asyncio.all_tasks() if task.get_name() == "journal"]
        committing.cancel()
        for future in (on_its_way, waiting):
            with pytest.raises(Unavailable, match="the journal is closed"):
                await future
