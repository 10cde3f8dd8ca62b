"""A database that goes away in the middle: work waits and goes on, nothing is lost. The outages are real ones."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
from sqlalchemy import Connection, text

from hengio.clock import SystemClock
from hengio.dispatch.local import LocalDispatcher
from hengio.errors import Corrupt, Unavailable
from hengio.lifecycle.journal import Journal
from hengio.lifecycle.recover import Reconciler
from hengio.model.execution import Execution, ExecutionState
from hengio.storage.protocol import Begin, Claimed, Close, Done, Record, Storage
from hengio.storage.sql.postgres import PostgresDatabase
from hengio.storage.sql.sqlite import SqliteDatabase
from hengio.storage.sql.store import SqlStorage
from hengio.worker.heartbeat import hold_leases
from tests.support.builders import NOON, a_claim, a_job, a_run, an_execution
from tests.support.proxy import Proxy, proxied
from tests.support.storages import begun, claimed, opened, put_job, run_ids
from tests.support.vaults import audit_keys
from tests.support.waiting import eventually

A_MEGABYTE = "x" * (1 << 20)
SUCCESS = Close(ExecutionState.SUCCESS, NOON)


@pytest.fixture
async def proxy(postgres_url: str) -> AsyncIterator[Proxy]:
    """The way to the PostgreSQL server, which a test may cut."""
    address = urlsplit(postgres_url)
    async with proxied(address.hostname or "127.0.0.1", address.port or 5432) as proxy:
        yield proxy


@pytest.fixture
async def remote(postgres_url: str, proxy: Proxy) -> AsyncIterator[Storage]:
    """Storage on PostgreSQL, reached through the proxy."""
    address = urlsplit(postgres_url)
    netloc = f"{address.username}:{address.password}@127.0.0.1:{proxy.port}"
    async with opened(urlunsplit(address._replace(netloc=netloc))) as storage:
        yield storage


def a_record(execution: Execution, step_id: str = "a", **fields: object) -> Record:
    return Record(execution.id, 1, (a_run(step_id, execution=execution.id, **fields),))


async def test_connections_that_the_server_ended_are_made_anew(postgres_url: str) -> None:
    async def end_connections() -> None:
        admin = await asyncpg.connect(postgres_url)
        others = "pid <> pg_backend_pid() AND datname = current_database()"
        await admin.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
        await admin.close()

    async with opened(postgres_url) as storage:
        execution = await begun(storage)
        journal = Journal(storage.executions)
        journal.open()
        await end_connections()
        assert isinstance(await journal.write(a_claim(execution)), Claimed)
        await end_connections()
        assert await journal.write(a_record(execution)) == Done()
        await end_connections()
        assert await run_ids(storage, execution) == ["a"]
        await end_connections()
        await storage.jobs.put(a_job("other"), at=NOON)
        await journal.close()


async def test_while_the_server_is_away_everything_says_so(remote: Storage, proxy: Proxy) -> None:
    execution = await begun(remote)
    await claimed(remote, execution)
    await proxy.cut()
    away = [
        remote.executions.commit([a_record(execution)]),
        remote.executions.load(execution.id),
        remote.executions.extend([(execution.id, 1)], lease_seconds=60),
        remote.executions.recover(everything=False, at=NOON),
        remote.jobs.put(a_job("other"), at=NOON),
        remote.check(),
    ]
    for call in away:
        with pytest.raises(Unavailable, match="cannot be used"):
            await call
    await proxy.restore()
    await remote.check()
    assert await run_ids(remote, execution) == []


async def test_the_journal_waits_for_the_server_and_goes_on_without_losing_a_row(remote: Storage, proxy: Proxy) -> None:
    stored = await put_job(remote)
    executions = [await begun(remote, stored=stored) for _ in range(5)]
    for execution in executions:
        await claimed(remote, execution)
    journal = Journal(remote.executions)
    journal.open()
    await proxy.cut()
    waiting = [journal.write(a_record(execution)) for execution in executions]
    refused = journal.write(Begin(an_execution(stored)))
    with pytest.raises(Unavailable):
        await refused
    assert not any(future.done() for future in waiting)
    await proxy.restore()
    assert await asyncio.gather(*waiting) == [Done()] * 5
    assert [await run_ids(remote, execution) for execution in executions] == [["a"]] * 5
    assert await journal.write(Begin(an_execution(stored))) == Done()
    await journal.close()


@pytest.mark.requirement("H5.10", "H5.2")
async def test_an_outage_longer_than_a_lease_costs_no_living_worker_what_it_holds(
    remote: Storage, proxy: Proxy
) -> None:
    lease = 1.5
    execution, dead = await begun(remote), await begun(remote)
    await claimed(remote, execution, lease=lease)
    await claimed(remote, dead, lease=lease)
    reconciler = Reconciler(
        remote.executions, LocalDispatcher(), SystemClock(), alone=False, lease_seconds=lease, every_seconds=0.02
    )
    await proxy.cut()
    watching = asyncio.create_task(reconciler.run())
    await asyncio.sleep(lease)
    await proxy.restore()
    holding = asyncio.create_task(hold_leases(remote.executions, {execution.id: 1}, lease_seconds=lease))

    async def taken_back() -> bool:
        return (await remote.executions.load(dead.id)).state is ExecutionState.PENDING

    await eventually(taken_back)
    assert (await remote.executions.load(execution.id)).crashes == 0
    assert await remote.executions.commit([a_record(execution)]) == [Done()]
    for task in (watching, holding):
        task.cancel()
    await asyncio.wait([watching, holding])


async def test_a_network_that_swallows_everything_is_an_outage_and_not_a_wait_for_ever(
    postgres_url: str, proxy: Proxy
) -> None:
    address = urlsplit(postgres_url)
    netloc = f"{address.username}:{address.password}@127.0.0.1:{proxy.port}"
    url = urlunsplit(address._replace(netloc=netloc))
    storage = SqlStorage(PostgresDatabase(url, silence_seconds=0.5), audit_keys())
    await storage.open()
    execution = await begun(storage)
    proxy.swallow()
    try:
        with pytest.raises(Unavailable):
            await storage.executions.commit([a_record(execution)])
        with pytest.raises(Unavailable):
            await storage.check()
    finally:
        await proxy.cut()
        await storage.close()


async def test_a_server_that_is_not_there_is_told_without_its_password(proxy: Proxy) -> None:
    await proxy.cut()
    with pytest.raises(Unavailable) as caught:
        async with opened(f"postgresql://someone:secret@127.0.0.1:{proxy.port}/nothing"):
            pass
    assert "secret" not in str(caught.value)


@contextmanager
def files_can_not_grow_beyond(size: int) -> Iterator[None]:
    """The kernel refuses to write past that offset of any file, as it does when a disk or a quota is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_a_full_disk_makes_the_journal_wait_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "hengio.db"
    async with opened(f"sqlite:///{path}") as storage:
        stored = await put_job(storage)
        execution = await begun(storage, stored=stored)
        await claimed(storage, execution)
        journal = Journal(storage.executions)
        journal.open()
        assert await journal.write(a_record(execution, "kept")) == Done()
        with files_can_not_grow_beyond(path.with_name("hengio.db-wal").stat().st_size):
            waiting = journal.write(a_record(execution, "waits", output=A_MEGABYTE, sequence=2))
            with pytest.raises(Unavailable):
                await journal.write(Begin(an_execution(stored)))
            assert not waiting.done()
            assert await run_ids(storage, execution) == ["kept"]
        assert await waiting == Done()
        assert await run_ids(storage, execution) == ["kept", "waits"]
        await journal.close()


async def test_a_database_that_may_not_grow_says_what_to_do_and_goes_on_when_it_may(tmp_path: Path) -> None:
    database = SqliteDatabase(tmp_path / "hengio.db")
    storage = SqlStorage(database, audit_keys())
    await storage.open()
    execution = await begun(storage)
    await claimed(storage, execution)
    await database.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 1")).scalar())
    with pytest.raises(Unavailable, match="database or disk is full") as caught:
        await storage.executions.commit([a_record(execution, output=A_MEGABYTE)])
    assert "free space" in caught.value.hint
    await database.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 1000000")).scalar())
    assert await storage.executions.commit([a_record(execution, output=A_MEGABYTE)]) == [Done()]
    await storage.close()


async def test_a_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="unable to open"):
        async with opened(f"sqlite:///{tmp_path / 'nowhere' / 'hengio.db'}"):
            pass


async def test_a_file_that_is_no_database_is_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "hengio.db"
    path.write_bytes(b"something else" * 1000)
    with pytest.raises(Corrupt, match="is damaged: file is not a database"):
        async with opened(f"sqlite:///{path}"):
            pass
    assert path.read_bytes() == b"something else" * 1000


async def admin(url: str, *statements: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"default_transaction_read_only": "off"})
    for statement in statements:
        await connection.execute(statement)
    await connection.close()


async def test_a_server_that_takes_no_writes_is_waited_for_and_no_entry_is_blamed(postgres_url: str) -> None:
    database = urlsplit(postgres_url).path[1:]
    others = "pid <> pg_backend_pid() AND datname = current_database()"
    anew = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"
    async with opened(postgres_url) as storage:
        execution = await begun(storage)
        await claimed(storage, execution)
        await admin(postgres_url, f'ALTER DATABASE "{database}" SET default_transaction_read_only = on', anew)
        with pytest.raises(Unavailable):
            await storage.executions.recover(everything=False, at=NOON)
        journal = Journal(storage.executions)
        journal.open()
        writing = journal.write(a_record(execution))
        await asyncio.sleep(0.3)
        assert not writing.done()
        await admin(postgres_url, f'ALTER DATABASE "{database}" RESET default_transaction_read_only', anew)
        assert await writing == Done()
        await journal.close()


async def test_what_a_statement_was_given_is_in_no_error(postgres_url: str) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("SET LOCAL statement_timeout = '10ms'"))
        connection.execute(text("SELECT pg_sleep(9), CAST(:given AS text)"), {"given": "a webhook's secret"})

    database = PostgresDatabase(f"{postgres_url}?application_name=hengio&sslmode=prefer")
    await database.open(audit_keys())
    with pytest.raises(Unavailable) as refused:
        await database.write(work)
    await database.close()
    assert "statement timeout" in str(refused.value)
    assert "secret" not in str(refused.value) + str(refused.value.__cause__)
    assert "?" not in str(refused.value)


async def test_the_url_says_how_every_connection_is_made(postgres_url: str) -> None:
    async with opened(f"{postgres_url}?application_name=hengio&sslmode=prefer") as storage:
        await begun(storage)
        connection = await asyncpg.connect(postgres_url)
        query = "SELECT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> $1"
        names = await connection.fetch(query, connection.get_server_pid())
        await connection.close()
    assert [row["application_name"] for row in names] == ["hengio", "hengio"]
