"""A module that reaches outside, in a whole job: what is granted, what is denied, and what is written down of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from hengio import codec
from hengio.errors import Refused
from hengio.grants.check import read
from hengio.model.call import CallFilter
from hengio.model.grant import Grant
from hengio.model.outcome import Outcome, OutcomeKind, Reply
from hengio.sandbox.protocol import Answered, Ask, Call, Directory, Fetch, OutsideFunction, Status
from hengio.service.jobs import Finished
from hengio.settings import Settings
from hengio.wiring.embedded import System, embedded
from tests.support.guests import SPIN, command, entry, reactor, text
from tests.support.programs import program

RESOURCES = (("http", "https://api.example.com/**"), ("database", "shop"), ("file", "**"))
IMPORTS = """(import "hengio_v1" "file_read" (func $read (param i32 i32) (result i64)))
(import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))
(import "hengio_v1" "log" (func $log (param i32 i32 i32)))"""
READER = reactor(
    text(64, "inbox/a.json")
    + entry(
        """(call $log (i32.const 1) (i32.const 64) (i32.const 5))
        (drop (call $read (i32.const 64) (i32.const 12)))
        (call $pack (i32.const 2048) (call $take (i32.const 2048) (i32.const 4096)))"""
    ),
    imports=IMPORTS,
)
OPENER = command(
    '(func (export "_start"))',
    imports="""(import "wasi_snapshot_preview1" "path_open"
      (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "hengio_v1" "http_request" (func (param i32 i32) (result i64)))""",
)
ALL = tuple(read(f"{kind}:{what} {name}") for kind, name in RESOURCES for what in ("read", "write"))
SPINNER = reactor(entry(SPIN))


async def run(system: System, config: dict[str, Any]) -> Finished:
    job = {"name": "j", "max_retries": 0, "steps": [{"id": "a", "type": "wasm", "config": config}]}
    stored, _ = await system.jobs.apply(job)
    return await system.jobs.run(stored, given={})


def output(finished: Finished) -> Any:
    run = finished.runs[0]
    assert run.output is not None, run.failure
    return codec.decode(run.output)


@pytest.mark.requirement("R4.5", "R4.8", "R5.6", "R6.8")
async def test_a_denial_is_answered_and_audited_with_the_grant_that_would_allow_it(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.areas.files.put("inbox/a.json", b'{"from":"file"}')
        await system.modules.register("reader", "1.0.0", READER)
        finished = await run(system, {"module_id": "reader"})
        assert output(finished)["code"] == "permission_denied"
        (entry_,) = await system.storage.audit.find(limit=10)
        assert (entry_.action, entry_.subject) == ("host_call.denied", "file:read inbox/a.json")
        assert (entry_.actor, entry_.execution_id) == ("module:reader@1.0.0", finished.execution.id)
        await system.modules.grant("reader", (Grant("file:read", "inbox/*"),), actor="test")
        assert output(await run(system, {"module_id": "reader"})) == {"from": "file"}
        newest = (await system.storage.audit.find(limit=1))[0]
        assert (newest.action, newest.detail["after"]) == ("module.granted", ["file:read inbox/*"])


@pytest.mark.requirement("R4.7")
async def test_a_step_narrows_what_its_module_was_granted_and_never_widens_it(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.areas.files.put("inbox/a.json", b"1")
        narrow = [{"permission": "file:read", "resource": "outbox/**"}]
        wide = [{"permission": "file:read", "resource": "**"}]
        await system.modules.register("reader", "1.0.0", READER, grants=(Grant("file:read", "inbox/**"),))
        assert output(await run(system, {"module_id": "reader", "permissions": wide})) == 1
        denied = output(await run(system, {"module_id": "reader", "permissions": narrow}))
        assert denied["code"] == "permission_denied"
        denied = output(await run(system, {"module_id": "reader", "permissions": []}))
        assert denied["code"] == "permission_denied"
        await system.modules.grant("reader", (), actor="test")
        denied = output(await run(system, {"module_id": "reader", "permissions": wide}))
        assert denied["code"] == "permission_denied"
        resolved = [{"permission": "file:read", "resource": "{{input.missing ?? '/etc/**'}}"}]
        failed = await run(system, {"module_id": "reader", "permissions": resolved})
        assert failed.runs[0].failure is not None
        assert failed.runs[0].failure.message == "the permissions cannot be granted"


@pytest.mark.requirement("R4.7", "R4.8")
async def test_a_denial_says_whether_the_module_or_its_step_lacks_the_grant(tmp_path: Path) -> None:
    needed = "this needs the permission file:read on inbox/a.json, which is"
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.modules.register("reader", "1.0.0", READER, grants=(Grant("file:read", "inbox/**"),))
        by_step = await run(system, {"module_id": "reader", "permissions": []})
        await system.modules.grant("reader", (), actor="test")
        by_module = await run(system, {"module_id": "reader", "permissions": []})
        audited = await system.storage.audit.find(action="host_call.denied", limit=10)
        calls = await system.storage.calls.find(CallFilter(), limit=10)
    assert output(by_step)["message"] == f"{needed} not in the step's `permissions`"
    assert output(by_module)["message"] == f"{needed} not granted to the module"
    assert [entry_.detail["refused_by"] for entry_ in audited] == ["module", "step"]
    assert [call.detail.get("denied_by_step") for call in calls] == [None, ["file:read inbox/a.json"]]


@pytest.mark.requirement("R3.4", "R4.7")
@pytest.mark.parametrize(
    ("binary", "reached"),
    [
        (READER, {"file_read"}),
        (OPENER, {"file_read", "file_write", "file_find", "file_list", "file_admit", "http_request"}),
    ],
    ids=["reader", "opener"],
)
async def test_a_guest_that_got_out_of_the_engine_reaches_only_what_its_module_imports(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    binary: bytes,
    reached: set[OutsideFunction],
) -> None:
    answers: dict[OutsideFunction, Answered] = {}
    directories: list[Directory] = []

    async def escaped(call: Call, _: Fetch) -> Outcome:
        assert call.outside is not None
        directories.extend(call.directories)
        for number, function in enumerate(get_args(OutsideFunction), 1):
            ask = Ask(function=function, request=b"inbox/a.json", data=b"1", number=number, seconds_left=5)
            answers[function] = await call.outside.answer(ask)
        return Outcome(kind=OutcomeKind.SUCCEEDED, reply=Reply())

    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.modules.register("guest", "1.0.0", binary, grants=ALL)
        monkeypatch.setattr(system.sandbox, "call", escaped)
        await run(system, {"module_id": "guest"})
    denied = {name for name, answer in answers.items() if b"does not import" in answer.reply}
    assert denied == set(get_args(OutsideFunction)) - reached
    assert {answers[name].status for name in denied} == {Status.PERMISSION_DENIED}
    assert directories == (["in", "out"] if "file_list" in reached else [])
    captured = capsys.readouterr()
    assert (captured.out + captured.err).count("function_not_imported") == 1


@pytest.mark.requirement("R2.5", "R4.5", "R4.6", "R4.7", "R4.8")
async def test_a_command_with_plain_files_works_in_a_job_as_far_as_its_grants_go(tmp_path: Path) -> None:
    todo = [
        {"call": "read_file", "path": "/in/inbox/a.json"},
        {"call": "write_file", "path": "/out/outbox/b.json", "value": [7]},
        {"call": "list_folder", "path": "/in/inbox"},
    ]
    grants = (Grant("file:read", "inbox/**"), Grant("file:write", "outbox/**"))
    narrow = [{"permission": "file:read", "resource": "inbox/**"}, {"permission": "file:write", "resource": "out/**"}]
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.areas.files.put("inbox/a.json", b'{"from":"file"}')
        await system.modules.register("plain", "1.0.0", program("c-command").read_bytes(), grants=grants)
        narrowed = output(await run(system, {"module_id": "plain", "input": {"do": todo}, "permissions": narrow}))
        assert [told["status"] for told in narrowed] == [0, 1, 0]
        (entry_,) = await system.storage.audit.find(limit=1)
        assert (entry_.action, entry_.subject) == ("host_call.denied", "file:write outbox/b.json")
        done = output(await run(system, {"module_id": "plain", "input": {"do": todo}}))
        assert [told["reply"] for told in done] == [{"from": "file"}, None, ["a.json"]]
        assert await system.areas.files.get("outbox/b.json") == b"[7]"


@pytest.mark.requirement("R4.1", "R4.2", "R4.3", "R4.4", "R4.5", "R4.6")
async def test_a_module_is_registered_with_permissions_and_those_that_mean_nothing_are_refused(tmp_path: Path) -> None:
    grants = (
        Grant("http:read", "https://api.example.com/v1/**"),
        Grant("http:write", "https://api.example.com/v1/orders"),
        Grant("database:read", "shop"),
        Grant("database:write", "shop/main.orders"),
        Grant("file:read", "inbox/**"),
        Grant("file:write", "outbox/*.csv"),
    )
    async with embedded(Settings(data_dir=tmp_path)) as system:
        module = await system.modules.register("reader", "1.0.0", READER, grants=grants)
        assert (await system.storage.modules.find(module.id)).grants == grants
        for bad in (Grant("http:read", "*"), Grant("file:read", "../x"), Grant("database:read", "a b")):
            with pytest.raises(Refused) as refused:
                await system.modules.grant("reader", (bad,), actor="test")
            assert refused.value.problems[0].path == "[0].resource"
        assert (await system.storage.modules.find(module.id)).grants == grants


@pytest.mark.requirement("R8.1", "R8.2", "R8.3", "R8.4", "R8.5", "R8.6")
async def test_each_call_is_logged_with_what_it_took_and_how_it_ended(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        reader = await system.modules.register("reader", "1.0.0", READER)
        spinner = await system.modules.register("spinner", "1.0.0", SPINNER)
        first = await run(system, {"module_id": "reader"})
        second = await run(system, {"module_id": "spinner", "fuel_limit": 50_000})
        calls = await system.storage.calls.find(CallFilter(), limit=10)
        assert [(call.module_id, call.outcome) for call in calls] == [
            (spinner.id, "out_of_fuel"),
            (reader.id, "succeeded"),
        ]
        failed, good = calls
        assert (good.execution_id, good.step_id, good.attempt) == (first.execution.id, "a", 1)
        assert good.detail["digest"] == reader.digest
        assert good.detail["fuel_used"] > 0
        assert good.detail["peak_memory_bytes"] == 65_536
        assert good.detail["duration_ms"] > 0
        assert good.detail["host_calls"] == 2
        assert good.detail["logs"][0]["message"] == "inbox"
        assert good.detail["permissions"] == []
        assert good.started_at <= good.completed_at
        assert failed.failure is not None
        assert failed.failure.code == "out_of_fuel"
        assert failed.detail["backtrace"][0]["function"] == "run"

        async def found(**wanted: Any) -> list[str]:
            calls = await system.storage.calls.find(CallFilter(**wanted), limit=9)
            return [call.outcome for call in calls]

        assert await found(execution_id=second.execution.id) == ["out_of_fuel"]
        assert await found(module_ids=(reader.id,)) == ["succeeded"]
        assert await found(outcomes=("succeeded", "trapped")) == ["succeeded"]
        assert await found(since=failed.completed_at) == ["out_of_fuel"]
        assert await found(until=failed.completed_at) == ["succeeded"]
        page = await system.storage.calls.find(CallFilter(), limit=1)
        assert await system.storage.calls.find(CallFilter(), limit=5, before=page[0]) == [good]


@pytest.mark.requirement("R14.4", "R14.5")
async def test_an_altered_binary_never_runs_and_raises_an_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        module = await system.modules.register("reader", "1.0.0", READER)
        await system.sandbox.prepared(module.digest)  # its code is kept, which changes nothing
        await system.areas.modules.put(f"{module.id}.wasm", SPINNER)
    async with embedded(Settings(data_dir=tmp_path)) as system:
        finished = await run(system, {"module_id": "reader"})
        assert (finished.runs[0].kind, finished.execution.state.value) == ("module_refused", "failed")
        (alert,) = await system.storage.audit.find(action="module.digest_mismatch", limit=5)
        assert (alert.subject, alert.detail["digest"]) == ("reader@1.0.0", module.digest)
        (call,) = await system.storage.calls.find(CallFilter(outcomes=("module_refused",)), limit=5)
        assert call.module_id == module.id
    captured = capsys.readouterr()
    assert "security_alert" in captured.out + captured.err


async def test_a_call_of_a_module_that_does_not_exist_is_logged_by_its_reference(tmp_path: Path) -> None:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        await system.modules.register("reader", "1.0.0", READER)
        job = {
            "name": "j",
            "max_retries": 0,
            "steps": [{"id": "a", "type": "wasm", "config": {"module_id": "{{input.which}}"}}],
        }
        stored, _ = await system.jobs.apply(job)
        await system.jobs.run(stored, given={"which": "reader@2.0.0"})
        (call,) = await system.storage.calls.find(CallFilter(), limit=5)
        assert (call.module_id, call.outcome) == ("reader@2.0.0", "module_refused")
