"""Registered modules: where they are used, taking them away, what is left behind, and what their calls took."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hengio.blobs.store import open_blobs
from hengio.clock import SystemClock
from hengio.errors import Conflict, Corrupt, NotFound, Refused
from hengio.ids import new_id
from hengio.model.grant import Grant
from hengio.registry.orphans import Orphans
from hengio.service.jobs import Finished
from hengio.settings import ModuleSettings, Settings
from hengio.wiring.embedded import System, embedded
from tests.support.clock import MovableClock
from tests.support.guests import ECHO, SPIN, digest, entry, reactor

BINARY, OTHER = reactor(entry(ECHO)), reactor(entry(SPIN))


@pytest.fixture(name="system")
async def make_system(tmp_path: Path) -> AsyncIterator[System]:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        yield system


async def apply(system: System, name: str, *references: str) -> None:
    steps = [
        {"id": f"s{place}", "type": "wasm", "config": {"module_id": reference}}
        for place, reference in enumerate(references)
    ]
    await system.jobs.apply({"name": name, "max_retries": 0, "steps": steps})


async def run(system: System, name: str) -> Finished:
    return await system.jobs.run(await system.storage.jobs.get(name), given={})


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.requirement("R6.7")
@pytest.mark.parametrize("form", ["m", "m@1.2.0", "m@^1", "m@^1.2", "m@stable", "m@canary", "id", "digest"])
async def test_a_module_is_not_deleted_while_a_job_would_run_it_whatever_form_leads_there(
    system: System, form: str
) -> None:
    await system.modules.register("m", "1.0.0", OTHER)
    module = await system.modules.register("m", "1.2.0", BINARY)
    await system.desk.channels.set("m", "stable", "1.2.0", by="me")
    reference = {"id": module.id, "digest": f"sha256:{module.digest}"}.get(form, form)
    await apply(system, "nightly", reference, "m@1.0.0")
    if form not in {"m@stable", "m@canary"}:
        await system.desk.channels.set("m", "stable", "1.0.0", by="me")
    with pytest.raises(Conflict) as refused:
        await system.desk.modules.delete("m@1.2.0", by="me")
    assert f"step 's0' of job 'nightly' ({reference})" in refused.value.message
    assert "s1" not in refused.value.message
    assert await system.areas.modules.get(f"{module.id}.wasm") == BINARY


@pytest.mark.requirement("R6.7")
async def test_what_nothing_leads_to_is_deleted_from_the_database_and_the_object_store(system: System) -> None:
    old = await system.modules.register("m", "1.0.0", OTHER)
    await system.modules.register("m", "1.2.0", BINARY)
    await apply(system, "nightly", "m", "{{input.which ?? 'm@1.0.0'}}")
    await system.desk.modules.delete(old.id, by="me")
    with pytest.raises(NotFound):
        await system.storage.modules.find("m@1.0.0")
    with pytest.raises(NotFound):
        await system.areas.modules.get(f"{old.id}.wasm")
    [entry_] = await system.storage.audit.find(action="module.deleted", limit=9)
    assert (entry_.actor, entry_.subject, entry_.detail["used_by"]) == ("me", "m@1.0.0", [])


async def test_a_canary_counts_as_used_by_those_on_stable(system: System) -> None:
    await system.modules.register("m", "1.0.0", OTHER)
    await system.modules.register("m", "2.0.0", BINARY)
    await system.desk.channels.set("m", "stable", "1.0.0", by="me")
    await system.desk.channels.set("m", "canary", "2.0.0", by="me", percent=0)
    await apply(system, "nightly", "m@stable")
    for version in ("1.0.0", "2.0.0"):
        with pytest.raises(Conflict, match=r"the channel m@(stable|canary), step 's0' of job 'nightly'"):
            await system.desk.modules.delete(f"m@{version}", by="me")


@pytest.mark.requirement("R6.7")
async def test_after_a_forced_delete_its_steps_are_refused_and_nothing_breaks(system: System) -> None:
    await system.modules.register("m", "1.0.0", BINARY)
    await system.desk.channels.set("m", "stable", "1.0.0", by="me")
    await apply(system, "by-name", "m")
    await apply(system, "by-channel", "m@stable")
    assert (await run(system, "by-channel")).execution.state.value == "success"
    await system.desk.modules.delete("m@1.0.0", by="me", force=True)
    for job in ("by-name", "by-channel"):
        finished = await run(system, job)
        assert (finished.execution.state.value, finished.runs[0].kind) == ("failed", "module_refused")
        assert finished.runs[0].failure is not None
        assert finished.runs[0].failure.code == "not_found"


async def test_a_binary_that_goes_while_its_module_is_known_refuses_the_step(system: System) -> None:
    module = await system.modules.register("m", "1.0.0", BINARY)
    await system.modules.find("m")
    await system.areas.modules.delete(f"{module.id}.wasm")
    with pytest.raises(Corrupt, match="is gone"):
        await system.modules.fetch(module)()


@pytest.mark.parametrize("reference", ["m", "m@^1", "m@stable"])
async def test_only_one_version_can_be_deleted_or_disabled(system: System, reference: str) -> None:
    await system.modules.register("m", "1.0.0", BINARY)
    await system.desk.channels.set("m", "stable", "1.0.0", by="me")
    for change in (
        system.desk.modules.delete(reference, by="me"),
        system.desk.modules.enable(reference, enabled=False, by="me"),
    ):
        with pytest.raises(Refused, match="does not say which version"):
            await change


async def test_a_disabled_version_is_refused_until_it_is_enabled(system: System) -> None:
    await system.modules.register("m", "1.0.0", BINARY)
    await apply(system, "j", "m@1.0.0")
    await system.desk.modules.enable("m@1.0.0", enabled=False, by="me")
    assert (await run(system, "j")).runs[0].kind == "module_refused"
    await system.desk.modules.enable("m@1.0.0", enabled=True, by="me")
    assert (await run(system, "j")).runs[0].kind == "succeeded"
    assert {entry_.action for entry_ in await system.storage.audit.find(limit=9)} == {
        "module.disabled",
        "module.enabled",
    }


@pytest.mark.requirement("R6.1", "R6.2", "R6.3", "R14.3")
async def test_a_module_comes_in_as_a_stream_and_lies_under_its_id(system: System, tmp_path: Path) -> None:
    module = await system.intake.register("m", "1.0.0", pieces(BINARY[:7], BINARY[7:]), by="me")
    assert (await system.storage.modules.get(module.id)).digest == digest(BINARY)
    assert (tmp_path / "objects" / "wasm-modules" / f"{module.id}.wasm").read_bytes() == BINARY
    downloaded, binary = await system.desk.modules.download("m")
    assert (downloaded, digest(binary)) == (module, module.digest)


async def test_a_stream_is_left_where_it_is_too_long(tmp_path: Path) -> None:
    given = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal given
        while True:
            given += 1 << 18
            yield bytes(1 << 18)

    async with embedded(Settings(data_dir=tmp_path, modules=ModuleSettings(max_mb=1))) as system:
        with pytest.raises(Refused, match="more than 1 MiB"):
            await system.intake.register("m", "1.0.0", endless(), by="me")
        with pytest.raises(Refused, match="more than 1 MiB"):
            await system.modules.register("m", "1.0.0", bytes((1 << 20) + 1))
    assert given < 2 << 20


@pytest.mark.requirement("R6.3")
async def test_what_an_earlier_release_stored_is_still_found_and_deleted(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        module = await system.modules.register("m", "1.0.0", BINARY)
        await apply(system, "j", "m")
    (tmp_path / "objects" / "wasm-modules").rename(tmp_path / "objects" / "modules")
    async with embedded(Settings(data_dir=tmp_path)) as system:
        assert (await run(system, "j")).runs[0].kind == "succeeded"
        assert [info.key async for info in system.areas.modules.list()] == [f"{module.id}.wasm"]
        await system.desk.modules.delete("m@1.0.0", by="me", force=True)
    assert list((tmp_path / "objects" / "modules").glob("*.wasm")) == []


async def test_only_old_binaries_of_no_module_are_swept(system: System) -> None:
    clock = MovableClock(SystemClock().now())
    area = open_blobs("memory://", area="wasm-modules")
    module = await system.modules.register("m", "1.0.0", BINARY)
    orphan = new_id()
    for key in (f"{module.id}.wasm", f"{orphan}.wasm", "notes.txt", "no-id.wasm", f"{orphan}.bak"):
        await area.put(key, b"x")
    orphans = Orphans(system.storage.modules, area, clock)
    assert await orphans.sweep() == 0
    clock.advance(86_401)
    assert await orphans.sweep() == 1
    assert await orphans.sweep() == 0
    assert sorted([info.key async for info in area.list()]) == sorted(
        [f"{module.id}.wasm", "notes.txt", "no-id.wasm", f"{orphan}.bak"]
    )


@pytest.mark.requirement("R8.6", "R14.4", "R14.5")
async def test_a_binary_that_was_altered_is_not_handed_out(system: System) -> None:
    module = await system.modules.register("m", "1.0.0", BINARY)
    await system.areas.modules.put(f"{module.id}.wasm", OTHER)
    with pytest.raises(Corrupt, match="is not the one that was registered"):
        await system.desk.modules.download("m")
    assert len(await system.storage.audit.find(action="module.digest_mismatch", limit=9)) == 1


@pytest.mark.requirement("R6.6")
async def test_a_module_is_shown_with_its_facts_its_uses_and_how_its_calls_went(system: System) -> None:
    await system.modules.register("m", "1.0.0", BINARY, grants=(Grant("file:read", "in/*"),))
    await system.modules.register("m", "1.1.0", OTHER, grants=(Grant("file:read", "in/**"),))
    await apply(system, "good", "m@1.0.0")
    await apply(system, "bad", "m@^1")
    for _ in range(3):
        await run(system, "good")
    first = await system.desk.modules.show("m@1.0.0")
    assert [use.job for use in first.uses] == ["good"]
    assert (first.statistics.runs, first.statistics.failures, first.signature.state) == (3, 0, "unsigned")
    assert first.statistics.fuel is not None
    assert first.statistics.fuel.p50 > 0
    assert not first.module.facts.host_io_possible
    assert first.step.before is None
    second = await system.desk.modules.show("m")
    assert [use.job for use in second.uses] == ["bad"]
    assert (second.statistics.runs, second.statistics.last_run_at) == (0, None)
    assert second.step.before == first.module
    assert [str(pair.after) for pair in second.step.grants.wider] == ["file:read in/**"]


@pytest.mark.requirement("R4.7")
async def test_wider_rights_than_the_version_before_are_told(system: System) -> None:
    read, wider = Grant("file:read", "in/*"), Grant("file:read", "in/**")
    service = system.desk.modules
    assert await service.growth("m", "1.0.0", (read,)) == (read,)
    await system.modules.register("m", "1.0.0", BINARY, grants=(wider,))
    assert await service.growth("m", "1.1.0", (read,)) == ()
    assert await service.growth("m", "0.9.0", (read,)) == (read,)
    await system.modules.register("m", "1.1.0", OTHER)
    assert await service.growth("m", "1.1.0", (read,)) == (read,)
    with pytest.raises(Refused):
        await service.growth("m", "1.1.0", (Grant("file:read", "../x"),))


async def test_a_name_that_is_none_in_sql_or_as_a_path_is_refused_and_nothing_is_written(
    system: System, tmp_path: Path
) -> None:
    for name in ("../m", "m/../../x", "'; DROP TABLE modules; --", "", "m\x00", "m" * 65, "ｍ"):
        with pytest.raises(Refused):
            await system.intake.register(name, "1.0.0", pieces(BINARY), by="me")
        with pytest.raises((NotFound, Refused)):
            await system.desk.modules.show(name)
    with closing(sqlite3.connect(tmp_path / "hengio.db")) as database:
        [(count,)] = database.execute("SELECT count(*) FROM modules").fetchall()
    assert count == 0


def test_settings_bound_the_size(tmp_path: Path) -> None:
    values: dict[str, Any] = {"max_mb": 0}
    with pytest.raises(ValueError, match="max_mb"):
        ModuleSettings(**values)
