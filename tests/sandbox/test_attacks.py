"""Guests that try to bring their host down, and the host afterwards."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading

import psutil
import pytest

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, SPIN, Run, digest, entry, fetching, make_call, reactor, text, until

LOG = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'


@pytest.mark.requirement("R3.4", "R3.5")
async def test_many_hostile_guests_at_once_each_end_for_their_own_reason(run: Run) -> None:
    endless = {"fuel": 10**15, "timeout_seconds": 0.2}
    hostile = [
        (reactor(entry(SPIN)), endless, OutcomeKind.TIMED_OUT),
        (reactor(entry(SPIN)), {"fuel": 10_000}, OutcomeKind.OUT_OF_FUEL),
        (reactor(entry("(call $run (local.get $pointer) (local.get $length))")), {}, OutcomeKind.STACK_OVERFLOW),
        (reactor(entry("(i64.const -1)")), {"output_bytes": 1 << 33}, OutcomeKind.TRAPPED),
        (reactor(entry("(i64.div_u (i64.const 1) (i64.const 0))")), {}, OutcomeKind.TRAPPED),
        (reactor(entry(ECHO)), {}, OutcomeKind.SUCCEEDED),
    ]
    outcomes = await asyncio.gather(*(run(binary, **limits) for _ in range(4) for binary, limits, _ in hostile))
    assert [outcome.kind for outcome in outcomes] == [kind for _, _, kind in hostile] * 4


async def test_a_listeners_fault_never_reaches_another_guest(run: Run) -> None:
    def fail(_line: object) -> None:
        raise ZeroDivisionError

    logging = reactor(text(8, "x") + entry("(call $log (i32.const 1) (i32.const 8) (i32.const 1))" + ECHO), imports=LOG)
    trapping = reactor(entry("unreachable"))
    results = await asyncio.gather(
        *(run(*case) if len(case) == 1 else run(case[0], on_log=fail) for case in [(trapping,), (logging, 1)] * 100),
        return_exceptions=True,
    )
    assert all(isinstance(result, ZeroDivisionError) for result in results[1::2])
    assert all(getattr(result, "kind", None) is OutcomeKind.TRAPPED for result in results[::2])


async def test_a_base_exception_in_a_callback_does_not_end_the_process(run: Run) -> None:
    def interrupt(_line: object) -> None:
        raise GeneratorExit

    logging = reactor(text(8, "x") + entry("(call $log (i32.const 1) (i32.const 8) (i32.const 1))" + ECHO), imports=LOG)
    with pytest.raises(GeneratorExit):
        await run(logging, on_log=interrupt)
    assert (await run(logging)).kind is OutcomeKind.SUCCEEDED


async def test_filling_all_allowed_memory_over_and_over_leaves_nothing_to_the_next(run: Run) -> None:
    fill = reactor(
        entry(
            """(drop (memory.grow (i32.const 100)))
          (if (i32.ne (i32.load8_u (i32.const 6000000)) (i32.const 0)) (then unreachable))
          (memory.fill (i32.const 4096) (i32.const 255) (i32.const 6000000))"""
            + ECHO
        )
    )
    outcomes = await asyncio.gather(*(run(fill) for _ in range(20)))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCEEDED}


async def test_closing_the_sandbox_ends_running_guests() -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=2))
    guest = reactor(entry(SPIN))
    calls = [make_call(guest, fuel=10**15, timeout_seconds=60.0) for _ in range(4)]
    tasks = [asyncio.create_task(sandbox.call(call, fetching(guest))) for call in calls]
    await until(lambda: len(sandbox.running()) == 2)
    await sandbox.close()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [getattr(result, "kind", type(result)) for result in ended]
    assert sorted(str(kind) for kind in kinds) == sorted([str(asyncio.CancelledError)] * 2 + ["cancelled"] * 2)


def test_guests_do_not_run_on_the_main_thread(sandbox: WasmtimeSandbox) -> None:
    guest = reactor(entry(ECHO))
    compiled = asyncio.run(sandbox.library.load(digest(guest), fetching(guest)))
    with pytest.raises(RuntimeError, match="main thread"):
        sandbox.run_here(make_call(guest), compiled)


def test_thousands_of_calls_do_not_grow_the_process(sandbox: WasmtimeSandbox) -> None:
    body = "(call $log (i32.const 1) (i32.const 8) (i32.const 1)) (drop (memory.grow (i32.const 1)))"
    good = reactor(text(8, "x") + entry(body + ECHO), imports=LOG)
    bad = reactor(text(8, "x") + entry(body + "unreachable"), imports=LOG)
    compiled = [asyncio.run(sandbox.library.load(digest(guest), fetching(guest))) for guest in (good, bad)]
    calls = [make_call(good), make_call(bad)]

    def repeat(times: int) -> None:
        for _ in range(times):
            for call, module in zip(calls, compiled, strict=True):
                sandbox.run_here(call, module)

    on_guest_thread(lambda: repeat(300))
    before = psutil.Process().memory_info().rss
    on_guest_thread(lambda: repeat(2000))
    assert psutil.Process().memory_info().rss - before < 8 << 20


def on_guest_thread(function: object) -> None:
    """Run on a thread with the stack that guests need."""
    assert callable(function)
    size = threading.stack_size(THREAD_STACK_BYTES)
    try:
        thread = threading.Thread(target=function)
        thread.start()
    finally:
        threading.stack_size(size)
    thread.join()


_INTERRUPTED = """
import asyncio, os, signal, threading
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import SPIN, entry, fetching, make_call, reactor

async def main():
    sandbox = WasmtimeSandbox()
    guest = reactor(entry("(loop $l (call $log (i32.const 1) (i32.const 0) (i32.const 1)) (br $l)) unreachable"),
        imports='(import "hengio_v1" "log" (func $log (param i32 i32 i32)))')
    call = make_call(guest, fuel=10**15, timeout_seconds=60.0, log_lines=0)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        await sandbox.call(call, fetching(guest))
    finally:
        await sandbox.close()

try:
    asyncio.run(main())
except KeyboardInterrupt:
    print("interrupted in peace")
"""


def test_an_interrupt_while_a_guest_calls_its_host_ends_the_process_in_order() -> None:
    child = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], capture_output=True, text=True, timeout=60, check=False
    )
    assert (child.returncode, child.stdout.strip()) == (0, "interrupted in peace"), child.stderr
