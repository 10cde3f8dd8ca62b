"""`hengio_v1` and AssemblyScript's imports, with honest and with bad pointers."""

from __future__ import annotations

import pytest

from hengio import codec
from hengio.model.outcome import LogLine, Outcome, OutcomeKind
from tests.support.guests import ECHO, Run, Variables, entry, module, reactor, text

LOG = '(import "hengio_v1" "log" (func $log (param i32 i32 i32)))'
GET = '(import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))'
SET = '(import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))'
TAKE = '(import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))'
ANSWER = """(local.set $answer {call})
  (call $pack (i32.const 2048) (call $take (i32.const 2048) (i32.wrap_i64 (local.get $answer))))"""
"""Makes a host call and returns the reply that it left."""


def answering(call: str) -> str:
    return entry("(local $answer i64)" + ANSWER.format(call=call))


def answer(outcome: Outcome) -> object:
    assert outcome.reply is not None, outcome.failure
    return codec.decode(outcome.reply.output)


@pytest.mark.requirement("R5.1")
async def test_log_lines_arrive_at_once_and_stay_with_the_outcome(run: Run) -> None:
    heard: list[LogLine] = []
    calls = "".join(f"(call $log (i32.const {level}) (i32.const 8) (i32.const 5))" for level in (0, 1, 2, 3, 9))
    outcome = await run(reactor(text(8, "hello") + entry(calls + ECHO), imports=LOG), on_log=heard.append)
    assert [line.level for line in outcome.logs] == ["debug", "info", "warn", "error", "info"]
    assert {line.message for line in outcome.logs} == {"hello"}
    assert tuple(heard) == outcome.logs
    assert outcome.host_calls == 5


@pytest.mark.requirement("R5.1")
async def test_a_json_object_is_a_structured_line(run: Run) -> None:
    line = '{"message":"done","rows":3}'
    body = entry(f"(call $log (i32.const 1) (i32.const 8) (i32.const {len(line)}))" + ECHO)
    outcome = await run(reactor(text(8, line) + body, imports=LOG))
    assert outcome.logs == (LogLine("info", "done", {"rows": 3}),)


async def test_a_flood_of_lines_is_cut_and_counted(run: Run) -> None:
    flood = """(local $n i32) (loop $more (call $log (i32.const 1) (i32.const 8) (i32.const 5))
      (local.set $n (i32.add (local.get $n) (i32.const 1))) (br_if $more (i32.lt_u (local.get $n) (i32.const 50))))"""
    guest = reactor(text(8, "hello") + entry(flood + ECHO), imports=LOG)
    by_lines, by_bytes = await run(guest, log_lines=20), await run(guest, log_bytes=50)
    assert (len(by_lines.logs), by_lines.logs_dropped) == (20, 30)
    assert (len(by_bytes.logs), by_bytes.logs_dropped) == (10, 40)
    assert by_lines.kind is OutcomeKind.SUCCEEDED


@pytest.mark.requirement("R5.2")
async def test_get_context_leaves_the_value_for_take_result(run: Run) -> None:
    guest = reactor(
        text(8, "variables.region") + answering("(call $get (i32.const 8) (i32.const 16))"), imports=GET + TAKE
    )
    outcome = await run(guest, context=Variables({"variables.region": {"name": "eu-west", "zones": [1, 2]}}))
    assert answer(outcome) == {"name": "eu-west", "zones": [1, 2]}


@pytest.mark.requirement("R5.2")
async def test_what_does_not_exist_is_an_ordinary_answer(run: Run) -> None:
    guest = reactor(
        text(8, "variables.region") + answering("(call $get (i32.const 8) (i32.const 16))"), imports=GET + TAKE
    )
    outcome = await run(guest, output_mode="data")
    assert answer(outcome) == {"code": "not_found", "message": "nothing stands at 'variables.region'"}


@pytest.mark.requirement("R5.3")
async def test_set_context_is_read_back_and_reported_in_order(run: Run) -> None:
    write = "(drop (call $set (i32.const 8) (i32.const 1) (i32.const 32) (i32.const 2)))"
    read = answering("(call $get (i32.const 64) (i32.const 11))")
    body = text(8, "k") + text(32, "42") + text(64, "variables.k") + read.replace("(local.set", write + "(local.set", 1)
    outcome = await run(reactor(body, imports=GET + SET + TAKE))
    assert answer(outcome) == 42
    assert outcome.context_writes == (("k", 42),)


@pytest.mark.requirement("R5.3")
@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("locked", "1", "permission_denied"),
        ("k", "{nonsense", "invalid_request"),
        ("", "1", "invalid_request"),
        ("k", '"' + "x" * 200 + '"', "limit_exceeded"),
    ],
)
async def test_a_write_that_is_not_allowed_is_an_ordinary_answer(run: Run, key: str, value: str, code: str) -> None:
    call = f"(call $set (i32.const 8) (i32.const {len(key)}) (i32.const 64) (i32.const {len(value)}))"
    guest = reactor(text(8, key) + text(64, value) + answering(call), imports=SET + TAKE)
    outcome = await run(guest, context=Variables(locked=frozenset({"locked"})), context_bytes=100, output_mode="data")
    found = answer(outcome)
    assert isinstance(found, dict)
    assert found["code"] == code
    assert outcome.context_writes == ()


async def test_host_calls_past_their_limit_are_denied(run: Run) -> None:
    first = "(drop (call $get (i32.const 8) (i32.const 1)))"
    guest = reactor(
        text(8, "k")
        + answering("(call $get (i32.const 8) (i32.const 1))").replace("(local.set", first + "(local.set", 1),
        imports=GET + TAKE,
    )
    outcome = await run(guest, context=Variables({"k": 1}), host_calls=1, output_mode="data")
    found = answer(outcome)
    assert isinstance(found, dict)
    assert found["code"] == "limit_exceeded"


async def test_a_reply_waits_until_it_fits_and_is_taken_once(run: Run) -> None:
    body = """(drop (call $get (i32.const 8) (i32.const 1)))
      (i32.store8 (i32.const 512) (i32.const 91))
      (i32.store8 (i32.const 514) (i32.const 44))
      (i32.store8 (i32.const 516) (i32.const 93))
      (if (i32.ne (call $take (i32.const 100) (i32.const 0)) (i32.const -1)) (then unreachable))
      (i32.store8 (i32.const 513) (i32.add (i32.const 48) (call $take (i32.const 100) (i32.const 50))))
      (if (i32.ne (call $take (i32.const 100) (i32.const 50)) (i32.const -1)) (then unreachable))
      (i32.store8 (i32.const 515) (i32.load8_u (i32.const 100)))
      (call $pack (i32.const 512) (i32.const 5))"""
    outcome = await run(reactor(text(8, "k") + entry(body), imports=GET + TAKE), context=Variables({"k": 7}))
    assert answer(outcome) == [1, 7]


async def test_the_next_host_call_discards_a_reply(run: Run) -> None:
    body = """(drop (call $get (i32.const 8) (i32.const 1)))
      (call $log (i32.const 1) (i32.const 8) (i32.const 1))
      (if (i32.ne (call $take (i32.const 100) (i32.const 50)) (i32.const -1)) (then unreachable))"""
    guest = reactor(text(8, "k") + entry(body + ECHO), imports=GET + TAKE + LOG)
    assert (await run(guest, context=Variables({"k": 7}))).kind is OutcomeKind.SUCCEEDED


OUTSIDE = ["65530", "65537", "-1", "-8"]
BAD_CALLS = [
    "(call $log (i32.const 1) (i32.const {at}) (i32.const 7))",
    "(call $log (i32.const 1) (i32.const 7) (i32.const {at}))",
    "(drop (call $get (i32.const {at}) (i32.const 7)))",
    "(drop (call $set (i32.const {at}) (i32.const 7) (i32.const 8) (i32.const 1)))",
    "(drop (call $set (i32.const 8) (i32.const 1) (i32.const {at}) (i32.const 7)))",
    "(drop (call $take (i32.const {at}) (i32.const 7)))",
    "(drop (call $get (i32.const 8) (i32.const 1))) (drop (call $take (i32.const {at}) (i32.const 7)))",
]


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("at", OUTSIDE)
@pytest.mark.parametrize("code", BAD_CALLS)
async def test_a_pointer_outside_memory_traps(run: Run, code: str, at: str) -> None:
    guest = reactor(text(8, "k") + entry(code.format(at=at) + ECHO), imports=LOG + GET + SET + TAKE)
    outcome = await run(guest, context=Variables({"k": 7}))
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"
    assert outcome.backtrace[0].function == "run"


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(("pointer", "length"), [(65_530, 7), (65_537, 0), (0xFFFF_FFFF, 0xFFFF), (0, 65_537)])
async def test_an_output_outside_memory_traps(run: Run, pointer: int, length: int) -> None:
    outcome = await run(reactor(entry(f"(i64.const {pointer << 32 | length})")))
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("at", [65_535, 70_000, 0xFFFF_FFF0])
async def test_an_allocator_that_lies_traps(run: Run, at: int) -> None:
    guest = module(f"""(module (memory (export "memory") 1)
      (func (export "alloc") (param i32) (result i32) (i32.const {at}))
      (func (export "run") (param i32 i32) (result i64) (i64.const 0)))""")
    outcome = await run(guest)
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"


async def test_a_start_function_may_already_log(run: Run) -> None:
    guest = reactor(
        text(8, "early")
        + "(func $first (call $log (i32.const 1) (i32.const 8) (i32.const 5))) (start $first)"
        + entry(ECHO),
        imports=LOG,
    )
    outcome = await run(guest)
    assert [line.message for line in outcome.logs] == ["early"]


async def test_a_bad_pointer_in_a_start_function_traps(run: Run) -> None:
    guest = reactor(
        "(func $first (call $log (i32.const 1) (i32.const -5) (i32.const 9))) (start $first)" + entry(ECHO),
        imports=LOG,
    )
    outcome = await run(guest)
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert outcome.failure.code == "bad_pointer"


async def test_a_listener_that_raises_is_the_hosts_fault_and_harms_no_other_call(run: Run) -> None:
    def fail(_line: LogLine) -> None:
        raise KeyError("full disk")

    body = "(call $log (i32.const 1) (i32.const 8) (i32.const 5))"
    guest = reactor(text(8, "hello") + entry(body + ECHO), imports=LOG)
    with pytest.raises(KeyError, match="full disk"):
        await run(guest, on_log=fail)
    assert (await run(guest)).kind is OutcomeKind.SUCCEEDED


def utf16(at: int, value: str) -> str:
    """An AssemblyScript string at `at`, its length before it."""
    data = value.encode("utf-16-le")
    escaped = "".join(f"\\{byte:02x}" for byte in len(data).to_bytes(4, "little") + data)
    return f'(data (i32.const {at - 4}) "{escaped}")'


@pytest.mark.requirement("R2.4")
async def test_abort_ends_an_assemblyscript_guest_with_its_message(run: Run) -> None:
    abort = '(import "env" "abort" (func $abort (param i32 i32 i32 i32)))'
    body = "(call $abort (i32.const 16) (i32.const 64) (i32.const 12) (i32.const 3)) unreachable"
    outcome = await run(reactor(utf16(16, "no rows") + utf16(64, "main.ts") + entry(body), imports=abort))
    assert outcome.kind is OutcomeKind.TRAPPED
    assert outcome.failure is not None
    assert (outcome.failure.code, outcome.failure.message) == ("abort", "no rows in main.ts(12:3)")


@pytest.mark.requirement("R2.4")
async def test_what_assemblyscript_prints_is_logged(run: Run) -> None:
    imports = """(import "env" "console.log" (func $print (param i32))) (import "env" "seed" (func $seed (result f64)))
      (import "env" "trace" (func $trace (param i32 i32 f64 f64 f64 f64 f64)))"""
    body = """(call $print (i32.const 16)) (drop (call $seed)) (call $trace (i32.const 16) (i32.const 2)
      (f64.const 1.5) (f64.const -2) (f64.const 0) (f64.const 0) (f64.const 0))"""
    outcome = await run(reactor(utf16(16, "số") + entry(body + ECHO), imports=imports))
    assert outcome.logs == (LogLine("info", "số"), LogLine("debug", "số 1.5 -2"))
