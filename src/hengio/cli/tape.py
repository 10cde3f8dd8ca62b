"""`hengio module tape`, and where other commands get tapes from."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hengio import log, settings
from hengio.cli.inputs import read_bytes
from hengio.cli.present import escape, print_json, terminal
from hengio.errors import NotFound, Refused
from hengio.model.call import CallFilter, ModuleCall
from hengio.model.tape import Tape
from hengio.sandbox.tapes import file
from hengio.sandbox.tapes.shown import shown
from hengio.wiring import process
from hengio.wiring.parts import open_areas
from hengio.wiring.reading import reading

_MOST_CALLS = 10_000
_STEP_RUN = re.compile(r"([0-9a-fA-F-]{36}):([A-Za-z_][A-Za-z0-9_-]*)(?::([0-9]{1,9})-([0-9]{1,9}))?")


def export(
    execution: str, step: str, *, visit: int | None, attempt: int | None, to: Path, data_dir: Path | None, as_json: bool
) -> int:
    """Write the tape of a step run to a file; the newest one if neither visit nor attempt is named."""
    log.configure(level="warning", style="text")
    data = process.run(_stored(settings.load(data_dir=data_dir), execution, step, visit=visit, attempt=attempt))
    tape = file.unpack(data)
    write(to, data)
    if as_json:
        print_json({"file": str(to), **about(tape)})
    else:
        console = terminal()
        console.print(f"{escape(str(to))}: {escape(described(tape))}", soft_wrap=True)
    return 0


def load(named: str, *, data_dir: Path | None) -> Tape:
    """The tape in a file, or of EXECUTION:STEP[:VISIT-ATTEMPT], the newest one if no attempt is named. Raises
    `NotFound`, and `Refused` for what is no tape."""
    found = _STEP_RUN.fullmatch(named)
    if found is None or Path(named).exists():
        return file.unpack(read_bytes(Path(named), what="tape", most=file.MOST_BYTES))
    execution, step, *numbers = found.groups()
    visit, attempt = (None if number is None else int(number) for number in numbers)
    chosen = settings.load(data_dir=data_dir)
    return file.unpack(process.run(_stored(chosen, execution, step, visit=visit, attempt=attempt)))


def replaying(execution: str, step: str, *, visit: int, attempt: int) -> str:
    """The command that replays the call of a step run."""
    return f"hengio module replay {execution}:{step}:{visit}-{attempt}"


def write(to: Path, data: bytes) -> None:
    """Raises `Refused` where the file can not be written."""
    try:
        to.write_bytes(data)
    except OSError as error:
        raise Refused(f"the tape cannot be written to {to}: {error.strerror}") from error


def about(tape: Tape) -> dict[str, Any]:
    """What a tape is of, for programs."""
    return {
        "module": tape.module,
        "digest": tape.digest,
        "function": tape.function,
        "outcome": tape.end.outcome,
        "compiler": tape.compiler,
        "runtime": tape.runtime,
        "fuel_used": tape.end.fuel_used,
        "events": len(tape.events),
        "missing": tape.missing,
        "origin": tape.origin,
        "redacted": tape.redacted,
    }


def described(tape: Tape) -> str:
    """The same for people, in a line."""
    parts = [f"{tape.module} {tape.function}", tape.end.outcome, counted(tape)]
    if tape.missing:
        parts.append(f"{tape.missing} more did not fit")
    if tape.redacted:
        names = sorted({one.name for one in tape.redacted})
        parts.append(f"redacted: {', '.join(names)}")
    return shown(", ".join(parts))


def counted(tape: Tape) -> str:
    """How many events it has, in words."""
    return "1 event" if len(tape.events) == 1 else f"{len(tape.events)} events"


async def _stored(
    chosen: settings.Settings, execution: str, step: str, *, visit: int | None = None, attempt: int | None = None
) -> bytes:
    async with reading(chosen) as storage:
        calls = await storage.calls.find(CallFilter(execution_id=execution), limit=_MOST_CALLS)
    wanted = [
        call
        for call in calls
        if call.step_id == step and visit in (None, call.visit) and attempt in (None, call.attempt)
    ]
    reference = next((call.detail["tape"] for call in wanted if call.detail.get("tape")), None)
    if reference is None:
        numbers = (f"{word} {number}" for word, number in (("visit", visit), ("attempt", attempt)) if number)
        which = ", ".join([f"step '{step}'", *numbers])
        raise NotFound(f"there is no tape of {which} of execution {execution}", hint=_reason(wanted))
    area = open_areas(chosen).tapes
    try:
        return await area.get(reference)
    finally:
        await area.close()


def _reason(calls: list[ModuleCall]) -> str:
    if not calls:
        return "no such step run called a module; hengio module logs lists those that did"
    missing = next((call.detail["tape_missing"] for call in calls if "tape_missing" in call.detail), None)
    return missing or "the setting sandbox.tape and the step's tape say which calls are recorded"
