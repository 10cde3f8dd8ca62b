"""`hengio module register`: modules into the registry, compiled ahead of their first calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hengio import log, settings
from hengio.cli.install import Wanted, install, wanted
from hengio.cli.interrupt import brief
from hengio.cli.present import escape, print_json, terminal
from hengio.model.module import Module
from hengio.sandbox.statistics import SandboxStatistics
from hengio.wiring import process
from hengio.wiring.embedded import embedded


def register_files(
    modules: list[str], *, grants: list[str], signatures: list[Path], data_dir: Path | None, as_json: bool
) -> int:
    """Register each `NAME[@VERSION]=FILE`; returns when the code of all of them is compiled and kept."""
    chosen = brief(settings.load(data_dir=data_dir))
    log.configure(level="warning", style="json" if as_json else "text")
    first = wanted(modules=modules, grants=grants, signatures=signatures, option="MODULES")
    registered, numbers = process.run(_register(chosen, first))
    if as_json:
        print_json({"modules": [_document(module) for module in registered], "compiled": _compiled(numbers)})
    else:
        _show(registered, numbers)
    return 0


async def _register(chosen: settings.Settings, first: Wanted) -> tuple[list[Module], SandboxStatistics]:
    async with embedded(chosen) as system:
        registered = await install(system, first)
        for module in registered:
            await system.sandbox.prepared(module.digest)
        return registered, system.sandbox.statistics()


def _document(module: Module) -> dict[str, Any]:
    return {
        "id": module.id,
        "name": module.name,
        "version": module.version,
        "digest": module.digest,
        "size": module.size,
        "kind": module.facts.kind,
        "key_id": None if module.signature is None else module.signature.key_id,
    }


def _compiled(numbers: SandboxStatistics) -> dict[str, Any]:
    """Milliseconds by tier; nothing for code that was there already."""
    return {tier: round(seconds * 1000, 1) for tier, seconds in sorted(numbers.compile_seconds.items())}


def _show(registered: list[Module], numbers: SandboxStatistics) -> None:
    console = terminal()
    for module in registered:
        console.print(
            f"[bold]{escape(module.name)}@{escape(module.version)}[/]  {module.facts.kind}  {module.size:,} bytes"
            f"  [dim]{module.id}[/]",
            soft_wrap=True,
        )
    taken = ", ".join(f"{tier} {taken:,} ms" for tier, taken in _compiled(numbers).items())
    console.print(f"compiled: {taken or 'nothing new'}")
