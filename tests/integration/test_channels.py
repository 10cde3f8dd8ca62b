"""Jobs that follow a channel: who gets the canary, who keeps what, and how one goes back."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from hengio.api.metrics import Metrics
from hengio.errors import Conflict, NotFound, Refused
from hengio.model.channel import takes_part
from hengio.model.execution import StepRun
from hengio.service.canaries import Canaries
from hengio.service.jobs import Finished
from hengio.settings import ModuleSettings, Settings
from hengio.wiring.embedded import System, embedded
from tests.support.authors import Author
from tests.support.guests import ECHO, entry, reactor, text

OLD = reactor(entry(ECHO))
NEW = reactor(text(8, "new") + entry(ECHO))
BROKEN = reactor(entry("(unreachable)"))
INVALID = reactor(text(64, '{"valid": false, "errors": ["no"]}') + entry("(call $pack (i32.const 64) (i32.const 34))"))

FLAKY = reactor(
    text(64, "attempt")
    + text(80, "step_id")
    + entry(
        """(drop (call $get (i32.const 80) (i32.const 7)))
        (drop (call $take (i32.const 128) (i32.const 64)))
        (if (i32.eq (i32.load8_u (i32.const 129)) (i32.const 98))
          (then
            (drop (call $get (i32.const 64) (i32.const 7)))
            (drop (call $take (i32.const 128) (i32.const 64)))
            (if (i32.eq (i32.load8_u (i32.const 128)) (i32.const 49)) (then unreachable))))
        (call $pack (local.get $pointer) (local.get $length))"""
    ),
    imports="""(import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))
    (import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))""",
)
"""Traps in the first attempt of step `b`."""
TWICE = {
    "name": "j",
    "max_retries": 0,
    "steps": [
        {"id": "a", "type": "wasm", "config": {"module_id": "m@stable"}},
        {
            "id": "b",
            "type": "wasm",
            "config": {"module_id": "m@stable"},
            "retry": {"max_retries": 1, "on": ["trapped"], "delays_seconds": [2]},
        },
    ],
}


@pytest.fixture(name="system")
async def make_system(tmp_path: Path) -> AsyncIterator[System]:
    """With versions 1.0.0 and 2.0.0 of `m`, of which the first is stable."""
    modules = ModuleSettings(canary_runs=10, canary_failures_percent=100)  # nothing happens beside the test
    async with embedded(Settings(data_dir=tmp_path, modules=modules)) as system:
        await system.modules.register("m", "1.0.0", OLD)
        await system.modules.register("m", "2.0.0", NEW)
        await system.desk.channels.set("m", "stable", "1.0.0", by="me")
        yield system


async def run(system: System, reference: str = "m@stable", **fields: Any) -> Finished:
    step = {"id": "a", "type": "wasm", "config": {"module_id": reference}, **fields}
    stored, _ = await system.jobs.apply({"name": "j", "max_retries": 0, "allow_concurrent": True, "steps": [step]})
    return await system.jobs.run(stored, given={})


def watch(system: System) -> Canaries:
    """Takes canaries away of whose latest ten runs more than two failed."""
    return replace(system.canaries, failures_percent=20.0)


def version(run: StepRun) -> str:
    """What the step run says it called."""
    assert run.detail is not None
    return bytes(run.detail).decode().partition('"module":"m@')[2].partition('"')[0]


async def now(system: System) -> tuple[str | None, str | None]:
    """The versions that stable and canary lead to."""
    channels = await system.desk.channels.show("m")
    versions = {module.id: module.version for module in await system.storage.modules.all()}
    stable, canary = (None if one is None else one.module_id for one in (channels.stable, channels.canary))
    return versions.get(stable or ""), versions.get(canary or "")


@pytest.mark.requirement("R6.6")
async def test_a_job_follows_its_channel_from_the_next_execution_on(system: System) -> None:
    assert version((await run(system)).runs[0]) == "1.0.0"
    await system.desk.channels.set("m", "stable", "2.0.0", by="me")
    first = await run(system)
    assert version(first.runs[0]) == "2.0.0"
    assert first.runs[0].module_id == (await system.storage.modules.find("m@2.0.0")).id


async def test_a_canary_gets_the_executions_of_its_share_and_no_others(system: System) -> None:
    await system.desk.channels.set("m", "canary", "2.0.0", by="me", percent=40)
    finished = await asyncio.gather(*(run(system) for _ in range(40)))
    for one in finished:
        expected = "2.0.0" if takes_part(one.execution.id, "m", 40) else "1.0.0"
        assert version(one.runs[0]) == expected
    assert len(Counter(version(one.runs[0]) for one in finished)) == 2
    assert version((await run(system, "m@canary")).runs[0]) == "2.0.0"
    assert version((await run(system, "m@1.0.0")).runs[0]) == "1.0.0"


@pytest.mark.requirement("H5.9")
@pytest.mark.parametrize("killed", [False, True])
async def test_an_execution_keeps_its_version_over_retries_and_further_steps_whatever_happens_to_the_channel(
    tmp_path: Path, killed: bool
) -> None:
    """A first step gets a version; then the channel changes while the execution waits; with `killed` another process
    takes it up."""
    settings = Settings(data_dir=tmp_path)
    async with embedded(settings) as system:
        await system.modules.register("m", "1.0.0", FLAKY)
        await system.modules.register("m", "2.0.0", NEW)
        await system.desk.channels.set("m", "stable", "1.0.0", by="me")
        stored, _ = await system.jobs.apply(TWICE)
        execution = await system.jobs.trigger(stored)
        async with asyncio.timeout(20):
            while len(await system.storage.executions.runs(execution.id)) < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        await system.desk.channels.set("m", "stable", "2.0.0", by="me")
        if not killed:
            await _over(system, execution.id)
    async with embedded(settings) as system:
        await _over(system, execution.id)
        runs = await system.storage.executions.runs(execution.id)
        assert [(one.step_id, one.attempt, one.kind) for one in runs] == [
            ("a", 1, "succeeded"),
            ("b", 1, "trapped"),
            ("b", 2, "succeeded"),
        ]
        assert {version(one) for one in runs} == {"1.0.0"}
        assert version((await system.jobs.run(stored, given={})).runs[0]) == "2.0.0"


async def _over(system: System, execution_id: str) -> None:
    async with asyncio.timeout(20):
        while (await system.storage.executions.load(execution_id)).finished_at is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_a_canary_is_promoted_and_stable_goes_back_step_by_step(system: System) -> None:
    channels = system.desk.channels
    await system.modules.register("m", "3.0.0", BROKEN)
    await channels.set("m", "canary", "2.0.0", by="me")
    await channels.promote("m", by="me")
    assert await now(system) == ("2.0.0", None)
    await channels.set("m", "stable", "3.0.0", by="me")
    for version_ in ("2.0.0", "1.0.0"):
        await channels.rollback("m", by="me")
        assert await now(system) == (version_, None)
    with pytest.raises(Conflict, match="was nothing before"):
        await channels.rollback("m", by="me")
    await channels.set("m", "stable", "3.0.0", by="me")
    await channels.rollback("m", by="me")
    assert await now(system) == ("1.0.0", None)
    history = await channels.history("m")
    assert len(history) == 9
    assert Counter(one.why for one in history) == {"set": 4, "promoted": 2, "rolled_back": 3}
    audited = Counter(entry_.action for entry_ in await system.storage.audit.find(limit=20))
    assert audited == {"channel.set": 4, "channel.promoted": 1, "channel.rolled_back": 3}


async def test_a_canary_goes_back_to_its_share_before_and_then_to_none(system: System) -> None:
    channels = system.desk.channels
    await channels.set("m", "canary", "2.0.0", by="me", percent=1)
    await channels.set("m", "canary", "2.0.0", by="me", percent=50)
    assert (await channels.rollback("m", "canary", by="me")).percent == 1
    assert (await channels.rollback("m", "canary", by="me")).module_id is None
    assert await now(system) == ("1.0.0", None)


async def test_a_channel_does_not_go_back_to_a_module_that_was_deleted(system: System) -> None:
    await system.desk.channels.set("m", "stable", "2.0.0", by="me")
    await system.desk.modules.delete("m@1.0.0", by="me")
    with pytest.raises(Conflict, match="was deleted"):
        await system.desk.channels.rollback("m", by="me")


async def test_what_is_so_already_is_no_change(system: System) -> None:
    await system.desk.channels.set("m", "stable", "2.0.0", by="me")
    await system.desk.channels.set("m", "stable", "2.0.0", by="me")
    await system.desk.channels.rollback("m", by="me")
    assert await now(system) == ("1.0.0", None)


async def test_what_makes_no_sense_is_refused_and_changes_nothing(system: System) -> None:
    channels = system.desk.channels
    await system.modules.register("other", "1.0.0", OLD)
    await system.desk.modules.enable("m@2.0.0", enabled=False, by="me")
    for refused in (
        channels.set("m", "stable", "2.0.0", by="me"),  # disabled
        channels.set("other", "canary", "1.0.0", by="me"),  # no stable
        channels.set("m", "stable", "1.0.0", by="me", percent=5),
        channels.set("m", "canary", "1.0.0", by="me", percent=100.5),
        channels.set("m", "canary", "1.0.0", by="me", percent=0.001),
        channels.set("m", "canary", "1.0.0", by="me", percent=float("nan")),
        channels.set("m", "stable", "^1", by="me"),
        channels.set("m@1", "stable", "1.0.0", by="me"),
    ):
        with pytest.raises(Refused):
            await refused
    for missing in (channels.set("m", "stable", "9.0.0", by="me"), channels.show("nothing")):
        with pytest.raises(NotFound):
            await missing
    for conflict in (channels.promote("m", by="me"), channels.end("m", by="me")):
        with pytest.raises(Conflict, match="has no canary"):
            await conflict
    assert await now(system) == ("1.0.0", None)


async def test_a_job_can_follow_only_a_channel_that_leads_somewhere(system: System) -> None:
    step = {"id": "a", "type": "wasm", "config": {"module_id": "other@stable"}}
    report = await system.jobs.check({"name": "j", "steps": [step]})
    assert [error.path for error in report.errors] == ["$.steps[0].config.module_id"]
    step["config"]["module_id"] = "m@canary"  # type: ignore[index]  # it is an object
    assert (await system.jobs.check({"name": "j", "steps": [step]})).errors == ()


async def test_a_canary_that_fails_too_often_is_taken_away_with_log_metric_and_audit(system: System) -> None:
    await system.modules.register("m", "3.0.0", BROKEN)
    await system.desk.channels.set("m", "canary", "3.0.0", by="me", percent=100)
    for _ in range(2):
        assert (await run(system)).runs[0].kind == "trapped"
    assert await watch(system).look() == []  # two failures of ten runs are the share that is allowed
    await run(system)
    with capture_logs() as logs:
        [change] = await watch(system).look()
    assert (change.channel, change.module_id, change.why, change.by) == (
        "canary",
        None,
        "rolled_back_by_itself",
        "hengio",
    )
    assert await now(system) == ("1.0.0", None)
    assert (await run(system)).runs[0].kind == "succeeded"
    assert [line["event"] for line in logs if line["log_level"] == "error"] == ["canary_rolled_back"]
    [entry_] = await system.storage.audit.find(action="channel.rolled_back", limit=9)
    assert (entry_.actor, entry_.subject) == ("hengio", "m")
    metrics = Metrics(system.sandbox, system.schedules.firing.statistics, {}, system.canaries.statistics).text()
    assert b"hengio_canary_rollbacks_total 1.0" in metrics
    assert await watch(system).look() == []


async def test_failures_from_before_a_canary_was_set_and_invalid_data_are_not_held_against_it(system: System) -> None:
    await system.modules.register("m", "3.0.0", BROKEN)
    await system.modules.register("m", "4.0.0", INVALID)
    for _ in range(4):
        await run(system, "m@3.0.0")
    await system.desk.channels.set("m", "canary", "3.0.0", by="me", percent=100)
    assert await watch(system).look() == []
    await system.desk.channels.set("m", "canary", "4.0.0", by="me", percent=100)
    for _ in range(4):
        assert (await run(system)).runs[0].kind == "invalid"
    assert await watch(system).look() == []


@pytest.mark.requirement("R14.5")
async def test_a_canary_whose_key_was_revoked_is_refused_and_taken_away_and_stable_goes_on(system: System) -> None:
    ana = Author()
    await system.desk.authors.add("ana", ana.public, by="me")
    await system.modules.register("m", "3.0.0", BROKEN, letter=ana.letter(BROKEN, "m", "3.0.0"))
    await system.desk.channels.set("m", "canary", "3.0.0", by="me", percent=50)
    await system.desk.authors.revoke("ana", by="me")
    finished = await asyncio.gather(*(run(system) for _ in range(24)))
    kinds = {takes_part(one.execution.id, "m", 50): one.runs[0].kind for one in finished}
    assert kinds == {True: "module_refused", False: "succeeded"}
    assert len(await watch(system).look()) == 1


async def test_of_two_who_take_a_canary_away_one_does(system: System) -> None:
    await system.modules.register("m", "3.0.0", BROKEN)
    await system.desk.channels.set("m", "canary", "3.0.0", by="me", percent=100)
    for _ in range(3):
        await run(system)
    told = await asyncio.gather(watch(system).look(), watch(system).look())
    assert sorted(map(len, told)) == [0, 1]
    assert system.canaries.statistics.rolled_back == 1
