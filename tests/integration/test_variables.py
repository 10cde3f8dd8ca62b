"""Variables and connections at work: who wins, and from when a change counts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from hengio import codec
from hengio.errors import Conflict, NotFound, Refused
from hengio.settings import Settings
from hengio.storage.sql.store import open_storage
from hengio.storage.vault import Place, Stored
from hengio.vault import cipher
from hengio.vault.keys import key_of
from hengio.wiring.embedded import System, embedded
from hengio.wiring.secret import replace_secrets
from hengio.wiring.vault import Vault, vault
from tests.support.storages import opened
from tests.support.vaults import OTHER, SECRET, an_entry, audit_keys, connections, variables

JOB: dict[str, Any] = {
    "name": "job",
    "steps": [{"id": "s", "type": "database", "config": {"connection": "db", "query": "SELECT ${REGION} AS x"}}],
}


def chosen(folder: Path, **more: Any) -> Settings:
    return Settings(
        data_dir=folder,
        connections={"db": SecretStr("sqlite:///a.db")},
        variables={"REGION": "settings"},
        secret_key=SecretStr(SECRET.hex()),
        **more,
    )


@pytest.fixture
async def system(tmp_path: Path) -> AsyncIterator[System]:
    async with embedded(chosen(tmp_path)) as system:
        yield system


@pytest.fixture
async def beside(system: System) -> AsyncIterator[Vault]:
    """What another process has that sets variables while this one runs."""
    async with vault(system.settings) as opened:
        yield opened


def files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()]


async def outcome(system: System, job: dict[str, Any] = JOB) -> Any:
    """What the step put out, or why it failed."""
    stored, _ = await system.jobs.apply(job)
    [run] = (await system.jobs.run(stored)).runs[-1:]
    return run.failure if run.failure is not None else (await system.jobs.output(run))["rows"][0]["x"]


@pytest.mark.requirement("H6.1", "H6.4")
async def test_a_jobs_own_value_wins_over_a_global_one_and_that_over_the_settings(
    system: System, beside: Vault
) -> None:
    assert await outcome(system) == "settings"
    await beside.variables.set("REGION", "global", actor="test")
    assert await outcome(system) == "global"
    await beside.variables.set("REGION", "own", actor="test", job="job")
    assert await outcome(system) == "own"
    assert await outcome(system, {**JOB, "name": "other"}) == "global"
    await beside.variables.delete("REGION", actor="test", job="job", force=True)
    assert await outcome(system) == "global"


@pytest.mark.requirement("H6.4")
async def test_a_change_by_another_process_counts_from_the_next_execution_on_and_not_before(
    system: System, beside: Vault
) -> None:
    job = {
        "name": "two",
        "steps": [
            {"id": "a", "type": "database", "config": {"connection": "db", "query": "SELECT ${N} AS x"}},
            {"id": "b", "type": "database", "config": {"connection": "db", "query": "SELECT ${N} AS x"}},
        ],
    }
    await beside.variables.set("N", 0, actor="test")
    stored, _ = await system.jobs.apply(job)
    for number in range(1, 4):
        await beside.variables.set("N", number, actor="test")
        finished = await system.jobs.run(stored)
        outputs = [(await system.jobs.output(run))["rows"] for run in finished.runs]
        assert outputs == [[{"x": number}], [{"x": number}]]


@pytest.mark.requirement("H6.4")
async def test_a_connection_that_is_set_or_changed_counts_at_once(
    system: System, beside: Vault, tmp_path: Path
) -> None:
    job = {
        "name": "made",
        "steps": [
            {
                "id": "s",
                "type": "database",
                "config": {"connection": "new", "query": "SELECT file AS x FROM pragma_database_list"},
            }
        ],
    }
    failed = await outcome(system, job)
    assert failed.code == "not_found"
    for file in ("one", "two"):
        await beside.connections.set("new", f"sqlite:///{file}.db", actor="test")
        query = f"CREATE TABLE IF NOT EXISTS made_{file} (x)"
        steps = [{"id": "s", "type": "database", "config": {"connection": "new", "query": query}}]
        stored, _ = await system.jobs.apply({"name": "create", "steps": steps})
        [run] = (await system.jobs.run(stored)).runs
        assert run.failure is None
        assert b"made_" + file.encode() in (tmp_path / "databases" / f"{file}.db").read_bytes()
    await beside.connections.delete("new", actor="test", force=True)
    await beside.variables.set("ANY", 1, actor="test")
    assert (await outcome(system, job)).code == "not_found"


async def test_a_definition_is_checked_against_the_names_there_are_now(system: System, beside: Vault) -> None:
    config = {"connection": "wh", "query": "SELECT ${FRESH}"}
    job = {"name": "names", "steps": [{"id": "s", "type": "database", "config": config}]}
    assert len((await system.jobs.check(job)).warnings) == 2
    await system.jobs.apply(job)
    await beside.variables.set("FRESH", 1, actor="test", job="names")
    await beside.connections.set("wh", "sqlite:///b.db", actor="test")
    assert (await system.jobs.check(job)).warnings == ()
    assert len((await system.jobs.check({**job, "name": "others"})).warnings) == 1


@pytest.mark.requirement("H6.2", "H6.3")
async def test_a_value_whose_key_is_lost_fails_only_the_steps_that_name_it_and_names_the_key(tmp_path: Path) -> None:
    async with opened(f"sqlite:///{tmp_path / 'hengio.db'}") as storage:
        await variables(storage, OTHER).set("LOST", "hunter22", actor="test", sensitive=True)
        await connections(storage, OTHER).set("gone", "sqlite:///c.db", actor="test")
    async with embedded(chosen(tmp_path)) as system:
        assert await outcome(system) == "settings"
        for config in (
            {"connection": "db", "query": "SELECT {{variables.LOST ?? 1}} AS x"},
            {"connection": "gone", "query": "SELECT 1"},
        ):
            job = {"name": "lost", "max_retries": 0, "steps": [{"id": "s", "type": "database", "config": config}]}
            failure = await outcome(system, job)
            assert failure.code == "key_missing"
            assert key_of(OTHER).id in failure.message


async def test_a_running_server_reads_a_new_key_from_the_file_of_the_data_folder(tmp_path: Path) -> None:
    settings = chosen(tmp_path).model_copy(update={"secret_key": None})
    replace_secrets(tmp_path, [SECRET])

    def second(place: Place, stored: Stored) -> Stored:
        assert stored.key_id == key_of(SECRET).id
        return cipher.seal(key_of(OTHER), place, b'"second"')

    async with embedded(settings) as system, vault(settings) as beside:
        await beside.variables.set("REGION", "first", actor="test", sensitive=True)
        assert "*" in await outcome(system)
        replace_secrets(tmp_path, [OTHER, SECRET])
        async with vault(settings) as later:
            await later.storage.vault.reseal(key_of(OTHER).id, second, entry=an_entry("secrets.rotated"))
        replace_secrets(tmp_path, [OTHER])
        assert await outcome(system) == "******"


async def test_what_cannot_be_a_variable_is_refused_without_its_value(beside: Vault) -> None:
    for name, value, sensitive in (
        ("steps", 1, False),
        ("no name", 1, False),
        ("A", "x" * (64 << 10), False),
        ("A", "abc", True),
        ("A", {"pin": "12", "on": True}, True),
        ("A", None, True),
    ):
        with pytest.raises(Refused) as refused:
            await beside.variables.set(name, value, actor="test", sensitive=sensitive)
        assert "xxx" not in str(refused.value) and "abc" not in str(refused.value)
    with pytest.raises(NotFound, match="there is no job 'none'"):
        await beside.variables.set("A", 1, actor="test", job="none")
    await beside.variables.set("A", "long enough", actor="test", sensitive=True)
    assert (await beside.variables.set("A", "other", actor="test")).sensitive, "it stays sensitive"


@pytest.mark.parametrize(
    "given",
    [
        *(7, {}, {"type": "ftp"}, {"type": "database"}, {"type": "sftp", "host": ""}, "postgresql://u:hunter@22@h/x"),
        *(
            "https://shop.example/?key=hunter",
            {"type": "http", "url": "https://shop.example", "auth": {"type": "hunter"}},
        ),
        *("sqlite:////etc/hunter.db", "sqlite:///../hunter.db", {"type": "database", "url": "hunter://host/x"}),
        *("hunter", "hunter:x@host/db", "hunter://host/db", "mysql://u:hunter@host", "oracle://u:hunter@:1/x"),
        *("sftp://shop.example", "sftp://me:hunter@host/in", {"type": "sftp", "host": "h", "password": "hunter"}),
    ],
)
async def test_what_cannot_be_a_connection_is_refused_and_not_repeated(beside: Vault, given: Any) -> None:
    with pytest.raises(Refused) as refused:
        await beside.connections.set("c", given, actor="test")
    assert "hunter" not in str(refused.value)


async def test_a_url_of_sftp_is_the_object_it_stands_for(beside: Vault) -> None:
    fingerprint = f"SHA256:a+b/{'c' * 39}"
    await beside.connections.set("bank", f"sftp://me:p%40ss@host:2222?host_key={fingerprint}", actor="test")
    assert (await beside.connections.find("bank")).document == {
        "type": "sftp",
        "host": "host",
        "port": 2222,
        "username": "me",
        "auth": {"type": "password", "password": "p@ss"},
        "host_key": fingerprint,
    }


async def test_what_a_stored_job_names_is_deleted_only_by_force(system: System, beside: Vault) -> None:
    await system.jobs.apply(JOB)
    await beside.variables.set("REGION", 1, actor="test")
    await beside.connections.set("db", "sqlite:///a.db", actor="test")
    with pytest.raises(Conflict, match="'REGION' is used by step 's' of job 'job'"):
        await beside.variables.delete("REGION", actor="test")
    with pytest.raises(Conflict, match="'db' is used by step 's' of job 'job'"):
        await beside.connections.delete("db", actor="test")
    await beside.variables.delete("REGION", actor="test", force=True)
    await beside.connections.delete("db", actor="test", force=True)
    with pytest.raises(NotFound):
        await beside.variables.delete("REGION", actor="test")
    actions = [entry.action for entry in await beside.storage.audit.find(limit=10)]
    assert actions == ["connection.deleted", "variable.deleted", "connection.set", "variable.set"]


async def test_values_that_were_set_are_read_by_a_later_process_and_are_ciphertext_in_the_file(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hengio.db'}"
    async with opened(url) as storage:
        await variables(storage).set("TOKEN", {"password": "hunter22-hunter"}, actor="test", sensitive=True)
    storage = open_storage(url, audit_keys())
    await storage.open()
    found = await variables(storage).find("TOKEN")
    await storage.close()
    assert found.value == {"password": "hunter22-hunter"}
    assert not [file for file in files(tmp_path) if b"hunter22" in file.read_bytes()]


@pytest.mark.requirement("H6.3")
async def test_what_was_masked_is_counted_and_warned_of_and_no_number_becomes_another(
    system: System, beside: Vault
) -> None:
    await beside.variables.set("PIN", 12345, actor="test", sensitive=True)
    query = "SELECT ${PIN} AS pin, 12345 AS amount, 123456 AS more, 'order 12345' AS said"
    stored, _ = await system.jobs.apply(
        {"name": "pin", "steps": [{**JOB["steps"][0], "config": {"connection": "db", "query": query}}]}
    )
    with capture_logs() as logs:
        [run] = (await system.jobs.run(stored)).runs
    [row] = (await system.jobs.output(run))["rows"]
    assert row == {"pin": "********", "amount": "********", "more": 123456, "said": "order 12345"}
    assert run.detail is not None and codec.decode(run.detail)["masked"] == 2
    [warned] = [line for line in logs if line["event"] == "step_masked"]
    assert (warned["log_level"], warned["masked"], warned["names"]) == ("warning", 2, ["PIN"])
