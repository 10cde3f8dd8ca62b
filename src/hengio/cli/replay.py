"""`hengio module replay`: a recorded call again, offline."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from rich.text import Text

from hengio import log, settings
from hengio.cli.inputs import read_bytes
from hengio.cli.outcome import outcome_json, show_outcome
from hengio.cli.present import assembled, print_json, said, terminal
from hengio.cli.summary import FAILED_EXIT
from hengio.cli.tape import about, counted, described, load
from hengio.errors import NotFound
from hengio.model.outcome import Outcome
from hengio.model.tape import Tape
from hengio.registry.binaries import fetch_binary
from hengio.sandbox.tapes import replay as replaying
from hengio.sandbox.tapes.replay import Replayed
from hengio.wiring import process
from hengio.wiring.artefacts import open_cached
from hengio.wiring.parts import open_areas
from hengio.wiring.reading import reading
from hengio.wiring.sandbox import highest_limits, open_replaying


def replay(named: str, *, module: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """Run the tape again with its own module or another. 0 only if everything was the same."""
    log.configure(level="warning", style="text")
    tape = load(named, data_dir=data_dir)
    binary = None if module is None else read_bytes(module, what="module")
    replayed, outcome = process.run(_replay(settings.load(data_dir=data_dir), tape, binary))
    if as_json:
        print_json(_document(tape, replayed, outcome))
    else:
        _show(tape, replayed, outcome)
    return 0 if replayed.identical else FAILED_EXIT


async def _replay(chosen: settings.Settings, tape: Tape, given: bytes | None) -> tuple[Replayed, Outcome]:
    """On the compiler that the tape was recorded with."""
    sandbox = open_replaying(
        chosen, tiers="baseline" if tape.compiler == "winch" else "optimized", artefacts=open_cached(chosen)
    )
    try:
        binary = given if given is not None else await _registered(chosen, tape.digest)
        facts = await asyncio.to_thread(sandbox.inspect, binary)
        playing = replaying.player(tape)
        call = replaying.call(tape, playing, digest=facts.digest, ceilings=highest_limits(chosen))

        async def fetch() -> bytes:
            return binary

        outcome = await sandbox.call(call, fetch)
        return replaying.compared(tape, playing, outcome), outcome
    finally:
        await sandbox.close()


async def _registered(chosen: settings.Settings, digest: str) -> bytes:
    """The module that was recorded, from the registry; also one that is disabled by now."""
    hint = "--module names a file with it"
    try:
        async with reading(chosen) as storage:
            module = await storage.modules.find(f"sha256:{digest}")
    except NotFound as error:
        raise NotFound(f"the module of the tape is not here: {error.message}", hint=hint) from error
    return await fetch_binary(open_areas(chosen).modules, module)


def _document(tape: Tape, replayed: Replayed, outcome: Outcome) -> dict[str, Any]:
    expected, came = replayed.expected, replayed.came
    return {
        "identical": replayed.identical,
        "divergence": replayed.divergence,
        "tape_full": replayed.full,
        "outcome": None if came is None else came.outcome,
        "fuel": replayed.fuel,
        "fuel_used": None if came is None else came.fuel_used,
        "fuel_recorded": expected.fuel_used,
        "came": outcome_json(outcome),
        "tape": about(tape),
    }


def _show(tape: Tape, replayed: Replayed, outcome: Outcome) -> None:
    console = terminal()
    console.print(Text(described(tape), style="dim"), soft_wrap=True)
    if replayed.identical:
        fuel = f"fuel {replayed.expected.fuel_used:,}" if replayed.fuel == "equal" else f"fuel {replayed.fuel}"
        told = f"{counted(tape)}, {replayed.expected.output_size:,} bytes of output, {fuel}"
        console.print(assembled(("identical", "bold green"), f"   {told}"), soft_wrap=True)
        return
    found = replayed.divergence
    if found is None:
        message = f"the tape was full after {counted(tape)}; as far as it goes, the call is the same"
        console.print(assembled(("not known", "bold yellow"), f"   {message}"), soft_wrap=True)
        return
    where = "at the end" if found.event is None else f"at event {found.event} of {len(tape.events)}"
    console.print(assembled(("different", "bold red"), f"   {where}"), soft_wrap=True)
    console.print(assembled(("  recorded ", "dim"), found.expected), soft_wrap=True)
    console.print(assembled(("  came     ", "dim"), found.came), soft_wrap=True)
    if tape.redacted:
        reason = "the tape has redacted values; a module that computes with one can not repeat itself"
        console.print(said(f"  {reason}", style="dim"), soft_wrap=True)
    if found.event is None:
        show_outcome(console, outcome)
