"""What is accepted at upload, what is refused, and what is said about it."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hengio.errors import Refused
from hengio.model.module import Function
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, SPIN, WASI, command, digest, entry, module, reactor


def leb(value: int) -> bytes:
    """An unsigned LEB128."""
    head, rest = value & 0x7F, value >> 7
    return bytes([head | 0x80]) + leb(rest) if rest else bytes([head])


def section(number: int, body: bytes) -> bytes:
    return bytes([number]) + leb(len(body)) + body


def functions(bodies: list[bytes]) -> bytes:
    """A module of functions () -> () with these bodies (locals and code)."""
    types = section(1, leb(1) + b"\x60\x00\x00")
    declared = section(3, leb(len(bodies)) + b"\x00" * len(bodies))
    code = section(10, leb(len(bodies)) + b"".join(leb(len(body)) + body for body in bodies))
    return b"\0asm\x01\0\0\0" + types + declared + code


@pytest.mark.requirement("R6.1", "R6.2")
def test_a_reactor_is_recognised_with_its_facts(sandbox: WasmtimeSandbox) -> None:
    log = '(import "hengio_v1" "log" (func (param i32 i32 i32)))'
    binary = reactor(entry(ECHO) + entry(ECHO, name="score"), imports=log, memory="2 10")
    facts = sandbox.inspect(binary)
    assert (facts.kind, facts.digest, facts.size) == ("reactor", digest(binary), len(binary))
    assert facts.entries == ("run", "score")
    assert facts.host_functions == ("log",)
    assert not facts.host_io_possible
    assert (facts.memory_minimum_bytes, facts.memory_maximum_bytes) == (2 * 65_536, 10 * 65_536)
    assert Function("run", "(i32, i32) -> i64") in facts.exports
    assert facts.imports == (Function("hengio_v1.log", "(i32, i32, i32) -> ()"),)
    assert facts.abi_version == 1


@pytest.mark.requirement("R2.1")
def test_a_command_is_recognised(sandbox: WasmtimeSandbox) -> None:
    facts = sandbox.inspect(command('(func (export "_start"))'))
    assert (facts.kind, facts.entries) == ("command", ())
    assert f"{WASI}.fd_write" in {item.name for item in facts.imports}


def test_languages_and_tools_come_from_the_producers_section(sandbox: WasmtimeSandbox) -> None:
    def name(value: str) -> bytes:
        return leb(len(value)) + value.encode()

    body = name("producers") + leb(2)
    body += name("language") + leb(1) + name("Rust") + name("2021")
    body += name("processed-by") + leb(2) + name("rustc") + name("1.80") + name("clang") + name("")
    facts = sandbox.inspect(reactor(entry(ECHO)) + section(0, body))
    assert facts.languages == ("Rust 2021",)
    assert facts.tools == ("rustc 1.80", "clang")


@pytest.mark.requirement("R6.1")
def test_a_module_that_is_neither_is_told_all_that_it_misses(sandbox: WasmtimeSandbox) -> None:
    with pytest.raises(Refused) as refused:
        sandbox.inspect(module('(module (func (export "run") (param i32) (result i64) (i64.const 0)))'))
    told = str(refused.value)
    assert "no memory" in told
    assert "hengio_alloc" in told
    assert "(i32, i32) -> i64" in told


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(
    ("imports", "told"),
    [
        ('(import "env" "fork" (func))', "env.fork: not offered"),
        ('(import "hengio_v1" "http_request" (func (param i32)))', "is offered as (i32, i32) -> i64"),
        ('(import "hengio_v1" "log" (func (param i32)))', "is offered as (i32, i32, i32) -> ()"),
        ('(import "env" "memory" (memory 1))', "env.memory: a memory can not be imported"),
        ('(import "env" "table" (table 1 funcref))', "env.table: a table can not be imported"),
        ('(import "env" "base" (global i32))', "env.base: a global can not be imported"),
        ('(import "wasi_unstable" "proc_exit" (func (param i32)))', "wasi_unstable.proc_exit: not offered"),
        (f'(import "{WASI}" "thread_spawn" (func (param i32) (result i32)))', "thread_spawn: not offered"),
    ],
)
def test_an_import_that_is_not_offered_is_named(sandbox: WasmtimeSandbox, imports: str, told: str) -> None:
    memory = "" if "memory" in imports else '(memory (export "memory") 1)'
    with pytest.raises(Refused) as refused:
        sandbox.inspect(module(f"(module {imports} {memory})"))
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("binary", "told"),
    [
        (b"", "does not begin with"),
        (b"(module)", "does not begin with"),
        (b"\0asm", "unknown WebAssembly version"),
        (b"\0asm\x02\0\0\0", "unknown WebAssembly version"),
        (b"\0asm\x0d\0\x01\0", "component"),
        (b"\0asm\x01\0\0\0\x01\xff\xff\xff\xff\x0f", "longer than the file"),
        (b"\0asm\x01\0\0\0\x01\x02\x7f\x60", "longer than its section"),
    ],
)
def test_what_is_no_module_is_refused_plainly(sandbox: WasmtimeSandbox, binary: bytes, told: str) -> None:
    with pytest.raises(Refused) as refused:
        sandbox.inspect(binary)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    "memories",
    [
        '(memory (export "memory") 1) (memory 1)',
        '(memory (export "memory") i64 1)',
        '(memory (export "memory") 1 2 shared)',
    ],
    ids=["several", "64-bit", "shared"],
)
@pytest.mark.requirement("R3.2")
def test_a_memory_that_could_escape_its_limit_is_refused(sandbox: WasmtimeSandbox, memories: str) -> None:
    with pytest.raises(Refused):
        sandbox.inspect(module(f'(module {memories} (func (export "_start")))'))


def test_code_that_does_not_validate_is_refused(sandbox: WasmtimeSandbox) -> None:
    binary = reactor(entry(SPIN))
    broken = binary.replace(b"\x03\x40\x0c\x00\x0b\x00", b"\x03\x40\x0c\x09\x0b\x00")
    assert broken != binary
    with pytest.raises(Refused, match="not a valid WebAssembly binary"):
        sandbox.inspect(broken)


@pytest.mark.parametrize(
    ("bomb", "told"),
    [
        (lambda: functions([b"\x00\x0b"] * 60_000), "60000 functions, more than the limit of 50000"),
        (lambda: functions([b"\x01" + leb(5_000) + b"\x7f\x0b"]), "5000 locals, more than the limit of 4000"),
        (lambda: functions([b"\x00" + b"\x03\x40" * 9_000 + b"\x0b" * 9_001]), "loops, more than the limit of 8000"),
        (lambda: functions([b"\x00" + b"\x01" * (5 << 20) + b"\x0b"]), "bytes, more than the limit of 4194304"),
        (
            lambda: functions([b"\x01" + leb(500) + b"\x7f" + b"\x01" * 700_000 + b"\x0b"]),
            "locals times bytes, more than the limit",
        ),
        (lambda: b"\0asm\x01\0\0\0" + b"\0" * (33 << 20), "bytes, more than the limit of 33554432"),
    ],
    ids=["functions", "locals", "loops", "body", "locals times bytes", "size"],
)
def test_a_binary_made_to_keep_the_compiler_busy_is_refused(sandbox: WasmtimeSandbox, bomb: object, told: str) -> None:
    assert callable(bomb)
    with pytest.raises(Refused) as refused:
        sandbox.inspect(bomb())
    assert told in str(refused.value)


@given(data=st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_binary_is_refused_or_described_but_never_a_fault(
    sandbox: WasmtimeSandbox, data: st.DataObject
) -> None:
    binary = bytearray(command('(func (export "_start") (call $exit (i32.const 0)))'))
    for _ in range(data.draw(st.integers(1, 4))):
        binary[data.draw(st.integers(0, len(binary) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(binary)))
    for damaged in (bytes(binary), bytes(binary[:cut])):
        try:
            assert sandbox.inspect(damaged).kind in ("command", "reactor")
        except Refused as refused:
            assert str(refused)


@pytest.mark.requirement("R3.2")
@pytest.mark.parametrize("inside", ["(module {})", "(component (core module {}))"], ids=["module", "component"])
def test_globals_are_limited_since_each_instance_has_its_own(sandbox: WasmtimeSandbox, inside: str) -> None:
    many = "(global i32 (i32.const 0))" * 10_001
    with pytest.raises(Refused, match="10001 globals"):
        sandbox.inspect(module(inside.format(many)))


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"\0\1\0" * 20_000, "sections"), (b"\x01\x83\x80\x80\x02\xc1\x84\x3d" + bytes(4 << 20), "list of 1000001")],
    ids=["sections", "types"],
)
def test_what_would_take_long_to_read_is_refused_at_once(sandbox: WasmtimeSandbox, content: bytes, told: str) -> None:
    with pytest.raises(Refused, match=told):
        sandbox.inspect(b"\0asm\1\0\0\0" + content)
