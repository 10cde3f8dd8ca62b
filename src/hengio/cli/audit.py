"""`hengio audit`: what was denied, granted and changed, and whether the log is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import msgspec

from hengio import codec, log, settings
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.when import moment
from hengio.clock import to_datetime, to_iso
from hengio.errors import Corrupt, Refused
from hengio.model.audit import AuditAction, AuditEntry
from hengio.service.auditing import Verdict, verify
from hengio.storage.chain import START, Anchor
from hengio.vault.keys import AUDIT
from hengio.wiring import process
from hengio.wiring.keys import open_ring
from hengio.wiring.reading import reading


def show_audit(
    *,
    action: str | None,
    execution: str | None,
    since: str | None,
    limit: int,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """The newest entries that match, newest first."""
    if action is not None and action not in get_args(AuditAction):
        raise Refused(f"'{action}' is never audited", hint=f"one of {', '.join(get_args(AuditAction))}")
    log.configure(level="warning", style="text")
    begin = None if since is None else moment(since, option="--since")

    async def find() -> list[AuditEntry]:
        async with reading(settings.load(data_dir=data_dir)) as storage:
            return await storage.audit.find(action=action, execution_id=execution, since=begin, limit=limit)

    entries = process.run(find())
    if as_json:
        print_json([_document(entry) for entry in entries])
    else:
        _show(entries)
    return 0


def verify_audit(*, after: int, expect: str | None, data_dir: Path | None, as_json: bool) -> int:
    """Read the whole chain; the exit code of `Corrupt` if it is not as it was written."""
    log.configure(level="error", style="text")
    anchor = None if expect is None else _anchor(expect)
    chosen = settings.load(data_dir=data_dir)

    async def check() -> Verdict:
        async with reading(chosen) as storage:
            return await verify(storage.audit, open_ring(chosen, AUDIT), after=after, anchor=anchor)

    verdict = process.run(check())
    if as_json:
        print_json({"intact": verdict.fault is None, **msgspec.to_builtins(verdict)})
    else:
        _tell(verdict)
    return 0 if verdict.fault is None else Corrupt.exit_code


def _anchor(given: str) -> Anchor:
    number, _, kept = given.partition(":")
    if not number.isdecimal() or len(kept) != len(START):
        raise Refused("--expect is not an entry's number and hash", hint="N:HASH, as audit_end in the log has them")
    return Anchor(int(number), kept)


def _tell(verdict: Verdict) -> None:
    console = terminal()
    if verdict.fault is None:
        console.print(f"[bold green]intact[/]: {verdict.entries} entries, the last is {verdict.sequence}")
        console.print(f"  [dim]{verdict.sequence}:{verdict.hash}[/]", soft_wrap=True)
        return
    fault = verdict.fault
    console.print(f"[bold red]{fault.kind}[/]: {escape(fault.message)}", soft_wrap=True)
    if fault.id is not None:
        console.print(f"  [dim]its id is {escape(fault.id)}[/]", soft_wrap=True)
    console.print(f"  [dim]{verdict.entries} entries before it are as they were written[/]", soft_wrap=True)


def _document(entry: AuditEntry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "at": to_iso(entry.at),
        "action": entry.action,
        "actor": entry.actor,
        "subject": entry.subject,
        "execution_id": entry.execution_id,
        "step_id": entry.step_id,
        "detail": entry.detail,
    }


def _show(entries: list[AuditEntry]) -> None:
    console = terminal()
    if not entries:
        console.print("nothing was audited")
    for entry in entries:
        when = to_datetime(entry.at).strftime("%Y-%m-%d %H:%M:%S")
        console.print(
            f"[dim]{when}[/] [bold]{entry.action}[/] {escape(entry.subject)}  [dim]by {escape(entry.actor)}"
            + (f" in {entry.execution_id} {escape(entry.step_id or '')}" if entry.execution_id else "")
            + "[/]",
            soft_wrap=True,
        )
        if told := _told(entry):
            console.print(f"    [dim]{escape(told)}[/]", soft_wrap=True)


def _told(entry: AuditEntry) -> str:
    """What people are told of an entry's detail."""
    match entry.action, entry.detail:
        case "module.granted", detail:
            return codec.encode(detail).decode()
        case "webhook.refused", {"code": code, "reason": reason, "from": sender, "not_told": more}:
            return f"{code}: {reason}, from {sender}" + (f"; {more} before it are not told" if more else "")
        case _:
            return ""
