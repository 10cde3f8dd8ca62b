"""`hengio module list|show|download|enable|disable|delete`: modules that are registered, also beside a server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hengio import log, settings
from hengio.cli import tables
from hengio.cli.person import person
from hengio.cli.present import assembled, escape, print_json, terminal
from hengio.cli.sure import check
from hengio.cli.when import shown
from hengio.clock import to_iso
from hengio.errors import Refused
from hengio.grants.compare import Difference
from hengio.model.module import Module
from hengio.model.statistics import CallStatistics
from hengio.service.modules import ModuleDetail
from hengio.storage.modules import ModuleFilter
from hengio.wiring import process
from hengio.wiring.modules import ModuleDesk, module_desk

T = TypeVar("T")


def at_module_desk(work: Callable[[ModuleDesk], Awaitable[T]], *, data_dir: Path | None) -> T:
    """Run `work` on the modules of an installation."""
    log.configure(level="error", style="text")
    chosen = settings.load(data_dir=data_dir)

    async def run() -> T:
        async with module_desk(chosen) as opened:
            return await work(opened)

    return process.run(run())


def list_modules(*, search: str, limit: int, after: str | None, data_dir: Path | None, as_json: bool) -> int:
    """Modules by name, the newest of each first (R6.6)."""
    wanted = ModuleFilter(search=search)
    found = at_module_desk(lambda desk: desk.modules.page(wanted, limit=limit, after=after), data_dir=data_dir)
    if as_json:
        print_json([document(module) for module in found])
        return 0
    rows = [
        (
            module.reference,
            module.facts.kind,
            f"{module.size:,}",
            "" if module.enabled else "disabled",
            "signed" if module.signature else "",
            str(len(module.grants)),
            shown(module.created_at),
            module.id,
        )
        for module in found
    ]
    headings = ("module", "kind", "bytes", "", " ", "grants", "registered", "id")
    tables.show(headings, rows, none="no module is registered", right=("bytes", "grants"))
    return 0


def show_module(reference: str, *, data_dir: Path | None, as_json: bool) -> int:
    """All there is to know of one."""
    detail = at_module_desk(lambda desk: desk.modules.show(reference), data_dir=data_dir)
    if as_json:
        print_json(detail_document(detail))
    else:
        _show(detail)
    return 0


def download_module(reference: str, *, to: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """The binary, checked, into a file."""
    module, binary = at_module_desk(lambda desk: desk.modules.download(reference), data_dir=data_dir)
    file = to or Path(f"{module.name}-{module.version}.wasm")
    try:
        file.write_bytes(binary)
    except OSError as error:
        raise Refused(f"{file} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({**document(module), "file": str(file)})
    else:
        _say(f"{escape(module.reference)} is in {escape(str(file))}")
    return 0


def enable_module(reference: str, *, enabled: bool, data_dir: Path | None, as_json: bool) -> int:
    """Let a version run or not."""
    module = at_module_desk(
        lambda desk: desk.modules.enable(reference, enabled=enabled, by=person()), data_dir=data_dir
    )
    if as_json:
        print_json(document(module))
    else:
        _say(f"{escape(module.reference)} is {'enabled' if enabled else 'disabled'}")
    return 0


def delete_module(reference: str, *, force: bool, sure: bool, data_dir: Path | None, as_json: bool) -> int:
    """Take a version away."""
    check(f"delete {reference}", sure=sure or as_json)
    module = at_module_desk(lambda desk: desk.modules.delete(reference, by=person(), force=force), data_dir=data_dir)
    if as_json:
        print_json({"deleted": module.reference, "id": module.id})
    else:
        _say(f"{escape(module.reference)} is deleted")
    return 0


def document(module: Module) -> dict[str, Any]:
    """A module for programs."""
    return {
        "id": module.id,
        "name": module.name,
        "version": module.version,
        "kind": module.facts.kind,
        "size": module.size,
        "digest": module.digest,
        "enabled": module.enabled,
        "created_at": to_iso(module.created_at),
        "registered_by": module.registered_by,
        "permissions": module.grants,
        "requested": module.requested,
        "key_id": None if module.signature is None else module.signature.key_id,
    }


def detail_document(detail: ModuleDetail) -> dict[str, Any]:
    """The same with all else that is known."""
    key, facts = detail.signature.key, detail.module.facts
    last = detail.statistics.last_run_at
    return {
        **document(detail.module),
        "facts": facts,
        "signature": {
            "state": detail.signature.state,
            "message": detail.signature.message,
            "author": None if key is None else key.author,
        },
        "channels": {
            one.channel: {"module_id": one.module_id, "percent": one.percent}
            for one in (detail.channels.stable, detail.channels.canary)
            if one is not None and one.module_id is not None
        },
        "used_by": detail.uses,
        "statistics": {
            **{name: getattr(detail.statistics, name) for name in CallStatistics.__struct_fields__},
            "last_run_at": None if last is None else to_iso(last),
        },
        "before": None if detail.step.before is None else detail.step.before.reference,
        "permissions_changed": detail.step.grants,
        "requested_changed": detail.step.requested,
    }


def _show(detail: ModuleDetail) -> None:
    module, facts, seen = detail.module, detail.module.facts, detail.statistics
    key = detail.signature.key
    lines = [
        ("id", module.id),
        ("kind", f"{facts.kind}, {module.size:,} bytes{'' if module.enabled else ', disabled'}"),
        ("sha256", module.digest),
        ("registered", f"{shown(module.created_at)} {module.registered_by}"),
        ("signature", f"{detail.signature.state}{'' if key is None else f', by {key.author}'}"),
        ("", detail.signature.message),
        ("entries", ", ".join(facts.entries)),
        ("host functions", ", ".join(facts.host_functions) or "none"),
        ("host I/O", "possible" if facts.host_io_possible else "not possible: it imports none"),
        ("made with", ", ".join((*facts.languages, *facts.tools)) or "not stated"),
        *_several("asks for", [str(grant) for grant in module.requested]),
        *_several("may", [str(grant) for grant in module.grants] or ["reach nothing outside"]),
        *_several("used by", [str(use) for use in detail.uses] or ["no stored job"]),
        ("calls", _calls(seen)),
    ]
    for name, spread in (("fuel", seen.fuel), ("memory", seen.memory_bytes), ("milliseconds", seen.duration_ms)):
        if spread is not None:
            told = f"{spread.p50:,.0f}, {spread.p95:,.0f}, {spread.p99:,.0f}, {spread.max:,.0f} at most"
            lines.append((name, f"p50, p95, p99: {told}"))
    if detail.step.before is not None:
        lines += _several(f"since {detail.step.before.version}", _changes(detail.step.grants) or ["same permissions"])
    _say(f"[bold]{escape(module.reference)}[/]")
    for name, value in lines:
        if value:
            terminal().print(assembled((f"  {name:<16}", "dim"), value), soft_wrap=True)


def _calls(seen: CallStatistics) -> str:
    if not seen.runs:
        return "none in the last 30 days"
    outcomes = ", ".join(f"{count} {kind}" for kind, count in seen.outcomes.items())
    return f"{'the latest ' if seen.more else ''}{seen.runs:,}: {outcomes}; the last at {shown(seen.last_run_at)}"


def _changes(changed: Difference) -> list[str]:
    return [
        *(f"added {grant}" for grant in changed.added),
        *(f"wider {pair.after} (before: {pair.before.resource})" for pair in changed.wider),
        *(f"narrower {pair.after} (before: {pair.before.resource})" for pair in changed.narrower),
        *(f"removed {grant}" for grant in changed.removed),
    ]


def _several(name: str, values: Sequence[str]) -> list[tuple[str, str]]:
    return [(name if place == 0 else "", value) for place, value in enumerate(values)]


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
