"""Laws of tapes: whatever a guest asks in whatever order, its recording replays; redacting leaves no value behind."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hengio import codec
from hengio.model.tape import Tape
from hengio.redaction.redact import Redactor, sensitive
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.sandbox.tapes.replay import Replayed
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import WASI, Variables, entry, reactor, text
from tests.support.tapes import play, record

IMPORTS = f"""(import "{WASI}" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
(import "{WASI}" "random_get" (func $random (param i32 i32) (result i32)))
(import "{WASI}" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
(import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))
(import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))
(import "hengio_v1" "file_read" (func $read (param i32 i32) (result i64)))
(import "hengio_v1" "file_write" (func $write (param i32 i32 i32 i32) (result i64)))
(import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))
(import "env" "seed" (func $seed (result f64)))"""
STEPS = [
    "(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 64)))",
    "(drop (call $clock (i32.const 1) (i64.const 0) (i32.const 64)))",
    "(drop (call $random (i32.const 64) (i32.const 5)))",
    "(f64.store (i32.const 64) (call $seed))",
    "(drop (call $get (i32.const 64) (i32.const 2)))",
    "(drop (call $set (i32.const 64) (i32.const 1) (i32.const 60) (i32.const 1)))",
    "(drop (call $read (i32.const 64) (i32.const 4)))",
    "(drop (call $write (i32.const 64) (i32.const 2) (i32.const 64) (i32.const 6)))",
    "(drop (call $take (i32.const 64) (i32.const 16)))",
    "(drop (call $poll (i32.const 8) (i32.const 128) (i32.const 1) (i32.const 256)))",
    "(if (i32.and (i32.load8_u (i32.const 64)) (i32.const 1)) (then (drop (call $read (i32.const 66) (i32.const 1)))))",
    "(if (i32.eqz (i32.and (i32.load8_u (i32.const 65)) (i32.const 7))) (then unreachable))",
]
"""Each asks for something, with what the one before left in memory, or does something else by what it holds."""
SUM = "(i64.store (i32.const 512) (i64.const 0x2020202020202031)) (call $pack (i32.const 512) (i32.const 8))"


class Numbers:
    """A world outside that never answers the same."""

    def __init__(self) -> None:
        self._count = 0

    async def answer(self, ask: Ask) -> Answered:
        self._count += 1
        status = Status(self._count % 4)
        return Answered(status=status, reply=b"%d" % self._count, wrote=ask.function == "file_write")


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def sandbox(loop: asyncio.Runner) -> Iterator[WasmtimeSandbox]:
    made = WasmtimeSandbox()
    yield made
    loop.run(made.close())


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.sampled_from(STEPS), max_size=25))
def test_whatever_a_guest_asks_its_recording_replays(
    sandbox: WasmtimeSandbox, loop: asyncio.Runner, steps: list[str]
) -> None:
    binary = reactor(text(60, "1") + entry(" ".join(steps) + SUM), imports=IMPORTS)

    async def both() -> tuple[Tape, Replayed]:
        _, tape = await record(sandbox, binary, outside=Numbers(), context=Variables({"12": 3}))
        return tape, await play(sandbox, tape, binary)

    tape, replayed = loop.run(both())
    assert replayed.identical, (replayed.divergence, tape)
    assert replayed.fuel == "equal"


words = st.text(st.characters(codec="utf-8", exclude_characters="*#"), min_size=4, max_size=20)
around = st.binary(max_size=9)


@given(value=words, before=around, after=around)
def test_no_usual_spelling_of_a_value_is_left_and_no_length_changes(value: str, before: bytes, after: bytes) -> None:
    redactor = Redactor(sensitive("V", {"deep": [value, None, True]}))
    plain = value.encode()
    spelled = [plain, codec.encode(value)[1:-1], json.dumps(value)[1:-1].encode(), plain.hex().encode()]
    for form in spelled:
        cleaned = redactor.clean(before + form + after, "here")
        assert len(cleaned) == len(before + form + after)
        assert form not in cleaned
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + plain + after)
        cleaned = redactor.clean(b'{"x":"' + encoded + b'"}', "here")[6:-2]
        assert len(cleaned) == len(encoded)
        assert plain not in base64.b64decode(cleaned, altchars=b"-_" if encode is base64.urlsafe_b64encode else None)
    assert sum(one.count for one in redactor.redactions) >= len(spelled)


@given(number=st.integers(min_value=1_000) | st.floats(min_value=1_000, allow_infinity=False, allow_nan=False))
def test_a_number_is_replaced_by_one_so_that_json_stays_json(number: float) -> None:
    data = codec.encode({"pin": number, "rest": [1, "a"]})
    cleaned = codec.decode(Redactor(sensitive("pin", number)).clean(data, "input"))
    assert cleaned["pin"] != number
    assert cleaned["rest"] == [1, "a"]
