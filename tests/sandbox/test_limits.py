"""Every limit ends a guest, and says which it was (ABI: Limits and how they end)."""

from __future__ import annotations

import asyncio

import pytest

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, SPIN, WASI, Run, entry, fetching, make_call, module, reactor, until

ENDLESS = {"fuel": 10**15}
POLL = f'(import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))'
SLEEP = """(i64.store (i32.const 24) (i64.const 60000000000))
  (drop (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)))"""
"""Sleeps for a minute on the clock subscription at 0: realtime, relative."""


@pytest.mark.requirement("R3.1", "R3.5")
async def test_a_loop_runs_out_of_fuel(run: Run) -> None:
    outcome = await run(reactor(entry(SPIN)), fuel=100_000)
    assert outcome.kind is OutcomeKind.OUT_OF_FUEL
    assert outcome.fuel_used == 100_000
    assert outcome.fuel_exact
    assert outcome.backtrace[0].function == "run"


@pytest.mark.requirement("R3.3", "R3.5")
async def test_a_loop_runs_out_of_time(run: Run) -> None:
    outcome = await run(reactor(entry(SPIN)), timeout_seconds=0.05, **ENDLESS)
    assert outcome.kind is OutcomeKind.TIMED_OUT
    assert outcome.duration_ms >= 50
    assert not outcome.fuel_exact


@pytest.mark.requirement("R3.3")
async def test_a_sleeping_guest_runs_out_of_time(run: Run) -> None:
    outcome = await run(reactor(entry(SLEEP + ECHO), imports=POLL), timeout_seconds=0.05)
    assert outcome.kind is OutcomeKind.TIMED_OUT
    assert outcome.duration_ms < 30_000


@pytest.mark.requirement("R3.3")
async def test_a_guest_that_calls_its_host_for_ever_runs_out_of_time(run: Run) -> None:
    imports = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'
    body = "(loop $again (call $log (i32.const 1) (i32.const 0) (i32.const 1)) (br $again)) (unreachable)"
    outcome = await run(reactor(entry(body), imports=imports), timeout_seconds=0.05, **ENDLESS)
    assert outcome.kind is OutcomeKind.TIMED_OUT
    assert outcome.logs_dropped > 0


@pytest.mark.requirement("R3.1", "R3.3")
@pytest.mark.parametrize("where", ["start", "_initialize", "hengio_alloc"])
async def test_the_limits_hold_in_everything_that_runs(run: Run, where: str) -> None:
    start = "(start $spin)" if where == "start" else f'(export "{where}" (func $spin))'
    type_ = "(param i32) (result i32)" if where == "hengio_alloc" else ""
    allocator = "" if where == "hengio_alloc" else '(func (export "alloc") (param i32) (result i32) (i32.const 8))'
    guest = module(f"""(module (memory (export "memory") 1) {allocator}
      (func $spin {type_} (loop $again (br $again)) (unreachable)) {start}
      (func (export "run") (param i32 i32) (result i64) (i64.const 0)))""")
    assert (await run(guest, fuel=10_000)).kind is OutcomeKind.OUT_OF_FUEL
    assert (await run(guest, timeout_seconds=0.03, **ENDLESS)).kind is OutcomeKind.TIMED_OUT


@pytest.mark.requirement("R3.5")
async def test_endless_recursion_is_a_stack_overflow(run: Run) -> None:
    outcome = await run(reactor(entry("(call $run (local.get $pointer) (local.get $length))")))
    assert outcome.kind is OutcomeKind.STACK_OVERFLOW
    assert {frame.function for frame in outcome.backtrace} == {"run"}


async def test_a_deep_guest_may_still_call_its_host(run: Run) -> None:
    imports = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'
    body = """(call $log (i32.const 1) (i32.const 0) (i32.const 1))
      (call $run (local.get $pointer) (local.get $length))"""
    outcome = await run(reactor(entry(body), imports=imports))
    assert outcome.kind is OutcomeKind.STACK_OVERFLOW
    assert len(outcome.logs) == 1000


@pytest.mark.requirement("R3.2", "R3.5")
async def test_a_module_that_declares_more_memory_than_allowed_does_not_start(run: Run) -> None:
    outcome = await run(reactor(entry(ECHO), memory="17"), memory_bytes=1 << 20)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY


@pytest.mark.requirement("R3.2")
async def test_growth_stops_at_the_limit_and_is_seen_in_the_peak(run: Run) -> None:
    hog = "(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1))))"
    outcome = await run(reactor(entry(hog + ECHO)), memory_bytes=1 << 20)
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.peak_memory_bytes == 1 << 20


@pytest.mark.requirement("R3.2", "R3.5")
@pytest.mark.parametrize("pages", [1, 16, 16_384], ids=["a page", "a mebibyte", "a gibibyte"])
async def test_a_guest_that_fails_for_want_of_memory_is_out_of_memory(run: Run, pages: int) -> None:
    hog = f"""(loop $more
      (if (i32.eq (memory.grow (i32.const {pages})) (i32.const -1)) (then unreachable)) (br $more)) (unreachable)"""
    outcome = await run(reactor(entry(hog)), memory_bytes=4 << 20)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.failure is not None
    assert outcome.backtrace


async def test_a_guest_that_traps_with_memory_to_spare_is_trapped(run: Run) -> None:
    hog = "(drop (memory.grow (i32.const 16))) (unreachable)"
    outcome = await run(reactor(entry(hog)), memory_bytes=4 << 20)
    assert outcome.kind is OutcomeKind.TRAPPED


async def test_a_guest_within_its_own_maximum_is_trapped_not_out_of_memory(run: Run) -> None:
    hog = "(drop (memory.grow (i32.const 1000))) (unreachable)"
    outcome = await run(reactor(entry(hog), memory="1 2"), memory_bytes=4 << 20)
    assert outcome.kind is OutcomeKind.TRAPPED


async def test_a_table_over_its_limit_is_refused(run: Run) -> None:
    outcome = await run(reactor(entry(ECHO) + "(table 200000 funcref)"), table_elements=100_000)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.failure is not None
    assert "table" in outcome.failure.message


async def test_growth_of_a_table_over_its_limit_fails(run: Run) -> None:
    grow = "(if (i32.ne (table.grow $t (ref.null func) (i32.const 1000000)) (i32.const -1)) (then unreachable))"
    outcome = await run(reactor("(table $t 1 funcref)" + entry(grow + ECHO)), table_elements=100_000)
    assert outcome.kind is OutcomeKind.SUCCEEDED


async def test_an_output_over_its_limit_is_not_read(run: Run) -> None:
    outcome = await run(reactor(entry(ECHO)), b'"' + b"x" * 5000 + b'"', output_bytes=4096)
    assert outcome.kind is OutcomeKind.INVALID_OUTPUT
    assert outcome.failure is not None
    assert outcome.failure.details == {"offset": 4096}


@pytest.mark.parametrize("code", [SPIN, SLEEP + ECHO], ids=["in a loop", "asleep"])
async def test_cancelling_the_task_ends_the_guest(sandbox: WasmtimeSandbox, code: str) -> None:
    guest = reactor(entry(code), imports=POLL)
    call = make_call(guest, timeout_seconds=60.0, **ENDLESS)
    task = asyncio.create_task(sandbox.call(call, fetching(guest)))
    await until(lambda: any(running.call is call for running in sandbox.running()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError) as raised:
        await task
    (outcome,) = raised.value.args
    assert outcome.kind is OutcomeKind.CANCELLED
    assert outcome.fuel_used > 0
    await until(lambda: all(running.call is not call for running in sandbox.running()))


async def test_cancelling_one_guest_leaves_its_neighbour_alone(sandbox: WasmtimeSandbox, run: Run) -> None:
    busy = reactor(
        "(global $n (mut i32) (i32.const 30000000))"
        + entry(
            """(loop $again (global.set $n (i32.sub (global.get $n) (i32.const 1)))
            (br_if $again (global.get $n)))"""
            + ECHO
        )
    )
    neighbour = asyncio.create_task(run(busy, **ENDLESS))
    guest = reactor(entry(SPIN))
    for _ in range(3):
        task = asyncio.create_task(run(guest, timeout_seconds=60.0, **ENDLESS))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert (await neighbour).kind is OutcomeKind.SUCCEEDED


async def test_a_long_guest_does_not_delay_short_ones_behind_it(sandbox: WasmtimeSandbox, run: Run) -> None:
    long, short = reactor(entry(SPIN)), reactor(entry(ECHO))
    await asyncio.gather(run(long, fuel=10), run(short))
    spinning = asyncio.create_task(run(long, timeout_seconds=60.0, **ENDLESS))
    outcomes = await asyncio.gather(*(run(short) for _ in range(200)))
    assert all(outcome.kind is OutcomeKind.SUCCEEDED for outcome in outcomes)
    assert not spinning.done()
    spinning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await spinning
