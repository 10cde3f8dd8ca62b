"""Whatever numbers a guest passes for pointers and lengths, a host function reads and writes inside its memory or
ends the guest (R3.4)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.wasmtime import abi, wasi
from hengio.sandbox.wasmtime.callback import words
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import fetching, make_call, module

MEMORY = 1 << 16
AT = 8
"""Where the guest's allocator puts the input: the number of a function, then its arguments in eight bytes each."""
MOST = 9
SPANS = {
    "log": [(1, 2)],
    "get_context": [(0, 1)],
    "set_context": [(0, 1), (2, 3)],
    "http_request": [(0, 1)],
    "db_query": [(0, 1)],
    "file_read": [(0, 1)],
    "file_write": [(0, 1), (2, 3)],
}
"""Which arguments are a pointer and its length."""
OURS = {name: (abi.MODULE, abi.TYPES[(abi.MODULE, name)]) for name in SPANS}
WASI = {name: (wasi.MODULE, type_) for name, type_ in wasi.TYPES.items()}
FUNCTIONS = {**OURS, **WASI}
NAMES = list(FUNCTIONS)


def _caller() -> bytes:
    """A guest that calls the function that its input names, with the arguments that stand there."""
    imports, cases = [], []
    for number, (name, (source, type_)) in enumerate(FUNCTIONS.items()):
        parameters, results = words(type_)
        given = " ".join(f"{word}" for word in parameters)
        result = f"(result {results[0]})" if results else ""
        imports.append(f'(import "{source}" "{name}" (func ${name} (param {given}) {result}))')
        loads = " ".join(
            f"({word}.load offset={8 * (index + 1)} (i32.const {AT}))" for index, word in enumerate(parameters)
        )
        call = f"(call ${name} {loads})"
        cases.append(
            f"(if (i32.eq (local.get $which) (i32.const {number})) (then {f'(drop {call})' if results else call}))"
        )
    return module(f"""(module {" ".join(imports)} (memory (export "memory") 1)
      (func (export "alloc") (param i32) (result i32) (i32.const {AT}))
      (func (export "run") (param i32 i32) (result i64) (local $which i32)
        (local.set $which (i32.load (i32.const {AT})))
        {" ".join(cases)}
        (i32.store8 (i32.const 4096) (i32.const 49))
        (i64.or (i64.shl (i64.const 4096) (i64.const 32)) (i64.const 1))))""")


CALLER = _caller()
word32 = st.one_of(
    st.integers(0, MEMORY + 64),
    st.integers((1 << 32) - 64, (1 << 32) - 1),
    st.integers(0, (1 << 32) - 1),
    st.sampled_from([0, AT, 4096, MEMORY - 1, MEMORY, 1 << 31]),
)
word64 = st.one_of(word32, st.integers(0, (1 << 64) - 1))


@pytest.fixture(name="sandbox", scope="module")
def _sandbox() -> Iterator[WasmtimeSandbox]:
    made = WasmtimeSandbox()
    yield made
    asyncio.run(made.close())


def called(sandbox: WasmtimeSandbox, name: str, arguments: list[int]) -> Outcome:
    padded = (arguments + [0] * MOST)[:MOST]
    data = struct.pack(f"<Q{MOST}Q", NAMES.index(name), *padded)
    call = make_call(CALLER, data, timeout_seconds=0.3)
    return asyncio.run(sandbox.call(call, fetching(CALLER)))


@given(st.sampled_from(list(SPANS)), st.lists(word32, min_size=4, max_size=4))
@example("log", [0, MEMORY, 0, 0])
@example("log", [0, MEMORY, 1, 0])
@example("set_context", [0, MEMORY, MEMORY - 1, 1])
@example("file_write", [AT, 1, AT, 1])
def test_a_span_is_read_only_if_all_of_it_is_in_memory(sandbox: WasmtimeSandbox, name: str, given_: list[int]) -> None:
    outside = any(given_[pointer] + given_[length] > MEMORY for pointer, length in SPANS[name])
    outcome = called(sandbox, name, given_)
    if outside:
        assert outcome.failure is not None
        assert (outcome.kind, outcome.failure.code) == (OutcomeKind.TRAPPED, "bad_pointer")
    else:
        assert outcome.kind is OutcomeKind.SUCCEEDED, outcome.failure


@given(st.sampled_from(list(WASI)), st.lists(word64, min_size=MOST, max_size=MOST))
def test_no_arguments_of_wasi_do_more_than_end_their_guest(
    sandbox: WasmtimeSandbox, name: str, given_: list[int]
) -> None:
    outcome = called(sandbox, name, given_)
    assert outcome.kind in (OutcomeKind.SUCCEEDED, OutcomeKind.TRAPPED, OutcomeKind.TIMED_OUT), outcome.failure
    if outcome.kind is OutcomeKind.TRAPPED:
        assert outcome.failure is not None
        assert outcome.failure.code in ("bad_pointer", "exit")
    assert outcome.peak_memory_bytes == MEMORY
