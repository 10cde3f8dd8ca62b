"""What the other kinds of calls cost, and what recording and a process around the guest add, in one run.

Peers are the `wasmtime` package as its documentation shows it, with the same limits.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import wasmtime
import wasmtime.component
from tests.support.components import ECHO as COMPONENT_ECHO
from tests.support.components import component
from tests.support.guests import ECHO, command, entry, fetching, reactor, text

from benchmarks.rows import Row, at_least, at_most
from benchmarks.sandbox import HOST, HOST_IMPORTS, INPUT, Contestant, Ours, looped, make_call, measured, take_turns
from hengio.model.module import Limits
from hengio.sandbox.processes.sandbox import ProcessSandbox
from hengio.sandbox.protocol import Call, Sandbox
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox

MEMORY = 64 << 20
FUEL = 1_000_000_000
ASKED = 20
"""Host calls of the guest that is recorded."""
WORKED = 2_000_000
"""Turns of the loop of a guest that computes: some milliseconds."""
CAT = """(func (export "_start") (local $n i32)
  (i32.store (i32.const 16) (i32.const 64)) (i32.store (i32.const 20) (i32.const 4096))
  (drop (call $read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 24)))
  (call $print (i32.const 1) (i32.const 64) (i32.load (i32.const 24))))"""
COMPUTE = f"""(local $n i32) (loop $more (local.set $n (i32.add (local.get $n) (i32.const 1)))
  (br_if $more (i32.lt_u (local.get $n) (i32.const {WORKED}))))"""


def _engine() -> wasmtime.Engine:
    config = wasmtime.Config()
    config.consume_fuel = True
    config.epoch_interruption = True
    return wasmtime.Engine(config)


def _store(engine: wasmtime.Engine) -> wasmtime.Store:
    store = wasmtime.Store(engine)
    store.set_fuel(FUEL)
    store.set_epoch_deadline(1_000)
    store.set_limits(memory_size=MEMORY)
    return store


def command_by_package(binary: bytes, folder: Path) -> Contestant:
    """A command with files for its standard streams, which is the quickest way that the package has."""
    engine = _engine()
    module, linker = wasmtime.Module(engine, binary), wasmtime.Linker(engine)
    linker.define_wasi()
    given, taken = folder / "in", folder / "out"
    given.write_bytes(INPUT)

    def once() -> bytes:
        store = _store(engine)
        wasi = wasmtime.WasiConfig()
        wasi.argv = ["bench", "run"]
        wasi.stdin_file, wasi.stdout_file = str(given), str(taken)
        store.set_wasi(wasi)
        exports: Any = linker.instantiate(store, module).exports(store)
        exports["_start"](store)
        return taken.read_bytes()

    assert once() == INPUT
    return looped(once)


def component_by_package(binary: bytes) -> Contestant:
    """A component through `wasmtime.component`."""
    engine = _engine()
    compiled, linker = wasmtime.component.Component(engine, binary), wasmtime.component.Linker(engine)
    names = ("log", "get-context", "set-context", "http-request", "db-query", "file-read", "file-write")
    with linker.root() as root, root.add_instance("hengio:module/host@1.0.0") as host:
        for name in names:
            host.add_func(name, lambda *_: None)

    def once() -> str:
        store = _store(engine)
        function: Any = linker.instantiate(store, compiled).get_func(store, "run")
        result: str = function(store, "run", INPUT.decode()).payload
        return result

    assert once().encode() == INPUT
    return looped(once)


def kinds(ours: Ours) -> list[Row]:
    """A command and a component against the package."""
    commanded, composed = command(CAT), component(COMPONENT_ECHO)
    with tempfile.TemporaryDirectory() as folder:
        times = take_turns(
            {
                "reactor": ours.contestant(reactor(entry(ECHO))),
                "command": ours.contestant(commanded),
                "command, package": command_by_package(commanded, Path(folder)),
                "component": ours.contestant(composed),
                "component, package": component_by_package(composed),
            }
        )
    return [
        Row("fresh call of a reactor", times["reactor"], "µs"),
        at_most("fresh call of a command, stdin to stdout", times["command"], "µs", goal=50),
        at_least("the package's command against ours", times["command, package"] / times["command"], "×", goal=2),
        at_most("fresh call of a component", times["component"], "µs", goal=100),
        at_least("the package's component against ours", times["component, package"] / times["component"], "×", goal=1),
    ]


def taping(ours: Ours) -> list[Row]:
    """A recorded call against one that is not: without any host call, and with some."""
    asking = text(16, "variables.region") + entry(HOST["get_context"] * ASKED + ECHO)
    binaries = {"no host call": reactor(entry(ECHO)), f"{ASKED} host calls": reactor(asking, imports=HOST_IMPORTS)}
    rows = []
    for name, binary in binaries.items():
        compiled = ours.load(binary)

        def contestant(call: Call, compiled: Any = compiled) -> Contestant:
            return looped(lambda: ours.sandbox.run_here(call, compiled))

        call = make_call(binary)
        times = take_turns(
            {mode: contestant(msgspec.structs.replace(call, tape=mode)) for mode in ("never", "failures", "always")}
        )
        rows.append(at_most(f"recorded in case of failure, {name}", times["failures"] / times["never"], "×", goal=1.5))
        rows.append(Row(f"always recorded, {name}", times["always"] / times["never"], "×"))
    return rows


class _Walled:
    """The same calls on threads and in processes."""

    def __init__(self, workers: int) -> None:
        settings = SandboxSettings(threads=workers)
        highest = Limits(memory_bytes=MEMORY, fuel=FUEL)
        self.both: dict[str, Sandbox] = {
            "thread": WasmtimeSandbox(settings),
            "process": ProcessSandbox(settings, highest=highest),
        }

    async def each(self, name: str, binary: bytes, *, callers: int, times: int) -> float:
        """Median microseconds a call, of so many callers at a time."""
        sandbox, call, fetch = self.both[name], make_call(binary), fetching(binary)

        async def caller(count: int) -> None:
            for _ in range(count):
                outcome = await sandbox.call(call, fetch)
                assert outcome.kind == "succeeded", outcome

        await asyncio.gather(*(caller(3) for _ in range(callers)))
        taken = []
        for _ in range(5):
            start = time.perf_counter()
            await asyncio.gather(*(caller(times) for _ in range(callers)))
            taken.append((time.perf_counter() - start) / (callers * times) * 1e6)
        return statistics.median(taken)

    async def close(self) -> None:
        for sandbox in self.both.values():
            await sandbox.close()


def isolation(_ours: Ours) -> list[Row]:
    """What a process around the guest adds, and how calls that compute spread over threads and over processes."""
    return asyncio.run(_isolation())


async def _isolation() -> list[Row]:
    many = min(4, max(2, os.cpu_count() or 1))
    walled = _Walled(many)
    short, host = reactor(entry(ECHO)), text(16, "variables.region") + entry(HOST["get_context"] * ASKED + ECHO)
    asking, long = reactor(host, imports=HOST_IMPORTS), reactor(entry(COMPUTE + ECHO))
    rows = []
    try:
        cost = {name: await walled.each(name, short, callers=1, times=300) for name in walled.both}
        asked = {name: await walled.each(name, asking, callers=1, times=100) for name in walled.both}
        rows.append(Row("awaited call, on a thread", cost["thread"], "µs"))
        rows.append(at_most("awaited call, in a process", cost["process"], "µs", goal=500))
        rows += [Row(f"host call, guest in a {name}", (asked[name] - cost[name]) / ASKED, "µs") for name in walled.both]
        for name in walled.both:
            alone = await walled.each(name, long, callers=1, times=20)
            together = await walled.each(name, long, callers=many, times=20)
            rows.append(Row(f"throughput of {many} callers that compute, in a {name} each", alone / together, "×"))
    finally:
        await walled.close()
    return rows


def run() -> list[Row]:
    """Every row."""
    return measured(kinds, taping, isolation)
