"""Compiling: in a child that may be killed, baseline code first and optimised code behind it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import psutil
import pytest

from hengio.errors import Refused
from hengio.model.grant import Grant
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox.wasmtime.around import last_word
from hengio.sandbox.wasmtime.compiling.workshop import CompileLimits, Workshop
from hengio.sandbox.wasmtime.inspect import Ceilings
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, SPIN, digest, entry, fetching, make_call, module, reactor

OPEN = Ceilings(functions=10**7, locals=10**7, locals_times_bytes=10**15, loops=10**7, body_bytes=1 << 30)
"""No ceiling: what compiling takes is for the child's limits alone."""
GOOD = reactor(entry(ECHO))
Children = Callable[[], list[psutil.Process]]


def loops(count: int) -> bytes:
    """Loops in one function: Cranelift takes more than their number times as long."""
    return reactor(entry("(local $i i32)" + "(loop (br_if 0 (local.tee $i (i32.const 0))))" * count + "(i64.const 0)"))


def locals_(count: int, sets: int) -> bytes:
    """Many locals, each set often: register allocation takes memory for locals times instructions."""
    declared = " ".join(["i32"] * count)
    adds = [(2 + at % count, 2 + at * 7 % count) for at in range(sets)]
    body = " ".join(
        f"(if (local.get 0) (then (local.set {to} (i32.add (local.get {of}) (i32.const 1)))))" for to, of in adds
    )
    return reactor(entry(f"(local {declared}) {body} (i64.const 0)"))


def slow_to_optimise() -> str:
    """A function that no call enters, on which Cranelift works for a second or more, and Winch does not."""
    return "(func (local $i i32)" + "(loop (br_if 0 (local.tee $i (i32.const 0))))" * 7_000 + ")"


def compiling() -> list[psutil.Process]:
    return [one for one in psutil.Process().children() if "compiling" in " ".join(one.cmdline())]


@pytest.fixture(name="children")
def _children() -> Children:
    """Those that are started from here on."""
    before = set(compiling())
    return lambda: [one for one in compiling() if one not in before]


@pytest.fixture
def workshop() -> Any:
    made = Workshop(CompileLimits(seconds=1.5, cpu_seconds=2, memory_bytes=1 << 30))
    yield made
    made.close()


@pytest.fixture
async def both() -> AsyncIterator[WasmtimeSandbox]:
    made = WasmtimeSandbox(SandboxSettings(threads=2, tiers="both"))
    yield made
    await made.close()


async def call(sandbox: WasmtimeSandbox, binary: bytes, **limits: Any) -> Outcome:
    return await sandbox.call(make_call(binary, **limits), fetching(binary))


async def settled(sandbox: WasmtimeSandbox, binary: bytes) -> None:
    """Wait for optimised code."""
    for _ in range(500):
        compiled = sandbox.library.cache.peek(digest(binary))
        if compiled is not None and compiled.engine.tier == "optimized":
            return
        await asyncio.sleep(0.01)
    pytest.fail("no optimised code came")


@pytest.mark.requirement("R3.5", "R6.1")
@pytest.mark.parametrize("bomb", [loops(30_000), locals_(5_000, 20_000)], ids=["loops", "locals"])
def test_a_compile_bomb_ends_its_child_and_nothing_else(workshop: Workshop, bomb: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(Refused, match="takes more than it may"):
        workshop.compile(bomb, "optimized")
    assert time.monotonic() - began < 6.0
    assert workshop.compile(GOOD, "optimized")


async def test_a_bomb_is_refused_by_the_sandbox_while_other_modules_run() -> None:
    limits = CompileLimits(seconds=1.0, cpu_seconds=2, memory_bytes=1 << 30)
    sandbox = WasmtimeSandbox(SandboxSettings(threads=2, ceilings=OPEN, compile_limits=limits))
    try:
        bomb = asyncio.create_task(call(sandbox, loops(30_000)))
        assert (await call(sandbox, GOOD)).kind is OutcomeKind.SUCCEEDED
        assert (await bomb).kind is OutcomeKind.MODULE_REFUSED
        assert (await call(sandbox, GOOD)).kind is OutcomeKind.SUCCEEDED
    finally:
        await sandbox.close()


def test_a_child_that_was_killed_is_replaced(children: Children, workshop: Workshop) -> None:
    workshop.compile(GOOD, "baseline")
    (child,) = children()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert workshop.compile(GOOD, "baseline")
    assert len(children()) == 1


def test_a_child_has_no_environment_and_no_descriptors_of_its_parent(children: Children, workshop: Workshop) -> None:
    workshop.prepare()
    workshop.compile(GOOD, "baseline")
    (child,) = children()
    assert not {"HOME", "PATH"} & set(child.environ())
    assert child.num_fds() <= 8
    assert child.cwd() == "/"


async def test_closing_leaves_no_child_behind(children: Children) -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, tiers="both"))
    await call(sandbox, GOOD)
    await sandbox.close()
    assert children() == []


@pytest.mark.requirement("R7.4")
async def test_the_first_call_runs_on_baseline_code_and_later_ones_on_optimised(both: WasmtimeSandbox) -> None:
    assert (await call(both, GOOD)).compiler == "winch"
    await settled(both, GOOD)
    assert (await call(both, GOOD)).compiler == "cranelift"


async def test_calls_go_on_while_the_code_is_swapped(both: WasmtimeSandbox) -> None:
    seen = set()
    for _ in range(200):
        outcomes = await asyncio.gather(*(call(both, GOOD) for _ in range(4)))
        assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCEEDED}
        seen |= {outcome.compiler for outcome in outcomes}
        if "cranelift" in seen:
            break
        await asyncio.sleep(0.01)
    assert seen == {"winch", "cranelift"}


async def test_a_module_that_winch_does_not_know_runs_on_optimised_code(both: WasmtimeSandbox) -> None:
    tail_call = module(
        """(module (memory (export "memory") 1)
        (func (export "hengio_alloc") (param i32) (result i32) (i32.const 8))
        (func $f (param i32 i32) (result i64)
          (i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1))))
        (func (export "run") (param i32 i32) (result i64) (return_call $f (local.get 0) (local.get 1))))"""
    )
    outcome = await call(both, tail_call)
    assert (outcome.kind, outcome.compiler) == (OutcomeKind.SUCCEEDED, "cranelift")


@pytest.mark.requirement("R3.1")
async def test_out_of_fuel_on_baseline_code_is_judged_by_optimised_code(both: WasmtimeSandbox) -> None:
    outcome = await call(both, reactor(entry(SPIN)), fuel=10_000)
    assert (outcome.kind, outcome.compiler) == (OutcomeKind.OUT_OF_FUEL, "cranelift")


@pytest.mark.requirement("R3.1", "R8.2")
async def test_a_fuel_limit_is_told_in_time_where_optimised_code_is_not(both: WasmtimeSandbox) -> None:
    binary = reactor(slow_to_optimise() + entry(SPIN))
    outcome = await call(both, binary, fuel=10_000, timeout_seconds=1.0)
    assert (outcome.kind, outcome.compiler) == (OutcomeKind.OUT_OF_FUEL, "winch")
    await settled(both, binary)  # it is made behind
    outcome = await call(both, binary, fuel=10_000, timeout_seconds=1.0)
    assert (outcome.kind, outcome.compiler) == (OutcomeKind.OUT_OF_FUEL, "cranelift")


def test_a_second_run_that_ends_for_lack_of_time_leaves_the_first_verdict() -> None:
    grant, other = Grant("file:read", "a"), Grant("file:read", "b")
    first = Outcome(kind=OutcomeKind.OUT_OF_FUEL, denials=(grant,))
    cut = Outcome(kind=OutcomeKind.TIMED_OUT, denials=(grant, other))
    assert last_word(first, cut) == msgspec.structs.replace(first, denials=(grant, other))
    wrote = msgspec.structs.replace(cut, wrote=True)
    assert last_word(first, wrote) is wrote
    whole = Outcome(kind=OutcomeKind.SUCCEEDED)
    assert last_word(first, whole) is whole


@pytest.mark.requirement("R3.3")
async def test_a_call_whose_module_is_not_there_in_time_is_an_outcome_and_its_compilation_goes_on() -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1))
    binary = reactor(slow_to_optimise() + entry(ECHO))
    try:
        hasty = msgspec.structs.replace(make_call(binary), by=time.monotonic() + 0.1)
        outcome = await sandbox.call(hasty, fetching(binary))
        assert outcome.kind is OutcomeKind.TIMED_OUT
        assert outcome.failure == Failure("timed_out", "the module was not compiled in time")
        await settled(sandbox, binary)
        assert (await sandbox.call(make_call(binary), fetching(binary))).kind is OutcomeKind.SUCCEEDED
    finally:
        await sandbox.close()


@pytest.mark.requirement("R3.1", "R3.2", "R3.3", "R3.5")
@pytest.mark.parametrize(
    ("code", "limits", "kind"),
    [
        (SPIN, {"fuel": 10**15, "timeout_seconds": 0.2}, OutcomeKind.TIMED_OUT),
        ("(unreachable)", {}, OutcomeKind.TRAPPED),
        ("(call $run (local.get $pointer) (local.get $length))", {}, OutcomeKind.STACK_OVERFLOW),
        ("(drop (memory.grow (i32.const 60000))) (unreachable)", {}, OutcomeKind.OUT_OF_MEMORY),
        ("(i64.const -1)", {}, OutcomeKind.TRAPPED),
    ],
)
async def test_baseline_code_is_held_by_the_same_limits(
    both: WasmtimeSandbox, code: str, limits: dict[str, Any], kind: OutcomeKind
) -> None:
    outcome = await call(both, reactor(entry(code)), **limits)
    assert (outcome.kind, outcome.compiler) == (kind, "winch")
