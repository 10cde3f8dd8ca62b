"""How long the first call of a module takes in a new sandbox: never seen before, and with its code kept.

The modules are those of `examples/` and of `tests/guests`, as far as their compilers are here. Both ways take turns,
each time in a sandbox of its own with a child that is ready to compile. The guests are asked for one
line of log, so that the call itself is short.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.artefacts import ONE, folder, ready
from tests.support.guests import fetching, make_call
from tests.support.programs import program

from benchmarks.rows import Row, at_least, at_most
from hengio import log
from hengio.cli.examples import examples_folder
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.artefacts.seal import Seal
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox

GUESTS = ("c", "c-command", "rust", "rust-command", "go", "go-command", "tinygo", "assemblyscript")
EXAMPLES = ("clean-strikes", "score-strikes")
INPUT = b'{"variables":{},"input":{"do":[{"call":"log","message":"hello"}]}}'
ROUNDS = 7
SEAL = Seal(bytes(32))
SMALL_BYTES = 1_000_000


def run() -> list[Row]:
    """A pair of figures for each module, and what keeping code is worth for the whole corpus."""
    log.configure(level="warning", style="text")
    with tempfile.TemporaryDirectory() as path:
        return asyncio.run(_measure(Path(path)))


async def _measure(path: Path) -> list[Row]:
    rows: list[Row] = []
    new_sum = kept_sum = 0.0
    for name, binary in sorted(corpus(), key=lambda one: len(one[1])):
        await _keep(path, binary)
        new, kept = await _take_turns(path, binary)
        new_sum, kept_sum = new_sum + new, kept_sum + kept
        what = f"{name}, {len(binary) >> 10} KiB: first call"
        rows.append(at_most(what, new, "ms", goal=100) if len(binary) < SMALL_BYTES else Row(what, new, "ms"))
        rows.append(Row(f"{name}: first call, code kept", kept, "ms"))
    return [*rows, at_least("all of them, never seen against kept", new_sum / kept_sum, "×", goal=3)]


def corpus() -> Iterator[tuple[str, bytes]]:
    """Real modules by name."""
    for name in EXAMPLES:
        yield name, (examples_folder() / "modules" / name / f"{name}.wasm").read_bytes()
    for name in GUESTS:
        try:
            yield name, program(name).read_bytes()
        except pytest.skip.Exception:
            continue


async def _take_turns(path: Path, binary: bytes) -> tuple[float, float]:
    """Median milliseconds of a first call without artefacts, and with them."""
    new, kept = [], []
    for _ in range(ROUNDS):
        new.append(await _first_call(binary, None))
        kept.append(await _first_call(binary, _artefacts(path)))
    return statistics.median(new), statistics.median(kept)


async def _first_call(binary: bytes, artefacts: Artefacts | None) -> float:
    """Milliseconds."""
    sandbox = WasmtimeSandbox(SandboxSettings(threads=2, tiers="both"), artefacts=artefacts)
    try:
        await ready(sandbox, ONE)
        before = sandbox.statistics().artefact_hits
        began = time.perf_counter()
        outcome = await sandbox.call(make_call(binary, INPUT), fetching(binary))
        taken = (time.perf_counter() - began) * 1e3
        assert outcome.kind in {OutcomeKind.SUCCEEDED, OutcomeKind.FAILED}, outcome
        assert outcome.compiler == ("winch" if artefacts is None else "cranelift"), outcome
        assert sandbox.statistics().artefact_hits - before == (artefacts is not None)
        return taken
    finally:
        await sandbox.close()


async def _keep(path: Path, binary: bytes) -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, tiers="both"), artefacts=_artefacts(path))
    for one in (ONE, binary):
        await ready(sandbox, one)
    await sandbox.close()


def _artefacts(path: Path) -> Artefacts:
    return Artefacts(SEAL, [folder(path, max_bytes=1 << 30)])
