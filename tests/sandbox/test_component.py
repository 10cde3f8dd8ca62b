"""Components: the same limits, host functions, outcomes, peak memory and log lines as core modules."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path

import msgspec
import psutil
import pytest

from hengio import codec
from hengio.errors import Refused
from hengio.model.outcome import Failure, LogLine, Outcome, OutcomeKind
from hengio.sandbox.protocol import Answered, Ask, Call, Status
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.artefacts import folder, keeping
from tests.support.components import ECHO, FAIL, component
from tests.support.guests import Run, Variables, digest, fetching, make_call, module, text
from tests.support.tapes import play, record
from tests.support.waiting import eventually

MIB = 1 << 20


def answer(outcome: Outcome) -> object:
    assert outcome.reply is not None, outcome.failure
    return codec.decode(outcome.reply.output)


@pytest.mark.requirement("R1.3", "R1.4")
async def test_text_goes_in_and_out(run: Run) -> None:
    outcome = await run(component(ECHO), '{"a":"việt"}'.encode())
    assert answer(outcome) == {"a": "việt"}
    assert outcome.fuel_used > 0
    assert outcome.peak_memory_bytes == 1 << 16


@pytest.mark.requirement("R1.5")
async def test_the_function_is_told_by_name(run: Run) -> None:
    told = """(i32.store8 (i32.sub (local.get $function) (i32.const 1)) (i32.const 34))
      (i32.store8 (i32.add (local.get $function) (local.get $function_length)) (i32.const 34))
      (call $ok (i32.sub (local.get $function) (i32.const 1)) (i32.add (local.get $function_length) (i32.const 2)))"""
    assert answer(await run(component(told), function="anything-at-all")) == "anything-at-all"


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ('{"code":"late","message":"too late","retryable":true}', Failure("late", "too late", retryable=True)),
        ('{"code":"late","message":"too late"}', Failure("late", "too late")),
        ("không được", Failure("failed", "không được")),
        ('{"code":7}', Failure("failed", '{"code":7}')),
    ],
)
async def test_an_error_fails_the_call_with_what_it_says(run: Run, said: str, failure: Failure) -> None:
    outcome = await run(component(FAIL), said.encode())
    assert (outcome.kind, outcome.failure) == (OutcomeKind.FAILED, failure)


@pytest.mark.requirement("R5.1")
async def test_log_lines_arrive_at_once_and_stay_with_the_outcome(run: Run) -> None:
    heard: list[LogLine] = []
    line = '{"message":"done","rows":3}'
    calls = "".join(f"(call $log (i32.const {level}) (i32.const 64) (i32.const {len(line)}))" for level in range(4))
    outcome = await run(component(calls + ECHO, data=text(64, line)), on_log=heard.append)
    assert [line.level for line in outcome.logs] == ["debug", "info", "warn", "error"]
    assert outcome.logs[0] == LogLine("debug", "done", {"rows": 3})
    assert tuple(heard) == outcome.logs
    assert outcome.host_calls == 4


@pytest.mark.requirement("R5.2", "R5.3")
async def test_the_context_is_read_and_written(run: Run) -> None:
    context = Variables({"variables.region": {"name": "Huế"}})
    read = "(call $get-context (i32.const 64) (i32.const 16) (i32.const 128)) (call $relay (i32.const 128))"
    assert answer(await run(component(read, data=text(64, "variables.region")), context=context)) == {"name": "Huế"}
    write = (
        """(call $set-context (i32.const 64) (i32.const 4) (local.get $input) (local.get $input_length)
      (i32.const 128))"""
        + ECHO
    )
    outcome = await run(component(write, data=text(64, "seen")), b"[1,2]")
    assert outcome.context_writes == (("seen", [1, 2]),)
    refused = await run(component(read, data=text(64, "variables.nowhere")))
    assert refused.failure is not None
    assert refused.failure.code == "not_found"


class Recorder:
    """Answers with what it was asked, and remembers it."""

    def __init__(self, status: Status = Status.OK) -> None:
        self.status = status
        self.asked: list[Ask] = []

    async def answer(self, ask: Ask) -> Answered:
        self.asked.append(ask)
        reply = codec.encode({"code": "denied", "message": "no"}) if self.status else ask.request
        return Answered(status=self.status, reply=reply)


@pytest.mark.requirement("R5.4", "R5.5", "R5.6")
@pytest.mark.parametrize("name", ["http-request", "db-query", "file-read", "file-write"])
async def test_requests_reach_the_world_outside(sandbox: WasmtimeSandbox, name: str) -> None:
    data = "(i32.const 64) (i32.const 8)" if name == "file-write" else ""
    given = f"(local.get $input) (local.get $input_length) {data} (i32.const 128)"
    ask = f"(call ${name} {given}) (call $relay (i32.const 128))"
    binary = component(ask, data=text(64, base64.b64encode(b"\0\xffyes").decode()))
    for status in (Status.OK, Status.PERMISSION_DENIED):
        outside = Recorder(status)
        call = make_call(binary, b'{"a":1}', output_mode="data")
        outcome = await sandbox.call(_with(call, outside), fetching(binary))
        assert [(ask.function, ask.request) for ask in outside.asked] == [(name.replace("-", "_"), b'{"a":1}')]
        assert outside.asked[0].data == (b"\0\xffyes" if data else b"")
        assert outcome.io_calls == 1
        if status:
            assert outcome.failure == Failure("denied", "no")
        elif name == "file-read":
            assert outcome.kind is OutcomeKind.INVALID_OUTPUT, "base64 is no JSON"
        else:
            assert answer(outcome) == {"a": 1}


def _with(call: Call, outside: Recorder) -> Call:
    return msgspec.structs.replace(call, outside=outside)


async def test_data_that_is_not_base64_is_an_invalid_request(sandbox: WasmtimeSandbox) -> None:
    ask = """(call $file-write
        (local.get $input) (local.get $input_length) (i32.const 64) (i32.const 4) (i32.const 128))
      (call $relay (i32.const 128))"""
    binary, outside = component(ask, data=text(64, "@@@@")), Recorder()
    outcome = await sandbox.call(_with(make_call(binary), outside), fetching(binary))
    assert outcome.failure is not None
    assert outcome.failure.code == "invalid_request"
    assert outside.asked == []


@pytest.mark.requirement("R3.2")
async def test_growth_stops_at_the_limit_and_is_seen_in_the_peak(run: Run) -> None:
    hog = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
    outcome = await run(component(hog + ECHO), memory_bytes=8 * MIB)
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome.failure
    assert outcome.peak_memory_bytes == 8 * MIB
    failing = await run(component(hog + "(unreachable)"), memory_bytes=8 * MIB)
    assert failing.kind is OutcomeKind.OUT_OF_MEMORY
    assert [frame.function for frame in failing.backtrace]


@pytest.mark.requirement("R3.3")
async def test_a_cancelled_component_ends_at_once(sandbox: WasmtimeSandbox) -> None:
    binary = component("(loop $again (br $again)) (unreachable)")
    await sandbox.library.load(digest(binary), fetching(binary))
    task = asyncio.ensure_future(sandbox.call(make_call(binary, fuel=10**15, timeout_seconds=60.0), fetching(binary)))
    await asyncio.sleep(0.1)
    began = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    async def over() -> bool:
        return not sandbox.running()

    await eventually(over)
    assert time.monotonic() - began < 1.0


async def test_calls_leave_no_memory_and_no_mapping_behind(sandbox: WasmtimeSandbox) -> None:
    calls = """(call $log (i32.const 1) (i32.const 0) (i32.const 2000))
      (call $get-context (i32.const 64) (i32.const 16) (i32.const 128))
      (call $file-write (i32.const 64) (i32.const 16) (i32.const 64) (i32.const 4) (i32.const 144))"""
    binaries = [component(calls + ECHO), component(calls + "(unreachable)")]
    process = psutil.Process()

    async def call(times: int) -> None:
        for number in range(times):
            binary = binaries[number % 2]
            outcome = await sandbox.call(make_call(binary, b"[" + b"1," * 5_000 + b"1]"), fetching(binary))
            assert outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.TRAPPED), outcome.failure

    await call(600)
    before = process.memory_info()
    await call(3_000)
    assert process.memory_info().rss - before.rss < 8 * MIB
    assert process.memory_info().vms - before.vms < 256 * MIB, "each memory takes four gibibytes of address space"


@pytest.mark.requirement("R2.1", "R6.3")
def test_facts_say_what_a_component_imports_and_exports(sandbox: WasmtimeSandbox) -> None:
    facts = sandbox.inspect(component(ECHO))
    assert facts.kind == "component"
    assert facts.host_io_possible
    assert set(facts.host_functions) >= {"log", "http_request", "file_write"}
    assert [(export.name, export.type) for export in facts.exports] == [
        ("run", "func(function: string, input: string) -> result<string, string>")
    ]
    assert facts.memory_minimum_bytes == 1 << 16
    read = next(item for item in facts.imports if item.name == "hengio:module/host@1.0.0#file-read")
    assert read.type == "func(path: string) -> result<string, string>"


@pytest.mark.requirement("R6.4")
def test_what_is_not_offered_is_named(sandbox: WasmtimeSandbox) -> None:
    source = '(component (import "wasi:http/outgoing-handler@0.2.0" (instance (export "handle" (func)))))'
    with pytest.raises(Refused) as refused:
        sandbox.inspect(module(source))
    assert [(problem.path, problem.message) for problem in refused.value.problems] == [
        ("wasi:http/outgoing-handler@0.2.0", "not offered")
    ]


@pytest.mark.requirement("R7.4")
async def test_baseline_code_comes_first_and_optimised_code_takes_its_place() -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, tiers="both"))
    binary = component(ECHO)
    first = await sandbox.call(make_call(binary, b"1"), fetching(binary))
    assert first.compiler == "winch"
    for _ in range(500):
        if (await sandbox.call(make_call(binary, b"1"), fetching(binary))).compiler == "cranelift":
            break
        await asyncio.sleep(0.02)
    else:
        pytest.fail("no optimised code came")
    await sandbox.close()


async def test_a_component_is_recorded_and_replayed_to_the_byte_and_the_unit_of_fuel(sandbox: WasmtimeSandbox) -> None:
    asks = """(call $set-context
        (i32.const 96) (i32.const 4) (local.get $input) (local.get $input_length) (i32.const 128))
      (call $get-context (i32.const 64) (i32.const 16) (i32.const 144))
      (call $http-request (local.get $input) (local.get $input_length) (i32.const 160))
      (call $relay (i32.const 160))"""
    data = text(64, "variables.region") + text(96, "seen")
    outcome, tape = await record(sandbox, component(asks, data=data), b'{"a":1}', outside=Recorder())
    assert answer(outcome) == {"a": 1}
    assert [type(event).__name__ for event in tape.events] == ["ContextCall", "ContextCall", "Request"]
    again = await play(sandbox, tape, component(asks, data=data))
    assert again.identical, again.divergence
    other = component(asks.replace("call $relay (i32.const 160)", "call $relay (i32.const 144)"), data=data)
    changed = await play(sandbox, tape, other)
    assert not changed.identical


@pytest.mark.requirement("R7.1")
async def test_the_code_of_a_component_is_kept(tmp_path: Path) -> None:
    binary = component(ECHO)
    async with keeping(folder(tmp_path)) as first:
        assert first.inspect(binary).kind == "component"
    async with keeping(folder(tmp_path)) as second:
        assert (await second.call(make_call(binary, b"1"), fetching(binary))).kind is OutcomeKind.SUCCEEDED
        numbers = second.statistics()
    assert (numbers.artefact_hits, dict(numbers.compilations)) == (1, {})
