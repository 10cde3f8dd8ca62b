"""A recorded call, replayed without the world, is the same to the byte and the unit of fuel, or tells where not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest

from hengio.model.outcome import OutcomeKind
from hengio.model.tape import ContextCall, Random, Request, Sleep, Times
from hengio.redaction.redact import Sensitive
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.sandbox.tapes.keep import kept
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, SPIN, WASI, Variables, command, entry, fetching, make_call, reactor, text
from tests.support.tapes import asking, play, record
from tests.support.waiting import LONG_SECONDS

CLOCK = f'(import "{WASI}" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))'
STAT = f'(import "{WASI}" "path_filestat_get" (func $stat (param i32 i32 i32 i32 i32) (result i32)))'
LIST = f'(import "{WASI}" "fd_readdir" (func $list (param i32 i32 i32 i64 i32) (result i32)))'
RANDOM = f'(import "{WASI}" "random_get" (func $random (param i32 i32) (result i32)))'
POLL = f'(import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))'
GET = '(import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))'
SET = '(import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))'
READ = '(import "hengio_v1" "file_read" (func $read (param i32 i32) (result i64)))'
WRITE = '(import "hengio_v1" "file_write" (func $write (param i32 i32 i32 i32) (result i64)))'
TAKE = '(import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))'
SEED = '(import "env" "seed" (func $seed (result f64)))'
HEX = """(func $hex (param $from i32) (param $count i32) (param $to i32) (local $i i32) (local $digit i32)
  (loop $again
    (local.set $digit (i32.and (i32.shr_u
      (i32.load8_u (i32.add (local.get $from) (i32.shr_u (local.get $i) (i32.const 1))))
      (i32.shl (i32.and (local.get $i) (i32.const 1)) (i32.const 2))) (i32.const 15)))
    (i32.store8 (i32.add (local.get $to) (local.get $i))
      (i32.add (local.get $digit) (select (i32.const 87) (i32.const 48) (i32.gt_u (local.get $digit) (i32.const 9)))))
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $again (i32.lt_u (local.get $i) (i32.shl (local.get $count) (i32.const 1))))))"""
"""Writes bytes as hexadecimal digits."""
SHOWS_ALL = reactor(
    text(16, "variables.region")
    + text(48, "k")
    + text(56, "inbox/a.json")
    + text(72, "out.csv")
    + HEX
    + entry(
        """
        (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 128)))
        (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 136)))
        (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 144)))
        (drop (call $random (i32.const 152) (i32.const 20)))
        (f64.store (i32.const 176) (call $seed))
        (drop (call $get (i32.const 16) (i32.const 16)))
        (drop (call $take (i32.const 184) (i32.const 8)))
        (i64.store (i32.const 192) (call $set (i32.const 48) (i32.const 1) (i32.const 51) (i32.const 0)))
        (drop (call $read (i32.const 56) (i32.const 12)))
        (drop (call $take (i32.const 200) (i32.const 8)))
        (drop (call $write (i32.const 72) (i32.const 7) (i32.const 128) (i32.const 80)))
        (drop (call $take (i32.const 208) (i32.const 8)))
        (i32.store8 (i32.const 2048) (i32.const 34))
        (call $hex (i32.const 128) (i32.const 88) (i32.const 2049))
        (i32.store8 (i32.const 2225) (i32.const 34))
        (call $pack (i32.const 2048) (i32.const 178))"""
    ),
    imports=CLOCK + RANDOM + SEED + GET + SET + READ + WRITE + TAKE,
)
"""Returns everything that a guest can learn of the world, as hexadecimal digits."""


class Files:
    """A world outside that answers each request with another number."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    async def answer(self, ask: Ask) -> Answered:
        self.asked.append(ask)
        return Answered(status=Status.OK, reply=b"%d" % len(self.asked), wrote=ask.function == "file_write")


class Never:
    """A world outside that does not answer."""

    async def answer(self, _ask: Ask) -> Answered:
        await asyncio.sleep(60)
        raise AssertionError("it was awaited for too long")


@pytest.fixture(scope="module")
def baseline() -> Iterator[WasmtimeSandbox]:
    made = WasmtimeSandbox(SandboxSettings(tiers="baseline"))
    yield made
    asyncio.run(made.close())


async def test_everything_that_a_guest_learns_is_on_the_tape_and_comes_again(sandbox: WasmtimeSandbox) -> None:
    outside, context = Files(), Variables({"variables.region": "south"})
    first, tape = await record(sandbox, SHOWS_ALL, outside=outside, context=context)
    kinds = [type(event) for event in tape.events]
    assert kinds == [Times, Times, Random, ContextCall, ContextCall, Request, Request]
    assert first.reply is not None
    replayed = await play(sandbox, tape, SHOWS_ALL)
    assert (replayed.identical, replayed.fuel, replayed.divergence) == (True, "equal", None)
    assert replayed.came is not None
    assert replayed.came.output == bytes(first.reply.output)
    assert len(outside.asked) == 2
    again, _ = await record(sandbox, SHOWS_ALL, outside=Files(), context=context)
    assert again.reply is not None
    assert bytes(again.reply.output) != bytes(first.reply.output), "the world does not repeat itself"


async def test_a_tape_of_baseline_code_is_replayed_on_baseline_code(
    sandbox: WasmtimeSandbox, baseline: WasmtimeSandbox
) -> None:
    _, tape = await record(baseline, SHOWS_ALL, outside=Files())
    assert tape.compiler == "winch"
    assert (await play(baseline, tape, SHOWS_ALL)).fuel == "equal"
    elsewhere = await play(sandbox, tape, SHOWS_ALL)
    assert elsewhere.identical
    assert "another compiler" in elsewhere.fuel


DIVIDES = "(drop (i64.div_u (i64.const 1) (i64.const 0)))"
SLEEPS = """(i32.store8 (i32.const 16) (i32.const 0)) (i32.store (i32.const 24) (i32.const 1))
  (i64.store (i32.const 32) (i64.const {ns}))
  (drop (call $poll (i32.const 8) (i32.const 128) (i32.const 1) (i32.const 256)))"""
GUESTS = {
    "success": (reactor(entry(ECHO)), {}, OutcomeKind.SUCCEEDED),
    "trap": (reactor(entry(DIVIDES + ECHO)), {}, OutcomeKind.TRAPPED),
    "fuel": (reactor(entry(SPIN)), {"fuel": 100_000}, OutcomeKind.OUT_OF_FUEL),
    "memory": (
        reactor(entry("(if (i32.eq (memory.grow (i32.const 999)) (i32.const -1)) (then unreachable))" + ECHO)),
        {"memory_bytes": 1 << 20},
        OutcomeKind.OUT_OF_MEMORY,
    ),
    "stack": (
        reactor("(func $deep (call $deep))" + entry("(call $deep)" + ECHO)),
        {},
        OutcomeKind.STACK_OVERFLOW,
    ),
    "not JSON": (
        reactor(text(8, "{") + entry("(call $pack (i32.const 8) (i32.const 1))")),
        {},
        OutcomeKind.INVALID_OUTPUT,
    ),
    "slept": (reactor(entry(SLEEPS.format(ns=2_000_000) + ECHO), imports=POLL), {}, OutcomeKind.SUCCEEDED),
    "slept too long": (
        reactor(entry(SLEEPS.format(ns=60_000_000_000) + ECHO), imports=POLL),
        {"timeout_seconds": 0.1},
        OutcomeKind.TIMED_OUT,
    ),
    "context full": (
        reactor(
            text(8, "k1")
            + entry("(drop (call $set (i32.const 8) (i32.const 1) (i32.const 9) (i32.const 1)))" * 2 + ECHO),
            imports=SET,
        ),
        {"context_bytes": 3},
        OutcomeKind.SUCCEEDED,
    ),
    "exit 0": (command('(func (export "_start") (call $exit (i32.const 0)))'), {}, OutcomeKind.INVALID_OUTPUT),
    "exit 3": (command('(func (export "_start") (call $exit (i32.const 3)))'), {}, OutcomeKind.FAILED),
    "prints": (
        command(text(64, "[1]") + '(func (export "_start") (call $print (i32.const 1) (i32.const 64) (i32.const 3)))'),
        {},
        OutcomeKind.SUCCEEDED,
    ),
}


@pytest.mark.parametrize("name", GUESTS)
async def test_every_way_to_end_comes_again(sandbox: WasmtimeSandbox, name: str) -> None:
    binary, options, kind = GUESTS[name]
    outcome, tape = await record(sandbox, binary, **options)
    assert outcome.kind is kind
    replayed = await play(sandbox, tape, binary)
    assert (replayed.identical, replayed.fuel) == (True, "equal")


async def test_a_replay_waits_neither_for_a_sleep_nor_for_an_answer(sandbox: WasmtimeSandbox) -> None:
    """It would for an hour: that is the limit that the tapes are given here."""
    asks = reactor(text(8, "a") + entry("(drop (call $read (i32.const 8) (i32.const 1)))" + ECHO), imports=READ)
    sleeps = reactor(entry(SLEEPS.format(ns=7_200_000_000_000) + ECHO), imports=POLL)
    for binary, event in ((sleeps, Sleep), (asks, Request)):
        outcome, tape = await record(sandbox, binary, outside=Never(), timeout_seconds=0.2)
        assert outcome.kind is OutcomeKind.TIMED_OUT
        (last,) = tape.events
        assert isinstance(last, event)
        assert last.stopped == "timed_out"
        limits = msgspec.structs.replace(tape.limits, timeout_seconds=3600.0)
        async with asyncio.timeout(LONG_SECONDS):
            replayed = await play(sandbox, msgspec.structs.replace(tape, limits=limits), binary)
        assert (replayed.identical, replayed.fuel) == (True, "equal")


async def test_a_call_that_computed_until_its_time_was_over_ends_so_again(sandbox: WasmtimeSandbox) -> None:
    watch = "(loop $again (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8))) (br $again)) (unreachable)"
    for binary in (reactor(entry(SPIN)), reactor(entry(watch), imports=CLOCK)):
        outcome, tape = await record(sandbox, binary, timeout_seconds=0.1, fuel=1 << 60)
        assert outcome.kind is OutcomeKind.TIMED_OUT
        tape = msgspec.structs.replace(tape, limits=msgspec.structs.replace(tape.limits, fuel=100_000_000_000))
        replayed = await play(sandbox, tape, binary)
        assert replayed.identical, replayed.divergence
        assert "not compared" in replayed.fuel


async def test_another_module_differs_where_it_asks_for_something_else(sandbox: WasmtimeSandbox) -> None:
    def reads(path: str, *, more: str = "") -> bytes:
        code = f"(drop (call $read (i32.const 8) (i32.const {len(path)})))"
        return reactor(text(8, path) + entry(code + more + ECHO), imports=READ + SEED)

    _, tape = await record(sandbox, reads("a"), outside=Files())
    assert (await play(sandbox, tape, reads("a", more="nop"))).identical
    other = await play(sandbox, tape, reads("b"))
    assert other.divergence is not None
    assert (other.divergence.event, other.divergence.expected, other.divergence.came) == (
        1,
        "file_read a",
        "file_read b",
    )
    more = await play(sandbox, tape, reads("a", more="(drop (call $seed))"))
    assert more.divergence is not None
    assert (more.divergence.event, more.divergence.expected) == (2, "the end of the call")
    less = await play(sandbox, tape, reactor(entry(ECHO)))
    assert less.divergence is not None
    assert (less.divergence.event, less.divergence.came) == (1, "the end of the call")


async def test_another_module_differs_in_its_output_or_its_outcome(sandbox: WasmtimeSandbox) -> None:
    _, tape = await record(sandbox, reactor(entry(ECHO)), b'{"a":1,"b":2}')
    constant = reactor(text(8, '{"a":1,"b":3}') + entry("(call $pack (i32.const 8) (i32.const 13))"))
    told = (await play(sandbox, tape, constant)).divergence
    assert told is not None
    assert told.expected.startswith("at byte 11 of the output")
    told = (await play(sandbox, tape, reactor(entry(DIVIDES + ECHO)))).divergence
    assert told is not None
    assert (told.expected, told.came) == ("the outcome succeeded", "the outcome trapped (division_by_zero)")


async def test_a_tape_without_room_is_cut_and_says_so(sandbox: WasmtimeSandbox) -> None:
    get = "(drop (call $get (i32.const 8) (i32.const 1)))"
    binary = reactor(text(8, "a") + entry(get * 9 + ECHO), imports=GET)
    outcome, tape = await record(sandbox, binary, tape_bytes=1_000)
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert 0 < len(tape.events) < 9
    assert tape.missing > 0
    replayed = await play(sandbox, tape, binary)
    assert (replayed.identical, replayed.full, replayed.divergence) == (False, True, None)


async def test_a_recording_of_many_readings_of_a_clock_is_one_event(sandbox: WasmtimeSandbox) -> None:
    loop = """(local $i i32) (loop $again (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 5000))))"""
    binary = reactor(entry(loop + ECHO), imports=CLOCK)
    _, tape = await record(sandbox, binary)
    (event,) = tape.events
    assert isinstance(event, Times)
    assert len(event.readings) == 5_000 * 8
    assert (await play(sandbox, tape, binary)).identical


async def test_only_what_is_asked_for_is_recorded(sandbox: WasmtimeSandbox) -> None:
    good, bad = reactor(entry(ECHO)), reactor(entry(DIVIDES + ECHO))

    async def taped(binary: bytes, mode: str) -> bool:
        call = msgspec.structs.replace(make_call(binary), tape=mode)
        return (await sandbox.call(call, fetching(binary))).tape is not None

    assert [await taped(good, mode) for mode in ("never", "failures", "always")] == [False, False, True]
    assert [await taped(bad, mode) for mode in ("never", "failures", "always")] == [False, True, True]


async def test_the_witness_is_told_what_the_guest_was_told(sandbox: WasmtimeSandbox) -> None:
    """It fails for want of memory only if the first random byte is what it was: without a record that is rarely so."""
    code = """(drop (call $random (i32.const 0) (i32.const 1)))
      (drop (call $write (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1)))
      (drop (call $take (i32.const 8) (i32.const 8)))
      (if (i32.ne (i32.load8_u (i32.const 0)) (i32.load8_u (i32.const 8)))
        (then (drop (i64.div_u (i64.const 1) (i64.const 0)))))
      (drop (memory.grow (i32.const 60000))) (unreachable)"""
    binary = reactor(entry(code), imports=RANDOM + WRITE + TAKE)

    class Echoing:
        async def answer(self, ask: Ask) -> Answered:
            return Answered(status=Status.OK, reply=ask.data, wrote=True)

    outcome, tape = await record(sandbox, binary, outside=Echoing())
    assert outcome.kind is OutcomeKind.OUT_OF_MEMORY
    assert (await play(sandbox, tape, binary)).identical


async def test_words_of_a_strange_tape_do_nothing_to_a_terminal(sandbox: WasmtimeSandbox) -> None:
    binary = reactor(text(8, "a") + entry("(drop (call $read (i32.const 8) (i32.const 1)))" + ECHO), imports=READ)
    _, tape = await record(sandbox, binary, outside=Files())
    evil = "\x1b]0;x\x07" + "y" * 999
    strange = msgspec.structs.replace(tape, events=(Request(evil, evil.encode(), data_sha256=evil),), compiler=evil)
    told = await play(sandbox, strange, binary)
    assert told.divergence is not None
    for word in (told.divergence.expected, told.fuel):
        assert word.isprintable()
        assert len(word) < 1_200


async def test_requests_that_differ_late_are_told_by_the_byte(sandbox: WasmtimeSandbox) -> None:
    def reads(path: str) -> bytes:
        return asking(("file_read", path))

    _, tape = await record(sandbox, reads("a" * 400 + "b"), outside=Files())
    told = (await play(sandbox, tape, reads("a" * 400 + "c"))).divergence
    assert told is not None
    assert told.came.endswith("different from byte 400 on")


JUNK = {
    "no JSON": b"junk",
    "no text": b'["\xff"]',
    "nested": b'["a",false,1,1,' + b"[" * 100_000,
    "another type": b'{"name":"a"}',
    "a size below zero": b'["abc",false,-5]',
    "a size past all": b'["abc",false,99999999999999999999999]',
    "a size of 64 bits": b'["abc",false,18446744073709551615]',
    "a time below zero": b'["abc",false,5,-1]',
    "a time past all": b'["abc",false,5,9223372036854775807]',
}


@pytest.mark.parametrize("name", JUNK)
@pytest.mark.parametrize("function", ["file_find", "file_list"])
async def test_what_a_strange_tape_says_of_files_is_an_error_to_the_guest(
    sandbox: WasmtimeSandbox, function: str, name: str
) -> None:
    """It returns how many of its two calls gave 29, an I/O error."""
    code = """(local $sum i32)
      (local.set $sum (call $stat (i32.const 3) (i32.const 0) (i32.const 8) (i32.const 3) (i32.const 128)))
      (local.set $sum (i32.add (local.get $sum)
        (call $list (i32.const 3) (i32.const 256) (i32.const 64) (i64.const 0) (i32.const 64))))
      (i32.store8 (i32.const 512) (i32.add (i32.const 48) (i32.div_u (local.get $sum) (i32.const 29))))
      (call $pack (i32.const 512) (i32.const 1))"""
    binary = reactor(text(8, "abc") + entry(code), imports=STAT + LIST)

    class Listing:
        async def answer(self, ask: Ask) -> Answered:
            return Answered(status=Status.OK, reply=b'["abc",false,5]' if ask.function == "file_find" else b"[]")

    call = msgspec.structs.replace(
        make_call(binary), outside=Listing(), directories=("in",), tape="always", tape_bytes=1 << 20
    )
    outcome = await sandbox.call(call, fetching(binary))
    assert outcome.reply is not None, outcome.failure
    assert outcome.tape is not None
    tape = kept(outcome.tape, (), most_bytes=1 << 20)
    reply = JUNK[name] if function == "file_find" else b"[" + JUNK[name] + b"]"
    events = tuple(
        msgspec.structs.replace(event, reply=reply)
        if isinstance(event, Request) and event.function == function
        else event
        for event in tape.events
    )
    assert events != tape.events
    told = await play(sandbox, msgspec.structs.replace(tape, events=events), binary)
    assert told.divergence is not None
    assert told.came is not None
    assert told.came.outcome == "succeeded"
    assert told.came.output == b"1"


async def test_an_output_that_was_not_searched_for_secrets_is_compared_by_its_size(sandbox: WasmtimeSandbox) -> None:
    binary = reactor(entry(ECHO), memory="32")
    call = msgspec.structs.replace(make_call(binary, b'{"a":1}'), tape="always")
    outcome = await sandbox.call(call, fetching(binary))
    assert outcome.tape is not None
    tape = kept(outcome.tape, [Sensitive("V", "secret")], most_bytes=1)
    assert (tape.end.output, tape.end.output_sha256) == (None, "")
    assert (await play(sandbox, tape, binary)).identical
    longer = msgspec.structs.replace(tape, end=msgspec.structs.replace(tape.end, output_size=8))
    told = (await play(sandbox, longer, binary)).divergence
    assert told is not None
    assert (told.expected, told.came) == ("an output of 8 bytes", "one of 7 bytes")
