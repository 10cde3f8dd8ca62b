"""`hengio job run`: a definition once, embedded, without a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from hengio import log, settings
from hengio.cli.follow import Follower
from hengio.cli.inputs import read_bytes, read_json
from hengio.cli.install import Wanted, install, wanted
from hengio.cli.interrupt import brief, interruptible
from hengio.cli.present import print_json
from hengio.cli.summary import exit_code, summary
from hengio.codec import Json
from hengio.definition.parse import read
from hengio.wiring import process
from hengio.wiring.embedded import embedded


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
    first = wanted(modules=modules, grants=grants, files=files)
    work = _run(document, given, chosen, first=first, full=full, as_json=as_json)
    return process.run(interruptible(work))


async def _run(
    document: Json,
    given: Json,
    chosen: settings.Settings,
    *,
    first: Wanted,
    full: bool,
    as_json: bool,
) -> int:
    async with embedded(chosen, log_modules=False) as system:
        await install(system, first)
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
