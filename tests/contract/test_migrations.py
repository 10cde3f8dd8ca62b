"""The migrations make exactly the tables that the code writes to, on each database."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.command import upgrade as alembic_upgrade
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, insert, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from hengio import codec
from hengio.clock import SystemClock
from hengio.errors import Conflict
from hengio.model.grant import Grant
from hengio.service.channels import ChannelService
from hengio.storage.sql import tables, upgrade
from tests.support.builders import a_module
from tests.support.storages import opened

T = TypeVar("T")


async def inside(url: str, work: Callable[[Connection], T]) -> T:
    """Run `work` on a connection of its own, in one transaction."""
    if url.startswith("sqlite"):
        engine = create_engine(url)
        try:
            with engine.begin() as connection:
                return work(connection)
        finally:
            engine.dispose()
    remote = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
    try:
        async with remote.begin() as held:
            return await held.run_sync(work)
    finally:
        await remote.dispose()


def difference(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), tables.metadata))


async def test_the_migrated_database_has_the_tables_of_the_code_and_nothing_else(database_url: str) -> None:
    async with opened(database_url):
        pass
    assert await inside(database_url, difference) == []
    names = await inside(database_url, lambda connection: set(inspect(connection).get_table_names()))
    assert names == {*tables.metadata.tables, "alembic_version"}


async def test_the_condition_of_every_partial_index_is_in_the_database(database_url: str) -> None:
    def conditional(connection: Connection) -> set[str]:
        found = inspect(connection)
        options = f"{connection.dialect.name}_where"
        return {
            str(index["name"])
            for table in found.get_table_names()
            for index in found.get_indexes(table)
            if index.get("dialect_options", {}).get(options) is not None
        }

    async with opened(database_url):
        pass
    wanted = {"ix_executions_due", "ix_executions_lease", "uq_executions_exclusive"}
    wanted |= {"ix_executions_bad_ends", "ix_executions_dead_letters", "uq_executions_idempotency_key"}
    wanted |= {"ix_job_versions_deadline", "ix_executions_unfinished", "ix_schedules_next_at", "ix_schedules_stopped"}
    wanted |= {"ix_executions_webhooks"}
    wanted |= {"ix_step_runs_calls_completed_at", "ix_step_runs_calls_module_id_completed_at"}
    assert await inside(database_url, conditional) == wanted


async def test_opening_again_changes_nothing(database_url: str) -> None:
    async with opened(database_url):
        pass
    async with opened(database_url):
        pass
    assert await inside(database_url, upgrade.current) == upgrade.HEAD


async def test_a_database_of_a_later_release_is_refused_and_left_as_it_is(database_url: str) -> None:
    async with opened(database_url):
        pass
    await inside(
        database_url, lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9'"))
    )
    with pytest.raises(Conflict, match="made by a later version of Hengio"):
        async with opened(database_url):
            pass
    assert await inside(database_url, upgrade.current) == "9"


def test_the_revision_the_code_expects_is_the_last_one_there_is() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [upgrade.HEAD]


DEFINITION = '{"name": "old", "schedule": {"type": "fixed_rate", "interval_seconds": 60}, "steps": []}'


def as_of(revision: str) -> Callable[[Connection], None]:
    """What an earlier release left: its tables, and a job whose schedule it kept and did not follow."""

    def make(connection: Connection) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(upgrade.__file__).parent / "migrations"))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        alembic_upgrade(config, revision)
        for name, definition in (("old", DEFINITION), ("plain", '{"name": "plain", "steps": []}')):
            job = {"id": name, "name": name, "version": 1, "enabled": True, "created_at": 1, "updated_at": 1}
            connection.execute(insert(tables.jobs).values(job))
            version = {"job_id": name, "version": 1, "definition": definition, "created_at": 1}
            connection.execute(insert(tables.job_versions).values(version))

    return make


@pytest.mark.requirement("H1.8")
async def test_schedules_of_jobs_from_before_are_followed_from_the_upgrade_on(database_url: str) -> None:
    before = time.time_ns() // 1_000
    await inside(database_url, as_of("0005"))
    async with opened(database_url) as storage:
        [row] = await storage.schedules.all(limit=10)
    assert (row.job_id, row.active, bytes(row.schedule)) == (
        "old",
        True,
        b'{"type": "fixed_rate", "interval_seconds": 60}',
    )
    assert before <= row.decided_until == row.anchor == row.next_at


def with_a_module(connection: Connection) -> None:
    """What an earlier release left: a module, and a call of it."""
    as_of("0008")(connection)
    module, facts = a_module(grants=(Grant("file:read", "in/*"),)), codec.encode(a_module().facts).decode()
    statement = text(
        "INSERT INTO modules (id, name, version, digest, size, facts, enabled, created_at, grants) "
        "VALUES ('old', 'clean', '1.0.0', :digest, 8, :facts, TRUE, 1, :grants)"
    )
    grants = codec.encode(module.grants).decode()
    connection.execute(statement, {"digest": module.digest, "facts": facts, "grants": grants})


@pytest.mark.requirement("R6.6")
async def test_modules_from_before_are_there_without_a_signature_and_can_be_followed(database_url: str) -> None:
    await inside(database_url, with_a_module)
    async with opened(database_url) as storage:
        [module] = await storage.modules.page(limit=9)
        assert (module.id, module.reference, module.enabled) == ("old", "clean@1.0.0", True)
        assert (module.grants, module.requested, module.signature) == ((Grant("file:read", "in/*"),), (), None)
        channels = ChannelService(storage=storage, clock=SystemClock())
        await channels.set("clean", "stable", "1.0.0", by="me")
        assert await storage.modules.find("clean@stable") == module
