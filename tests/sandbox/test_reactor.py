"""Reactors: JSON in, JSON out, in an instance of their own."""

from __future__ import annotations

import asyncio

import pytest

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, Run, entry, fetching, make_call, module, reactor, text


@pytest.mark.requirement("R1.2", "R1.3")
async def test_an_entry_gets_the_input_and_its_output_comes_back(run: Run) -> None:
    outcome = await run(reactor(entry(ECHO)), b'{"params":{"n":12},"name":"Vi\xe1\xbb\x87t"}')
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.reply is not None
    assert bytes(outcome.reply.output) == b'{"params":{"n":12},"name":"Vi\xe1\xbb\x87t"}'


async def test_an_outcome_says_what_the_call_took(run: Run) -> None:
    outcome = await run(reactor(entry(ECHO), memory="3"))
    assert 0 < outcome.fuel_used < 100
    assert outcome.fuel_exact
    assert outcome.peak_memory_bytes == 3 * 65_536
    assert outcome.duration_ms > 0
    assert outcome.compiler == "cranelift"
    assert outcome.host_calls == outcome.io_calls == 0


@pytest.mark.requirement("R1.5")
async def test_the_entry_is_the_one_that_the_step_names(run: Run) -> None:
    two = reactor(entry(ECHO) + entry("(call $pack (i32.const 8) (i32.const 1))", name="other") + text(8, "7"))
    outcome = await run(two, function="other")
    assert outcome.reply is not None
    assert bytes(outcome.reply.output) == b"7"


async def test_an_entry_that_does_not_exist_is_refused_with_those_that_do(run: Run) -> None:
    outcome = await run(reactor(entry(ECHO) + entry(ECHO, name="other")), function="nothing")
    assert outcome.kind is OutcomeKind.MODULE_REFUSED
    assert outcome.failure is not None
    assert outcome.failure.code == "entry_missing"
    assert "other, run" in outcome.failure.message


async def test_two_calls_share_no_state(run: Run) -> None:
    counts = reactor(
        """(global $calls (mut i32) (i32.const 48))"""
        + entry("""(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (i32.store8 (i32.const 8) (i32.add (global.get $calls) (i32.load8_u (i32.const 9))))
            (i32.store8 (i32.const 9) (i32.const 1))
            (call $pack (i32.const 8) (i32.const 1))""")
    )
    outcomes = await asyncio.gather(*(run(counts) for _ in range(50)))
    assert {bytes(outcome.reply.output) for outcome in outcomes if outcome.reply} == {b"1"}


@pytest.mark.parametrize("name", ["hengio_alloc", "alloc", "malloc"])
async def test_the_allocator_may_have_any_of_three_names(run: Run, name: str) -> None:
    guest = module(f"""(module (memory (export "memory") 1)
      (func (export "{name}") (param i32) (result i32) (i32.const 64))
      (func (export "run") (param i32 i32) (result i64) (i64.const {(64 << 32) | 2})))""")
    outcome = await run(guest)
    assert outcome.kind is OutcomeKind.SUCCEEDED


async def test_initialize_runs_once_before_the_entry(run: Run) -> None:
    guest = reactor(
        f"""(func (export "_initialize")
              (i32.store8 (i32.const 8) (i32.add (i32.load8_u (i32.const 8)) (i32.const 1))))
            {text(8, "0")} {entry("(call $pack (i32.const 8) (i32.const 1))")}"""
    )
    outcome = await run(guest)
    assert outcome.reply is not None
    assert bytes(outcome.reply.output) == b"1"


async def test_a_guest_that_also_exports_start_is_a_reactor(run: Run, sandbox: WasmtimeSandbox) -> None:
    guest = reactor('(func (export "_start") unreachable)' + entry(ECHO))
    assert sandbox.inspect(guest).kind == "reactor"
    assert (await run(guest)).kind is OutcomeKind.SUCCEEDED


async def test_an_empty_input_needs_no_memory_of_the_guest(run: Run) -> None:
    guest = module("""(module (memory (export "memory") 1) (data (i32.const 8) "1")
      (func (export "alloc") (param i32) (result i32) (i32.const 0))
      (func (export "run") (param i32 i32) (result i64) (i64.const 0x800000001)))""")
    assert (await run(guest, b"")).kind is OutcomeKind.SUCCEEDED
    assert (await run(guest, b"{}")).kind is OutcomeKind.OUT_OF_MEMORY


@pytest.mark.requirement("R14.4")
async def test_bytes_of_another_digest_never_run(sandbox: WasmtimeSandbox) -> None:
    wanted, delivered = reactor(entry(ECHO) + text(0, "wanted")), reactor(entry(ECHO) + text(0, "other"))
    outcome = await sandbox.call(make_call(wanted), fetching(delivered))
    assert outcome.kind is OutcomeKind.MODULE_REFUSED
    assert outcome.failure is not None
    assert outcome.failure.code == "digest_mismatch"


async def test_data_mode_interprets_nothing(run: Run) -> None:
    data = b'{"next_step":"b","error":{"code":"x","message":"y"}}'
    outcome = await run(reactor(entry(ECHO)), data, output_mode="data")
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.reply is not None
    assert outcome.reply.routing is None


async def test_many_calls_at_once_each_get_their_own_answer(run: Run) -> None:
    guest = reactor(entry(ECHO))
    inputs = [b'{"n":%d}' % number for number in range(300)]
    outcomes = await asyncio.gather(*(run(guest, data) for data in inputs))
    assert [bytes(outcome.reply.output) for outcome in outcomes if outcome.reply] == inputs


@pytest.mark.parametrize("answer", ["-1", "0xFFFFFFFF00000001", "0x10000_00000001", "0xFFFFFFFF"])
async def test_an_output_outside_memory_traps_however_long_it_is(run: Run, answer: str) -> None:
    outcome = await run(reactor(entry(f"(i64.const {answer})")))
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"


async def test_an_output_within_memory_and_over_the_limit_is_invalid(run: Run) -> None:
    outcome = await run(reactor(entry("(i64.const 17)")), output_bytes=16)
    assert outcome.kind is OutcomeKind.INVALID_OUTPUT
    assert outcome.failure is not None
    assert outcome.failure.details == {"offset": 16}
