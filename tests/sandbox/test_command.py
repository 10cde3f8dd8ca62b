"""Commands and WASI preview 1: standard streams, arguments, clocks, and nothing else."""

from __future__ import annotations

import asyncio

import pytest

from hengio import codec
from hengio.model.outcome import OutcomeKind
from tests.support.guests import ECHO, WASI, Run, command, entry, module, reactor, text

CAT = """(func (export "_start")
  (local $got i32)
  (loop $more
    (i32.store (i32.const 0) (i32.const 4096)) (i32.store (i32.const 4) (i32.const 1000))
    (drop (call $read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
    (local.set $got (i32.load (i32.const 8)))
    (call $print (i32.const 1) (i32.const 4096) (local.get $got))
    (br_if $more (local.get $got))))"""


@pytest.mark.requirement("R2.1", "R2.5", "R1.3")
async def test_a_command_reads_stdin_and_writes_stdout(run: Run) -> None:
    data = codec.encode({"text": "x" * 5000})
    outcome = await run(command(CAT), data)
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.reply is not None
    assert bytes(outcome.reply.output) == data


async def test_each_line_of_stderr_is_a_log_line(run: Run) -> None:
    lines = 'one\n{"message":"two","n":2}\nlast'
    body = text(16, lines)
    printing = f"""(func (export "_start")
      (call $print (i32.const 2) (i32.const 16) (i32.const {len(lines)})) (call $exit (i32.const 3)))"""
    outcome = await run(command(body + printing))
    assert [line.message for line in outcome.logs] == ["one", "two", "last"]
    assert outcome.logs[1].fields == {"n": 2}
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.failure is not None
    assert outcome.failure.details == {"exit_code": 3, "stderr": ["one", "two", "last"]}


@pytest.mark.parametrize("code", [0, 1, 126, 255, -1])
async def test_only_exit_code_zero_succeeds(run: Run, code: int) -> None:
    body = f"""{text(16, "1")} (func (export "_start")
      (call $print (i32.const 1) (i32.const 16) (i32.const 1)) (call $exit (i32.const {code})) unreachable)"""
    outcome = await run(command(body))
    assert outcome.kind is (OutcomeKind.SUCCEEDED if code == 0 else OutcomeKind.FAILED)


async def test_a_reactor_that_exits_is_trapped(run: Run) -> None:
    imports = f'(import "{WASI}" "proc_exit" (func $exit (param i32)))'
    outcome = await run(reactor(entry("(call $exit (i32.const 0)) unreachable"), imports=imports))
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "exit"


async def test_arguments_and_environment_are_the_steps_and_nothing_of_the_hosts(run: Run) -> None:
    imports = f"""(import "{WASI}" "args_get" (func $args (param i32 i32) (result i32)))
      (import "{WASI}" "environ_get" (func $environ (param i32 i32) (result i32)))
      (import "{WASI}" "environ_sizes_get" (func $sizes (param i32 i32) (result i32)))"""
    body = f"""{text(16, '"')} (func (export "_start")
      (drop (call $args (i32.const 100) (i32.const 200)))
      (drop (call $environ (i32.const 100) (i32.const 300)))
      (drop (call $sizes (i32.const 32) (i32.const 36)))
      (i32.store8 (i32.const 205) (i32.const 32)) (i32.store8 (i32.const 210) (i32.const 32))
      (i32.store8 (i32.const 307) (i32.const 32))
      (call $print (i32.const 1) (i32.const 16) (i32.const 1))
      (call $print (i32.const 1) (i32.const 200) (i32.const 9))
      (call $print (i32.const 1) (i32.const 300) (i32.sub (i32.load (i32.const 36)) (i32.const 1)))
      (call $print (i32.const 1) (i32.const 16) (i32.const 1)))"""
    outcome = await run(command(body, imports=imports), function="sum", env={"MODE": "x"})
    assert outcome.reply is not None
    assert bytes(outcome.reply.output) == b'"guest sumMODE=x"'


async def test_a_flood_on_stdout_ends_the_command(run: Run) -> None:
    flood = """(func (export "_start") (loop $more
      (call $print (i32.const 1) (i32.const 0) (i32.const 60000)) (br $more)))"""
    outcome = await run(command(flood), output_bytes=1 << 20)
    assert outcome.kind is OutcomeKind.INVALID_OUTPUT
    assert outcome.failure is not None
    assert outcome.failure.details == {"offset": 1 << 20}


async def test_a_flood_on_stderr_is_cut_and_counted(run: Run) -> None:
    flood = f"""{text(16, "abc")} (func (export "_start") (local $n i32)
      (loop $more (call $print (i32.const 2) (i32.const 16) (i32.const 60000))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $n) (i32.const 100))))
      (call $print (i32.const 1) (i32.const 16) (i32.const 0)))"""
    outcome = await run(command(flood), log_bytes=1000)
    assert outcome.logs_dropped > 0
    assert sum(len(line.message) for line in outcome.logs) <= 1000


async def test_what_a_reactor_prints_is_logged(run: Run) -> None:
    imports = f'(import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))'
    body = """(i32.store (i32.const 0) (i32.const 16)) (i32.store (i32.const 4) (i32.const 3))
      (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))"""
    outcome = await run(reactor(text(16, "abc") + entry(body + ECHO), imports=imports))
    assert [line.message for line in outcome.logs] == ["abc"]
    assert outcome.kind is OutcomeKind.SUCCEEDED


CALLS = {
    "fd_write": ("i32 i32 i32 i32", ["1 {at} 1 8", "1 0 1 {at}", "1 16 1 8"]),
    "fd_read": ("i32 i32 i32 i32", ["0 {at} 1 8", "0 0 1 {at}"]),
    "fd_fdstat_get": ("i32 i32", ["1 {at}"]),
    "args_sizes_get": ("i32 i32", ["{at} 8"]),
    "clock_time_get": ("i32 i64 i32", ["0 0 {at}"]),
    "clock_res_get": ("i32 i32", ["0 {at}"]),
    "random_get": ("i32 i32", ["{at} 16", "8 {at}"]),
    "poll_oneoff": ("i32 i32 i32 i32", ["{at} 64 1 8", "0 {at} 1 8", "0 64 1 {at}"]),
}


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(("name", "arguments"), [(name, case) for name, (_, cases) in CALLS.items() for case in cases])
async def test_a_bad_pointer_in_wasi_traps(run: Run, name: str, arguments: str) -> None:
    types = CALLS[name][0]
    values = arguments.format(at=-4).split()
    pushed = " ".join(f"({type_}.const {value})" for type_, value in zip(types.split(), values, strict=True))
    imports = f'(import "{WASI}" "{name}" (func $called (param {types}) (result i32)))'
    outside = '(data (i32.const 16) "\\f0\\ff\\ff\\ff\\ff\\ff\\00\\00")'
    outcome = await run(reactor(outside + entry(f"(drop (call $called {pushed}))" + ECHO), imports=imports))
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"


@pytest.mark.requirement("R3.4")
async def test_no_directory_is_open(run: Run) -> None:
    imports = f"""(import "{WASI}" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
      (import "{WASI}" "path_open" (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))"""
    body = f"""{text(16, "/etc/passwd")} (func (export "_start") (local $fd i32)
      (loop $more
        (if (i32.eqz (call $prestat (local.get $fd) (i32.const 64))) (then unreachable))
        (if (i32.eqz (call $open (local.get $fd) (i32.const 0) (i32.const 16) (i32.const 11) (i32.const 0)
                       (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 64))) (then unreachable))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $fd) (i32.const 20))))
      (i32.store8 (i32.const 16) (i32.const 49))
      (call $print (i32.const 1) (i32.const 16) (i32.const 1)))"""
    outcome = await run(command(body, imports=imports))
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome


async def test_a_closed_stream_stays_closed_for_this_call_only(run: Run) -> None:
    imports = f"""(import "{WASI}" "fd_close" (func $close (param i32) (result i32)))
      (import "{WASI}" "fd_seek" (func $seek (param i32 i64 i32 i32) (result i32)))"""
    body = """
      (func $expect (param $found i32) (param $wanted i32)
        (if (i32.ne (local.get $found) (local.get $wanted)) (then unreachable)))
      (func (export "_start")
        (i32.store8 (i32.const 16) (i32.const 49))
        (call $expect (call $seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 32)) (i32.const 70))
        (call $print (i32.const 1) (i32.const 16) (i32.const 1))
        (call $expect (call $close (i32.const 1)) (i32.const 0))
        (call $expect (call $close (i32.const 1)) (i32.const 8))
        (call $expect (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)) (i32.const 8)))"""
    outcomes = await asyncio.gather(*(run(command(body, imports=imports)) for _ in range(2)))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCEEDED}


async def test_a_short_sleep_ends_by_itself(run: Run) -> None:
    imports = f'(import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))'
    body = """(i64.store (i32.const 0) (i64.const 7)) (i32.store (i32.const 16) (i32.const 1))
      (i64.store (i32.const 24) (i64.const 20000000))
      (if (call $poll (i32.const 0) (i32.const 64) (i32.const 1) (i32.const 128)) (then unreachable))
      (if (i64.ne (i64.load (i32.const 64)) (i64.const 7)) (then unreachable))
      (if (i32.ne (i32.load (i32.const 128)) (i32.const 1)) (then unreachable))"""
    outcome = await run(reactor(entry(body + ECHO), imports=imports))
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert outcome.duration_ms >= 20


@pytest.mark.requirement("R2.5")
async def test_clock_and_random_work(run: Run) -> None:
    imports = f"""(import "{WASI}" "clock_time_get" (func $now (param i32 i64 i32) (result i32)))
      (import "{WASI}" "random_get" (func $random (param i32 i32) (result i32)))
      (import "{WASI}" "sched_yield" (func $yield (result i32)))"""
    body = """(drop (call $now (i32.const 0) (i64.const 0) (i32.const 0)))
      (drop (call $random (i32.const 16) (i32.const 32))) (drop (call $yield))
      (if (i64.lt_u (i64.load (i32.const 0)) (i64.const 1600000000000000000)) (then unreachable))
      (if (i64.eq (i64.load (i32.const 16)) (i64.load (i32.const 24))) (then unreachable))
      (drop (call $now (i32.const 1) (i64.const 0) (i32.const 0)))
      (if (i64.gt_u (i64.load (i32.const 0)) (i64.const 60000000000)) (then unreachable))
      (if (i32.ne (call $now (i32.const 9) (i64.const 0) (i32.const 0)) (i32.const 28)) (then unreachable))"""
    outcome = await run(reactor(entry(body + ECHO), imports=imports))
    assert outcome.kind is OutcomeKind.SUCCEEDED, outcome


async def test_a_command_that_prints_no_json_has_an_invalid_output(run: Run) -> None:
    outcome = await run(module('(module (memory (export "memory") 1) (func (export "_start")))'))
    assert outcome.kind is OutcomeKind.INVALID_OUTPUT
