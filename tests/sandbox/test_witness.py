"""Out of memory, or something else? (ABI: Limits and how they end)"""

from __future__ import annotations

import msgspec
import pytest

from hengio.model.outcome import LogLine, OutcomeKind
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, Run, Variables, command, entry, fetching, make_call, reactor, text

LIMIT = 4 << 20
GET = '(import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))'
SET = '(import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))'
LOG = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'
ASK = "(if (i32.eq (memory.grow (i32.const 16384)) (i32.const -1)) (then {then}))"
"""Asks for a gibibyte."""


@pytest.mark.requirement("R3.2", "R3.5")
async def test_a_command_that_gives_up_for_want_of_memory_is_out_of_memory(run: Run) -> None:
    guest = command(f'(func (export "_start") {ASK.format(then="(call $exit (i32.const 1))")})')
    outcome = await run(guest, memory_bytes=LIMIT)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert outcome.failure is not None
    assert outcome.failure.details == {"exit_code": 1, "stderr": []}


async def test_a_guest_that_copes_with_a_refusal_succeeds(run: Run) -> None:
    outcome = await run(reactor(entry(ASK.format(then="nop") + ECHO)), memory_bytes=LIMIT)
    assert outcome.kind is OutcomeKind.SUCCEEDED


async def test_the_second_run_is_heard_by_nobody(run: Run) -> None:
    heard: list[LogLine] = []
    body = "(call $log (i32.const 1) (i32.const 8) (i32.const 1))" + ASK.format(then="unreachable") + ECHO
    outcome = await run(reactor(text(8, "x") + entry(body), imports=LOG), memory_bytes=LIMIT, on_log=heard.append)
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert len(heard) == len(outcome.logs) == 1


FIRST_TIME = """(if (i64.ne (i64.shr_u (call $get (i32.const 8) (i32.const 11)) (i64.const 32)) (i64.const 0))
  (then (drop (call $set (i32.const 18) (i32.const 1) (i32.const 32) (i32.const 1))) {then}))"""
"""Does `then` unless the variable `k`, which it sets, is there: so only in its first run."""


@pytest.mark.parametrize(
    ("pages", "kind"), [(63, OutcomeKind.OUT_OF_MEMORY), (10, OutcomeKind.TRAPPED)], ids=["near", "far"]
)
async def test_a_guest_that_does_not_repeat_itself_is_judged_by_its_size(
    run: Run, pages: int, kind: OutcomeKind
) -> None:
    grow = f"(drop (memory.grow (i32.const {pages}))) (drop (memory.grow (i32.const 4))) unreachable"
    body = text(8, "variables.k") + text(32, "1") + entry(FIRST_TIME.format(then=grow) + ECHO)
    outcome = await run(reactor(body, imports=GET + SET), memory_bytes=LIMIT, context=Variables())
    assert outcome.kind is kind


async def test_too_little_time_for_a_second_run_leaves_the_trap_as_it_is(run: Run) -> None:
    outcome = await run(reactor(entry(ASK.format(then="unreachable") + ECHO)), memory_bytes=LIMIT, timeout_seconds=0.01)
    assert outcome.kind in (OutcomeKind.TRAPPED, OutcomeKind.TIMED_OUT)


class Counting:
    """A world outside that counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    async def answer(self, ask: Ask) -> Answered:
        self.asked.append(ask)
        return Answered(status=Status.OK, reply=b"%d" % len(self.asked), wrote=True)


async def test_the_second_run_asks_nobody_outside_and_gets_the_same_answers(sandbox: WasmtimeSandbox) -> None:
    guest = reactor(
        entry(
            """(drop (call $write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
            (drop (call $write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
            (drop (call $take (i32.const 512) (i32.const 8)))
            (if (i32.ne (i32.load8_u (i32.const 512)) (i32.const 50))
              (then (drop (i64.div_u (i64.const 1) (i64.const 0)))))
            (drop (memory.grow (i32.const 60000)))
            (unreachable)"""
        ),
        imports="""(import "hengio_v1" "file_write" (func $write (param i32 i32 i32 i32) (result i64)))
        (import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))""",
    )
    outside = Counting()
    call = msgspec.structs.replace(make_call(guest), outside=outside)
    outcome = await sandbox.call(call, fetching(guest))
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert (outcome.io_calls, outcome.wrote, len(outside.asked)) == (2, True, 2)
    assert [ask.number for ask in outside.asked] == [1, 2]
