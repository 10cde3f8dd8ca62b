"""`hengio job run`: a definition once, embedded, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from hengio import log, settings
from hengio.cli.follow import Follower
from hengio.cli.inputs import pair, read_bytes, read_json
from hengio.cli.interrupt import brief, interruptible
from hengio.cli.present import print_json
from hengio.cli.summary import exit_code, summary
from hengio.codec import Json
from hengio.definition.parse import read
from hengio.errors import Refused
from hengio.grants.check import read as read_grant
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.wiring import process
from hengio.wiring.embedded import System, embedded

FIRST_VERSION = "0.0.1"


def run_file(
    file: Path,
    *,
    input_file: Path | None,
    modules: list[str],
    grants: list[str],
    files: list[str],
    data_dir: Path | None,
    full: bool,
    as_json: bool,
) -> int:
    """Register what is given, apply the definition, run it once and follow it; `full` prints whole outputs."""
    document = read(read_bytes(file, what="definition"))
    given = None if input_file is None else read_json(input_file, what="input")
    chosen = brief(settings.load(data_dir=data_dir))
    log.configure(level="warning", style="json" if as_json else "text")
    work = _run(document, given, chosen, modules=modules, grants=grants, files=files, full=full, as_json=as_json)
    return process.run(interruptible(work))


async def _run(
    document: Json,
    given: Json,
    chosen: settings.Settings,
    *,
    modules: list[str],
    grants: list[str],
    files: list[str],
    full: bool,
    as_json: bool,
) -> int:
    async with embedded(chosen, log_modules=False) as system:
        await put_files(system, dict(pair(text, option="--put") for text in files))
        await register(system, dict(pair(text, option="--module") for text in modules))
        await grant(system, grants)
        stored, report = await system.jobs.apply(document)
        with Follower(stored.job, console=Console(highlight=False, quiet=as_json)) as follower:
            for warning in report.warnings:
                follower.warn(str(warning))
            finished = await system.jobs.run(stored, given=given, on_event=follower.on_event)
        answer: dict[str, Any] = await summary(system, finished, full=full)
        if as_json:
            print_json(answer)
        else:
            follower.show_end(answer)
            follower.show_output(answer)
    return exit_code(finished.execution.state)


async def register(system: System, modules: dict[str, Path]) -> list[Module]:
    """Register modules by `NAME` (then as version 0.0.1) or `NAME@VERSION`. An error names module and file."""
    registered = []
    for reference, path in modules.items():
        name, _, version = reference.partition("@")
        binary = read_bytes(path, what="module")
        try:
            registered.append(await system.modules.register(name, version or FIRST_VERSION, binary))
        except Refused as error:
            raise Refused(
                f"module {reference}, {path}: {error.message}", hint=error.hint, problems=error.problems
            ) from error
    return registered


async def grant(system: System, grants: list[str]) -> None:
    """Grant each `NAME=PERMISSION RESOURCE` to its module, beside what that has already."""
    given: dict[str, list[Grant]] = {}
    for text in grants:
        reference, found, wanted = text.partition("=")
        if not found:
            raise Refused(f"--grant {text!r} is not of the form NAME=PERMISSION RESOURCE")
        given.setdefault(reference, []).append(read_grant(wanted))
    for reference, wanted_grants in given.items():
        module = await system.storage.modules.find(reference)
        together = tuple(dict.fromkeys((*module.grants, *wanted_grants)))
        if together != module.grants:
            await system.modules.grant(reference, together, actor="cli")


async def put_files(system: System, files: dict[str, Path]) -> None:
    """Put files under their keys in the files area."""
    for key, path in files.items():
        await system.areas.files.put(key, read_bytes(path, what="file"))
