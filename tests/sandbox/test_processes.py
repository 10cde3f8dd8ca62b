"""Guests in processes of their own: the same outcomes, and nothing to find for whoever gets out of one."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from wasmtime import wat2wasm

from hengio import codec
from hengio.model.grant import Grant
from hengio.model.module import Limits
from hengio.model.outcome import LogLine, Outcome, OutcomeKind
from hengio.sandbox.processes.conversation import GRACE_SECONDS
from hengio.sandbox.processes.sandbox import ProcessSandbox
from hengio.sandbox.processes.worker import Worker
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.sandbox.test_corpus import ATTACKS, FILES, expected, limits, reached
from tests.support.areas import contents
from tests.support.components import ECHO as COMPONENT_ECHO
from tests.support.components import component
from tests.support.guests import ECHO, SPIN, Variables, command, entry, fetching, make_call, reactor, text
from tests.support.waiting import LONG_SECONDS

HIGHEST = Limits(memory_bytes=1 << 30)
linux = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")


@pytest.fixture(name="processes", scope="module")
def _processes() -> Iterator[ProcessSandbox]:
    made = ProcessSandbox(SandboxSettings(threads=2), highest=HIGHEST)
    yield made
    asyncio.run(made.close())


async def called(sandbox: ProcessSandbox, binary: bytes, data: bytes = b"{}", **options: object) -> Outcome:
    return await sandbox.call(make_call(binary, data, **options), fetching(binary))


def children() -> list[psutil.Process]:
    """The processes of guests that live."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # also one that has ended and was not waited for
            if "hengio.sandbox.processes.child" in child.cmdline():
                found.append(child)
    return found


@pytest.mark.requirement("R3.4", "R3.5")
@pytest.mark.parametrize("attack", ATTACKS)
async def test_each_attack_ends_as_it_does_in_a_thread(processes: ProcessSandbox, attack: str) -> None:
    source = ATTACKS[attack]
    wanted = {"module_refused" if kind == "refused" else kind for kind in expected(source)}
    area, outside = await reached(source)
    outcome = await called(processes, bytes(wat2wasm(source)), outside=outside, **limits(source))
    assert outcome.kind.value in wanted, outcome.failure
    assert await contents(area) == FILES
    assert outcome.failure is None or outcome.failure.code != "process_lost"


class Shop:
    """Answers requests for files with their names; denies everything else."""

    async def answer(self, ask: Ask) -> Answered:
        if ask.function == "file_read":
            return Answered(status=Status.OK, reply=codec.encode(ask.request.decode()))
        grant = Grant("http:read", "https://example.com/")
        reply = codec.encode({"code": "permission_denied", "message": "no"})
        return Answered(status=Status.PERMISSION_DENIED, reply=reply, denied=grant)


@pytest.mark.requirement("R5.1", "R5.2", "R5.3", "R5.5", "R5.6")
async def test_context_log_and_the_world_outside_are_asked_for(processes: ProcessSandbox) -> None:
    code = """(call $log (i32.const 2) (i32.const 64) (i32.const 5))
      (call $set-context (i32.const 96) (i32.const 4) (local.get $input) (local.get $input_length) (i32.const 128))
      (call $http-request (i32.const 64) (i32.const 5) (i32.const 144))
      (call $file-read (i32.const 64) (i32.const 5) (i32.const 160))
      (call $get-context (i32.const 96) (i32.const 4) (i32.const 176))
      (call $relay (i32.const 176))"""
    binary = component(code, data=text(64, "hello") + text(96, "seen"))
    heard: list[LogLine] = []
    call = make_call(binary, b'{"n":1}', context=Variables({"seen": "before"}), on_log=heard.append)
    outcome = await processes.call(msgspec.structs.replace(call, outside=Shop()), fetching(binary))
    assert outcome.reply is not None, outcome.failure
    assert codec.decode(outcome.reply.output) == "before"
    assert outcome.context_writes == (("seen", {"n": 1}),)
    assert outcome.denials == (Grant("http:read", "https://example.com/"),)
    assert (outcome.io_calls, outcome.host_calls) == (2, 5)
    assert heard == [LogLine("warn", "hello")]
    assert outcome.logs == (LogLine("warn", "hello"),)


@pytest.mark.requirement("R2.5")
async def test_a_command_has_its_arguments_and_environment(processes: ProcessSandbox) -> None:
    binary = command(
        f'{text(16, "[1]")} (func (export "_start") (call $print (i32.const 1) (i32.const 16) (i32.const 3)))'
    )
    outcome = await called(processes, binary, env={"A": "b"})
    assert outcome.reply is not None, outcome.failure
    assert bytes(outcome.reply.output) == b"[1]"


@pytest.mark.requirement("R14.4")
async def test_other_bytes_than_promised_are_refused(processes: ProcessSandbox) -> None:
    outcome = await processes.call(make_call(reactor(entry(ECHO))), fetching(reactor(entry("(i64.const 1)"))))
    assert outcome.kind is OutcomeKind.MODULE_REFUSED
    assert outcome.failure is not None
    assert outcome.failure.code == "digest_mismatch"


async def spinning(sandbox: ProcessSandbox, **options: Any) -> asyncio.Task[Outcome]:
    """A call whose guest has begun, and never ends by itself."""
    loop, begun = asyncio.get_running_loop(), asyncio.Event()
    imports = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'
    binary = reactor(entry("(call $log (i32.const 1) (i32.const 0) (i32.const 1))" + SPIN), imports=imports)

    def listen(_line: LogLine) -> None:
        loop.call_soon_threadsafe(begun.set)

    task = asyncio.create_task(called(sandbox, binary, fuel=10**15, on_log=listen, **options))
    async with asyncio.timeout(LONG_SECONDS):
        await begun.wait()
    return task


@pytest.mark.requirement("R3.3")
async def test_a_process_that_hangs_is_killed_past_the_deadline(processes: ProcessSandbox) -> None:
    binary = reactor(entry(ECHO))
    await called(processes, binary)
    hanging = await spinning(processes, timeout_seconds=1.5)
    stopped = children()
    for child in stopped:
        child.suspend()
    began = time.monotonic()
    outcome = await hanging
    assert outcome.kind is OutcomeKind.TIMED_OUT
    assert time.monotonic() - began < 1.5 + GRACE_SECONDS + 5.0
    for child in stopped:
        if child.is_running():
            child.resume()
    assert (await called(processes, binary)).kind is OutcomeKind.SUCCEEDED


async def test_a_process_that_dies_fails_its_call_and_no_other(processes: ProcessSandbox) -> None:
    binary = reactor(entry(ECHO))
    dying = await spinning(processes, timeout_seconds=60.0)
    for child in children():
        child.kill()
    outcome = await dying
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "process_lost"
    assert "SIGKILL" in outcome.failure.message
    for _ in range(3):  # also those that were ready have died
        last = await called(processes, binary)
    assert last.kind is OutcomeKind.SUCCEEDED


async def test_a_cancelled_call_ends_at_once(processes: ProcessSandbox) -> None:
    task = await spinning(processes, timeout_seconds=60.0)
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    (outcome,) = raised.value.args
    assert (outcome.kind, outcome.fuel_exact, len(outcome.logs)) == (OutcomeKind.CANCELLED, False, 1)
    assert (await called(processes, reactor(entry(ECHO)))).kind is OutcomeKind.SUCCEEDED
    assert time.monotonic() - began < LONG_SECONDS


async def test_no_process_outlives_the_sandbox() -> None:
    before = {child.pid for child in children()}
    sandbox = ProcessSandbox(SandboxSettings(threads=2), highest=HIGHEST)
    await called(sandbox, reactor(entry(ECHO)))
    assert {child.pid for child in children()} - before
    await sandbox.close()
    assert not {child.pid for child in children()} - before


@linux
@pytest.mark.requirement("R3.4")
def test_a_process_has_neither_environment_nor_descriptors_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HENGIO_PLANTED", "secret")
    with Path(__file__).open():
        worker = Worker(1 << 30)
    try:
        assert {"limits", "privileges"} <= set(worker.ready())
        folder = Path("/proc") / str(worker.pid)
        if os.geteuid() == 0:  # it can not be looked at otherwise
            assert (folder / "environ").read_bytes() == b""
            names = [str(descriptor.readlink()) for descriptor in (folder / "fd").iterdir()]
            assert [name for name in names if not name.startswith(("socket:", "/dev/null", "/memfd:"))] == []
        status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
        assert status["NoNewPrivs"] == "1"
    finally:
        worker.kill()


async def test_a_process_runs_one_module_in_its_life(processes: ProcessSandbox) -> None:
    first, second = reactor(entry(ECHO)), reactor(text(8, "x") + entry(ECHO))
    await called(processes, first)
    of_first = waiting(processes, first)
    await called(processes, first)
    assert waiting(processes, first) == of_first, "the same module finds its process again"
    await called(processes, second)
    assert waiting(processes, second)
    assert not waiting(processes, second) & of_first


def waiting(sandbox: ProcessSandbox, binary: bytes) -> set[int]:
    """The processes that wait for calls of this module."""
    return {worker.pid for worker in sandbox._pool._idle if worker.digest == make_call(binary).digest}


async def test_a_process_that_died_while_it_waited_costs_nobody_a_call(processes: ProcessSandbox) -> None:
    binary = reactor(entry(ECHO))
    await called(processes, binary)
    for child in children():
        child.kill()
    await asyncio.sleep(0.1)
    assert (await called(processes, binary)).kind is OutcomeKind.SUCCEEDED


async def test_deep_output_is_the_same_as_in_a_thread(processes: ProcessSandbox, sandbox: WasmtimeSandbox) -> None:
    binary = reactor(entry(ECHO))
    for depth in (900, 990, 995, 1_000, 2_000):
        data = b"[" * depth + b"]" * depth
        walled = await called(processes, binary, data)
        plain = await sandbox.call(make_call(binary, data), fetching(binary))
        assert (walled.kind, walled.failure) == (plain.kind, plain.failure)
    assert len(processes._pool._busy) == 0


async def test_a_listener_that_raises_leaves_no_process_behind(processes: ProcessSandbox) -> None:
    def listen(_line: LogLine) -> None:
        raise KeyError("a fault of the host's own")

    binary = component("(call $log (i32.const 1) (i32.const 0) (i32.const 1))" + COMPONENT_ECHO)
    with pytest.raises(KeyError):
        await called(processes, binary, on_log=listen)
    assert len(processes._pool._busy) == 0
