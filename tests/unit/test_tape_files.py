"""Tapes as bytes: what is read back, and what is refused before it does harm."""

from __future__ import annotations

import gzip
import zlib

import msgspec
import pytest

from hengio.errors import Refused
from hengio.model.grant import Grant
from hengio.model.module import Limits
from hengio.model.tape import ContextCall, End, Origin, Random, Redaction, Request, Sleep, Tape, Times
from hengio.sandbox.tapes import file, replay

TAPE = Tape(
    module="m@1.0.0",
    module_name="m",
    digest="ab" * 32,
    kind="reactor",
    function="run",
    compiler="cranelift",
    runtime="wasmtime 1",
    limits=Limits(fuel=5),
    output_mode="auto",
    env={"A": "b"},
    input=b"{}",
    events=(
        Times(0, b"12345678"),
        Random(b"\xff\x00"),
        Sleep(5, "timed_out"),
        ContextCall(b"k", 1, b"r", b"v"),
        Request("file_write", b"p", 2, b"r", True, Grant("file:write", "p"), data_sha256="cd" * 32),
    ),
    missing=3,
    end=End(outcome="timed_out", code="timed_out", output=None, output_size=9, fuel_used=7, fuel_exact=False),
    origin=Origin(execution_id="e", job_id="j", step_id="s", visit=1, attempt=2),
    redacted=(Redaction("TOKEN", "input", 1),),
)


def test_a_tape_is_read_back_as_it_was_and_packed_the_same_each_time() -> None:
    assert file.unpack(file.pack(TAPE)) == TAPE
    assert file.pack(TAPE) == file.pack(TAPE)


def packed(value: object) -> bytes:
    return gzip.compress(msgspec.msgpack.encode(value))


def changed(**fields: object) -> bytes:
    return packed({**msgspec.to_builtins(TAPE, builtin_types=(bytes,)), **fields})


NEST = b"\x91" * 100_000 + b"\xc0"
HOSTILE = {
    "empty": b"",
    "no gzip": b"garbage",
    "no MessagePack": gzip.compress(b"\xc1"),
    "cut off": file.pack(TAPE)[:-9],
    "more after it": file.pack(TAPE) + b"x",
    "two in one": file.pack(TAPE) * 2,
    "a list": packed([1, 2]),
    "nested": gzip.compress(b"\x82\xa6format\x01\xa6events" + NEST),
    "another format": changed(format=2),
    "no format": packed({"module": "m"}),
    "unknown event": changed(events=[{"type": "exec", "data": b""}]),
    "unknown kind": changed(kind="native"),
    "a text as fuel": changed(limits={"fuel": "all"}),
    "bytes that are no text": packed({"format": 1, "module": b"\xff"}),
    "another grant": changed(events=[{"type": "request", "function": "f", "request": b"", "denied": ["root", "/"]}]),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_tape_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        file.unpack(HOSTILE[name])


def test_a_tape_that_unpacks_to_too_much_is_refused_before_it_is_unpacked() -> None:
    stream = zlib.compressobj(wbits=31)
    bomb = b"".join(stream.compress(bytes(1 << 20)) for _ in range(200)) + stream.flush()
    assert len(bomb) < 1 << 20
    with pytest.raises(Refused, match="unpacked"):
        file.unpack(bomb)
    with pytest.raises(Refused, match="at most"):
        file.unpack(bytes(file.MOST_BYTES + 1))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fuel", 6),
        ("fuel", -1),
        ("timeout_seconds", float("inf")),
        ("timeout_seconds", float("nan")),
        ("log_bytes", 1 << 40),
    ],
)
def test_a_tape_gets_no_more_than_this_installation_allows(name: str, value: float) -> None:
    limits = msgspec.structs.replace(TAPE.limits, **{name: value})
    tape = msgspec.structs.replace(TAPE, limits=limits)
    with pytest.raises(Refused) as refused:
        replay.call(tape, replay.player(tape), digest=tape.digest, ceilings=Limits(fuel=5))
    assert [problem.path for problem in refused.value.problems] == [f"limits.{name}"]
