"""Joining data segments changes nothing that a module could see."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st
from wasmtime import Engine, Instance, Module, Store, Trap, WasmtimeError, wat2wasm
from wasmtime.component import Component

from hengio.sandbox.wasmtime.compiling.segments import MANY, joined

PAGES = 2
ENGINE = Engine()
segments = st.lists(st.tuples(st.integers(0, PAGES * 65_536 + 8), st.binary(max_size=40)), max_size=30)


def escaped(content: bytes) -> str:
    return "".join(f"\\{byte:02x}" for byte in content)


def module(given_: list[tuple[int, bytes]], *, more: str = "") -> str:
    """A module with these segments, and enough others to be worth joining."""
    many = [(at * 3, bytes([at % 251 + 1])) for at in range(MANY)]
    data = "".join(f'(data (i32.const {at}) "{escaped(content)}")' for at, content in many + given_)
    return f'(module (memory (export "memory") {PAGES}) {more} {data})'


def memory(binary: bytes) -> bytes | None:
    """What is in memory to begin with; None if the module can not be instantiated."""
    store = Store(ENGINE)
    try:
        instance = Instance(store, Module(ENGINE, binary), [])
    except (WasmtimeError, Trap):
        return None
    return bytes(instance.exports(store)["memory"].read(store))


@given(segments)
@example([(PAGES * 65_536, b"")])
@example([(PAGES * 65_536 - 1, b"ab")])
@example([(7, b"abc"), (8, b""), (6, b"zz")])
@example([(70_000, b"x"), (69_999, b"yy")])
def test_memory_begins_with_the_same_bytes(given_: list[tuple[int, bytes]]) -> None:
    binary = bytes(wat2wasm(module(given_)))
    assert memory(joined(binary)) == memory(binary)


def test_many_segments_become_few() -> None:
    binary = bytes(wat2wasm(module([(60_000, b"far away")])))
    assert len(joined(binary)) < len(binary) - 3 * MANY


def test_segments_that_code_may_name_stay_as_they_are() -> None:
    code = '(func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))) (data "passive")'
    binary = bytes(wat2wasm(module([(0, b"x")], more=code)))
    assert joined(binary) == binary


def test_modules_inside_a_component_are_joined_too() -> None:
    inner = module([(60_000, b"far away")]).replace("(module", "(core module $m", 1)
    binary = bytes(wat2wasm(f"(component {inner} (core instance (instantiate $m)) (component (core module)))"))
    shorter = joined(binary)
    assert len(shorter) < len(binary) - 3 * MANY
    Component(ENGINE, shorter)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
def test_broken_binaries_come_back_as_they_are_or_stay_broken(noise: bytes, at: int, byte: int) -> None:
    binary = bytearray(wat2wasm(module([])))
    binary[8 + at] = byte
    broken = bytes(binary) + noise
    result = joined(broken)
    if result != broken:
        assert memory(result) == memory(broken)
