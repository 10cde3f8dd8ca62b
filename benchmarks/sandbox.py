"""What a sandboxed call costs, against those who could do it instead, interleaved in one run.

Machines differ and clocks drift, so the goals are ratios between contestants that took turns; absolute numbers are
shown for orientation.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import wasmtime
from tests.support.guests import ECHO, Variables, digest, entry, fetching, reactor, text

from benchmarks.rows import Row, at_least, at_most, show
from hengio.model.module import Limits
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox

INPUT = b'{"abi":1,"execution_id":"0193","params":{"n":12,"name":"alpha"},"variables":{"region":"eu-west"}}'
ROUNDS, BATCH = 30, 300
HOST_CALLS = 200


Contestant = Callable[[int], float]
"""Runs so many calls and returns the seconds they took."""


def looped(function: Callable[[], object]) -> Contestant:
    def run(times: int) -> float:
        start = time.perf_counter()
        for _ in range(times):
            function()
        return time.perf_counter() - start

    return run


def take_turns(contestants: dict[str, Contestant], *, rounds: int = ROUNDS, batch: int = BATCH) -> dict[str, float]:
    """Median microseconds a call, each contestant running a batch in every round."""
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(rounds + 2):
        for name, run in contestants.items():
            taken = run(batch) / batch * 1e6
            if turn >= 2:  # the first two warm up
                samples[name].append(taken)
    return {name: statistics.median(values) for name, values in samples.items()}


def make_call(binary: bytes, function: str = "run", **limits: Any) -> Call:
    return Call(
        digest=digest(binary),
        module_name="bench",
        function=function,
        input=INPUT,
        limits=Limits(**limits),
        context=Variables({"variables.region": "eu-west"}),
    )


class Ours:
    """One sandbox for all measurements."""

    def __init__(self) -> None:
        self.sandbox = WasmtimeSandbox()

    def load(self, binary: bytes) -> Compiled:
        return asyncio.run(self.sandbox.library.load(digest(binary), fetching(binary)))

    def contestant(self, binary: bytes, **limits: Any) -> Contestant:
        call, compiled = make_call(binary, **limits), self.load(binary)
        outcome = self.sandbox.run_here(call, compiled)
        assert outcome.kind == "succeeded", outcome
        return looped(lambda: self.sandbox.run_here(call, compiled))

    def close(self) -> None:
        asyncio.run(self.sandbox.close())


def high_level(binary: bytes) -> Contestant:
    """The `wasmtime` package as its documentation shows it, with the same limits."""
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    engine = wasmtime.Engine(config)
    module, linker = wasmtime.Module(engine, binary), wasmtime.Linker(engine)

    def once() -> bytes:
        store = wasmtime.Store(engine)
        store.set_fuel(1_000_000_000)
        store.set_epoch_deadline(1_000)
        store.set_limits(memory_size=64 << 20)
        exports: Any = linker.instantiate(store, module).exports(store)
        at = exports["hengio_alloc"](store, len(INPUT))
        exports["memory"].write(store, INPUT, at)
        packed = exports["run"](store, at, len(INPUT)) & (1 << 64) - 1
        return bytes(exports["memory"].read(store, packed >> 32, (packed >> 32) + (packed & 0xFFFF_FFFF)))

    assert once() == INPUT
    return looped(once)


EXTISM_ECHO = """(module
  (import "extism:host/env" "input_length" (func $length (result i64)))
  (import "extism:host/env" "input_load_u8" (func $load (param i64) (result i32)))
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store (param i64 i32)))
  (import "extism:host/env" "output_set" (func $output (param i64 i64)))
  (memory (export "memory") 1)
  (func (export "run") (result i32) (local $n i64) (local $i i64) (local $at i64)
    (local.set $n (call $length)) (local.set $at (call $alloc (local.get $n)))
    (loop $more
      (call $store (i64.add (local.get $at) (local.get $i)) (call $load (local.get $i)))
      (local.set $i (i64.add (local.get $i) (i64.const 1)))
      (br_if $more (i64.lt_u (local.get $i) (local.get $n))))
    (call $output (local.get $at) (local.get $n)) (i32.const 0)))"""


def extism_fresh() -> Contestant | None:
    """A fresh Extism plugin from a compiled one for each call; None where the package is missing."""
    try:
        from extism.extism import CompiledPlugin, Plugin
    except ImportError:
        return None
    compiled = CompiledPlugin({"wasm": [{"data": bytes(wasmtime.wat2wasm(EXTISM_ECHO))}], "timeout_ms": 30_000})

    def once() -> bytes:
        with Plugin(compiled) as plugin:
            return bytes(plugin.call("run", INPUT))

    assert once() == INPUT
    return looped(once)


def native(binary: bytes, folder: Path) -> Contestant | None:
    """The same in C on the same library; None without a C compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        return None
    target = folder / "native.so"
    source = Path(__file__).with_name("native.c")
    subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", target, source, "-ldl"], check=True)
    library = ctypes.CDLL(str(target))
    library.measure.restype = ctypes.c_int64
    library.prepare.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t)
    library.measure.argtypes = (ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_int)
    wheel = str(wasmtime._ffi.filename).encode()
    assert library.prepare(wheel, binary, len(binary)) == 0
    output = ctypes.create_string_buffer(len(INPUT))

    def run(times: int) -> float:
        taken: int = library.measure(INPUT, len(INPUT), output, times)
        assert taken > 0
        assert output.raw == INPUT
        return taken / 1e9

    return run


def calls(ours: Ours) -> list[Row]:
    """A fresh sandboxed JSON call against its rivals."""
    binary = reactor(entry(ECHO))
    with tempfile.TemporaryDirectory() as folder:
        rivals = {
            "native C": native(binary, Path(folder)),
            "extism": extism_fresh(),
            "high-level API": high_level(binary),
        }
        contestants = {"ours": ours.contestant(binary), "high-level API": high_level(binary)}
        contestants |= {name: rival for name, rival in rivals.items() if rival is not None}
        times = take_turns(contestants)
    mine = times["ours"]
    rows = [at_most("fresh sandboxed JSON call", mine, "µs", goal=20)]
    rows += [Row(f"the same: {name}", value, "µs") for name, value in times.items() if name != "ours"]
    if "native C" in times:
        rows.append(at_most("ours against native C", mine / times["native C"], "×", goal=4))
    if "extism" in times:
        rows.append(at_least("a fresh Extism plugin against ours", times["extism"] / mine, "×", goal=8))
    rows.append(Row("the package's high-level API against ours", times["high-level API"] / mine, "×"))
    return rows


def lookup(ours: Ours) -> list[Row]:
    """A warm module out of the cache (R7.3)."""
    binary = reactor(entry(ECHO))
    ours.load(binary)
    key = digest(binary)
    taken = take_turns({"lookup": looped(lambda: ours.sandbox.library.cache.get(key))})["lookup"]
    return [at_most("warm module look-up", taken, "µs", goal=5)]


HOST = {
    "log": "(call $log (i32.const 1) (i32.const 8) (i32.const 5))",
    "get_context": "(drop (call $get (i32.const 16) (i32.const 16)))",
    "set_context": "(drop (call $set (i32.const 40) (i32.const 1) (i32.const 48) (i32.const 2)))",
}
HOST_IMPORTS = """(import "hengio_v1" "log" (func $log (param i32 i32 i32)))
  (import "hengio_v1" "get_context" (func $get (param i32 i32) (result i64)))
  (import "hengio_v1" "set_context" (func $set (param i32 i32 i32 i32) (result i64)))"""


def host_calls(ours: Ours) -> list[Row]:
    """One host call: the difference between a guest that makes many and one that makes none."""
    data = text(8, "hello") + text(16, "variables.region") + text(40, "k") + text(48, "42")

    def guest(code: str) -> Contestant:
        loop = f"""(local $n i32) (loop $more {code} (local.set $n (i32.add (local.get $n) (i32.const 1)))
          (br_if $more (i32.lt_u (local.get $n) (i32.const {HOST_CALLS}))))"""
        return ours.contestant(reactor(data + entry(loop + ECHO), imports=HOST_IMPORTS))

    times = take_turns({"none": guest("")} | {name: guest(code) for name, code in HOST.items()}, batch=20)
    costs = {name: (times[name] - times["none"]) / HOST_CALLS for name in HOST}
    return [at_most(f"host call: {name}", cost, "µs", goal=5) for name, cost in costs.items()]


def through_threads(ours: Ours) -> list[Row]:
    """Calls from the event loop: one after another, and many at once."""
    binary = reactor(entry(ECHO))
    call, fetch = make_call(binary), fetching(binary)

    async def caller(times: int) -> None:
        for _ in range(times):
            await ours.sandbox.call(call, fetch)

    async def at_once(tasks: int, each: int) -> float:
        start = time.perf_counter()
        await asyncio.gather(*(caller(each) for _ in range(tasks)))
        return (time.perf_counter() - start) / (tasks * each) * 1e6

    async def measure(tasks: int) -> float:
        await at_once(tasks, 10)
        return statistics.median([await at_once(tasks, max(1, 2_000 // tasks)) for _ in range(5)])

    return [Row(f"awaited call, {tasks} at once", asyncio.run(measure(tasks)), "µs") for tasks in (1, 16, 256)]


def measured(*groups: Callable[[Ours], list[Row]]) -> list[Row]:
    """The rows of all groups, measured on a thread as guests have it: they do not run on the main one."""
    rows: list[Row] = []

    def measure() -> None:
        ours = Ours()
        try:
            for group in groups:
                rows.extend(group(ours))
        finally:
            ours.close()

    size = threading.stack_size(THREAD_STACK_BYTES)
    try:
        thread = threading.Thread(target=measure)
        thread.start()
    finally:
        threading.stack_size(size)
    thread.join()
    return rows


def run() -> list[Row]:
    """Every row."""
    return measured(calls, lookup, host_calls, through_threads)


def main() -> None:
    """`--json` prints JSON instead of a table."""
    rows = run()
    if "--json" in sys.argv[1:]:
        json.dump([row.as_json() for row in rows], sys.stdout, indent=2, ensure_ascii=False)
    else:
        show("The sandbox: one fresh, limited JSON call", rows)


if __name__ == "__main__":
    main()
