"""`hengio module logs`: past calls of modules (R8.6)."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from msgspec import Struct
from rich.console import Console
from rich.table import Table

from hengio import log, settings
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.tape import replaying
from hengio.cli.when import moment
from hengio.clock import to_datetime, to_iso
from hengio.errors import NotFound, Refused
from hengio.model.call import CallFilter, ModuleCall
from hengio.model.outcome import OutcomeKind
from hengio.storage.protocol import Storage
from hengio.wiring import process
from hengio.wiring.reading import reading

HEAVY = ("logs", "backtrace")
"""Parts of a call's detail that are shown only when all is asked for."""
_ANY_WIDTH = 10_000


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command line asks for."""

    execution: str | None
    module: str | None
    outcomes: list[str] | None
    since: str | None
    until: str | None
    limit: int


def show_calls(wanted: Wanted, *, data_dir: Path | None, full: bool, as_json: bool) -> int:
    """The newest calls that match, newest first."""
    log.configure(level="warning", style="text")
    calls = process.run(_find(settings.load(data_dir=data_dir), wanted))
    if as_json:
        print_json([_document(call, full=full) for call in calls])
    else:
        _show(calls, full=full)
    return 0


async def _find(chosen: settings.Settings, wanted: Wanted) -> list[ModuleCall]:
    known = {kind.value for kind in OutcomeKind}
    if unknown := set(wanted.outcomes or ()) - known:
        raise Refused(f"{', '.join(sorted(unknown))} is no outcome", hint=f"one of {', '.join(sorted(known))}")
    async with reading(chosen) as storage:
        return await storage.calls.find(
            CallFilter(
                execution_id=wanted.execution,
                module_ids=None if wanted.module is None else await _modules(storage, wanted.module),
                outcomes=tuple(wanted.outcomes) if wanted.outcomes else None,
                since=None if wanted.since is None else moment(wanted.since, option="--since"),
                until=None if wanted.until is None else moment(wanted.until, option="--until"),
            ),
            limit=wanted.limit,
        )


async def _modules(storage: Storage, reference: str) -> tuple[str, ...]:
    """The ids of a module's versions; the reference itself, too: a call of one that did not exist is logged by it."""
    found = {module.id for module in await storage.modules.all() if module.name == reference}
    if not found:
        with suppress(NotFound):
            found.add((await storage.modules.find(reference)).id)
    return (*found, reference)


def _document(call: ModuleCall, *, full: bool) -> dict[str, Any]:
    detail = {key: value for key, value in call.detail.items() if full or key not in HEAVY}
    return {
        "execution_id": call.execution_id,
        "step_id": call.step_id,
        "visit": call.visit,
        "attempt": call.attempt,
        "module_id": call.module_id,
        "outcome": call.outcome,
        "started_at": to_iso(call.started_at),
        "completed_at": to_iso(call.completed_at),
        "error": call.failure,
        **detail,
    }


def _show(calls: list[ModuleCall], *, full: bool) -> None:
    console = terminal()
    if not calls:
        console.print("no such calls")
        return
    table = _table(calls)
    if console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum <= console.width:
        console.print(table)
    else:
        for call in calls:
            _show_in_two_lines(console, call)
    for call in calls:
        _show_rest(console, call, full=full)


def _table(calls: list[ModuleCall]) -> Table:
    table = Table(box=None, pad_edge=False)
    for heading in ("ended (UTC)", "module", "outcome"):
        table.add_column(heading, no_wrap=True)
    for heading in ("fuel", "memory", "ms"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("execution", no_wrap=True)
    table.add_column("step", no_wrap=True)
    for call in calls:
        table.add_row(*_cells(call))
    return table


def _show_in_two_lines(console: Console, call: ModuleCall) -> None:
    """For where the table is too wide: nothing is cut off."""
    ended, module, outcome, fuel, memory, took, execution, step = _cells(call)
    measured = [f"fuel {fuel}" if fuel else "", memory, f"{took} ms" if took else ""]
    console.print(f"{ended} {module} {outcome} [dim]{'  '.join(each for each in measured if each)}[/]", soft_wrap=True)
    console.print(f"  {execution} {step}", soft_wrap=True)


def _cells(call: ModuleCall) -> list[str]:
    detail = call.detail
    fuel, memory, took = (detail.get(key) for key in ("fuel_used", "peak_memory_bytes", "duration_ms"))
    style = "green" if call.outcome == OutcomeKind.SUCCEEDED else "red"
    return [
        to_datetime(call.completed_at).strftime("%Y-%m-%d %H:%M:%S"),
        escape(str(detail.get("module", call.module_id))),
        f"[{style}]{call.outcome}[/]",
        "" if fuel is None else f"{'' if detail.get('fuel_exact', True) else 'at least '}{fuel:,}",
        "" if memory is None else f"{memory >> 10:,} KiB",
        "" if took is None else f"{took:.3f}",
        call.execution_id,
        escape(call.step_id),
    ]


def _show_rest(console: Console, call: ModuleCall, *, full: bool) -> None:
    """Why it failed; with `full` its log lines and backtrace."""
    lines = [f"[red]{escape(call.failure.code)}: {escape(call.failure.message)}[/]"] if call.failure else []
    if "tape" in call.detail:
        command = replaying(call.execution_id, call.step_id, visit=call.visit, attempt=call.attempt)
        lines.append(f"[dim]tape: {escape(command)}[/]")
    if "tape_missing" in call.detail:
        lines.append(f"[dim]no tape: {escape(call.detail['tape_missing'])}[/]")
    if full:
        lines += [f"[dim]{one['level']:>5}[/] {escape(one['message'])}" for one in call.detail.get("logs", ())]
        lines += [f"  [dim]at[/] {escape(frame['function'])}" for frame in call.detail.get("backtrace", ())]
    if lines:
        named = f"[bold]{call.execution_id} {escape(call.step_id)}[/] attempt {call.attempt}"
        console.print(named, soft_wrap=True)
    for line in lines:
        console.print(f"  {line}", soft_wrap=True)
