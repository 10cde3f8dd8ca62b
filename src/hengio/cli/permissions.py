"""`hengio module permissions`: what a module may reach outside its execution."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hengio import log, settings
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.errors import Refused
from hengio.grants.check import read
from hengio.model.module import Module
from hengio.wiring import process
from hengio.wiring.embedded import embedded
from hengio.wiring.reading import reading


def permissions(reference: str, *, wanted: list[str] | None, clear: bool, data_dir: Path | None, as_json: bool) -> int:
    """Show them, or with `wanted` replace them all first, with `clear` by none. Counts from the next execution on."""
    if clear and wanted:
        raise Refused("--set and --clear exclude each other", hint="--set replaces all that it may do")
    wanted = [] if clear else wanted
    chosen = settings.load(data_dir=data_dir)
    log.configure(level="warning", style="text")
    module = process.run(_find(chosen, reference) if wanted is None else _grant(chosen, reference, wanted))
    if as_json:
        print_json(_document(module))
    else:
        _show(module)
    return 0


async def _find(chosen: settings.Settings, reference: str) -> Module:
    async with reading(chosen) as storage:
        return await storage.modules.find(reference)


async def _grant(chosen: settings.Settings, reference: str, wanted: list[str]) -> Module:
    grants = tuple(dict.fromkeys(read(text) for text in wanted))
    async with embedded(chosen) as system:
        return await system.modules.grant(reference, grants, actor=person())


def _document(module: Module) -> dict[str, Any]:
    return {
        "id": module.id,
        "name": module.name,
        "version": module.version,
        "permissions": module.grants,
        "host_functions": module.facts.host_functions,
        "host_io_possible": module.facts.host_io_possible,
    }


def _show(module: Module) -> None:
    console = terminal()
    console.print(f"[bold]{escape(module.name)}@{escape(module.version)}[/]")
    if not module.facts.host_io_possible:
        console.print("  reaches nothing outside its execution: it imports no function that could")
    elif not module.grants:
        console.print("  may reach nothing outside its execution")
    for grant in module.grants:
        console.print(f"  [green]{grant.permission:<15}[/] {escape(grant.resource)}", soft_wrap=True)
