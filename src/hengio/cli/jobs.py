"""`hengio job apply|list|show|trigger|enable|disable|delete`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hengio import codec, log, settings
from hengio.cli import tables
from hengio.cli.inputs import GivenInput, read_bytes
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.sure import check
from hengio.cli.when import shown, to_second
from hengio.clock import to_iso
from hengio.definition import confidential
from hengio.definition.parse import InvalidDefinition, canonical, read
from hengio.definition.validate import Report
from hengio.errors import Problem, Refused
from hengio.model.execution import Execution
from hengio.service.schedules import Followed
from hengio.storage.protocol import StoredJob
from hengio.timetable.occurrence import Occurrence
from hengio.wiring import process
from hengio.wiring.desk import Desk, desk, is_worked

T = TypeVar("T")
SHOWN_FIRES = 3


def at_desk(work: Callable[[Desk], Awaitable[T]], *, data_dir: Path | None, create: bool = False) -> T:
    """Run `work` at the desk of an installation."""
    log.configure(level="warning", style="text")
    chosen = settings.load(data_dir=data_dir)

    async def run() -> T:
        async with desk(chosen, create=create) as opened:
            return await work(opened)

    return process.run(run())


def apply_files(files: list[Path], *, data_dir: Path | None, as_json: bool) -> int:
    """Validate all definitions, then store them."""
    documents = {file: read(read_bytes(file, what="definition")) for file in files}

    async def apply(desk: Desk) -> list[dict[str, Any]]:
        reports = {file: await desk.jobs.check(document) for file, document in documents.items()}
        problems = [
            Problem(f"{file}: {one.path}" if len(files) > 1 else one.path, one.message, one.hint)
            for file, report in reports.items()
            for one in report.errors
        ]
        if problems:
            raise InvalidDefinition(problems)
        _check_names(reports)
        before = {stored.job.name: stored for stored in await desk.storage.jobs.all()}
        done = []
        for document in documents.values():
            name = document.get("name") if isinstance(document, dict) else None
            known = before.get(str(name))
            was = [] if known is None else await desk.schedules.upcoming(known, count=SHOWN_FIRES)
            stored, report = await desk.jobs.apply(document, by=person())
            told = _applied(stored, None if known is None else known.version, [str(one) for one in report.warnings])
            fires = await _fires(desk, known, stored, was)
            done.append({**told, "fires": fires, "off": await _off(desk, stored)})
        return done

    answer = at_desk(apply, data_dir=data_dir, create=True)
    if as_json:
        print_json({"jobs": answer})
        return 0
    console = terminal()
    for one in answer:
        console.print(f"[bold]{escape(one['name'])}[/] version {one['version']} {one['change']}", soft_wrap=True)
        for warning in one["warnings"]:
            console.print(f"  [yellow]warning[/] {escape(warning)}", soft_wrap=True)
        for word, times in (one["fires"] or {}).items():
            told = ", ".join(escape(to_second(at)) for at in times)
            console.print(f"  [dim]{word:>6}[/] {told or 'never'}", soft_wrap=True)
        if one["fires"] and one["off"]:
            console.print(f"  [yellow]it does not fire now: it is {one['off']}[/]")
    return 0


async def _fires(
    desk: Desk, before: StoredJob | None, after: StoredJob, was: list[Occurrence]
) -> dict[str, list[str]] | None:
    """The next fires before and after a schedule changed (H1.8), in the schedule's zone; None if it did not."""
    if (None if before is None else before.job.schedule) == after.job.schedule:
        return None
    now = await desk.schedules.upcoming(after, count=SHOWN_FIRES)
    told = {"after" if before else "fires": [one.local for one in now]}
    return told if before is None else {"before": [one.local for one in was], **told}


async def _off(desk: Desk, stored: StoredJob) -> str | None:
    """Why the fires of its schedule do not happen; None if they do, or there is no schedule."""
    if stored.job.schedule is None:
        return None
    row = await desk.storage.schedules.get(stored.id)
    if not stored.job.enabled:
        return "disabled"
    return "paused" if row is not None and row.paused else None


def _check_names(reports: dict[Path, Report]) -> None:
    """Refuse two definitions of one name: the later file would be a version of the earlier one."""
    seen: dict[str, Path] = {}
    for file, report in reports.items():
        name = "" if report.job is None else report.job.name
        if name in seen:
            raise Refused(f"{seen[name]} and {file} both define the job '{name}'", hint="give them names of their own")
        seen[name] = file


def _applied(stored: StoredJob, before: int | None, warnings: list[str]) -> dict[str, Any]:
    change = "created" if before is None else "unchanged" if before == stored.version else "changed"
    return {
        "id": stored.id,
        "name": stored.job.name,
        "version": stored.version,
        "enabled": stored.job.enabled,
        "change": change,
        "warnings": warnings,
    }


def list_jobs(*, data_dir: Path | None, as_json: bool) -> int:
    """Every job with its newest execution and its next fire."""

    async def find(desk: Desk) -> tuple[list[tuple[StoredJob, Execution | None]], dict[str, Followed]]:
        followed = {one.row.job_id: one for one in await desk.schedules.listed()}
        return await desk.jobs.listed(), followed

    found, followed = at_desk(find, data_dir=data_dir)
    if as_json:
        print_json([_listed(stored, newest, followed.get(stored.id)) for stored, newest in found])
        return 0
    rows = [
        (
            stored.job.name,
            "enabled" if stored.job.enabled else "disabled",
            f"{stored.version}",
            f"{len(stored.job.steps)}",
            "" if newest is None else tables.state(newest.state.value),
            "" if newest is None else shown(newest.created_at),
            "" if (one := followed.get(stored.id)) is None else shown(one.next_fire),
        )
        for stored, newest in found
    ]
    headings = ("job", "", "version", "steps", "latest", "begun (UTC)", "next fire (UTC)")
    tables.show(headings, rows, none="no jobs yet: hengio job apply FILE", right=("version", "steps"))
    return 0


def _listed(stored: StoredJob, newest: Execution | None, followed: Followed | None) -> dict[str, Any]:
    next_fire = None if followed is None else followed.next_fire
    return {
        "id": stored.id,
        "name": stored.job.name,
        "description": stored.job.description,
        "enabled": stored.job.enabled,
        "version": stored.version,
        "steps": len(stored.job.steps),
        "next_fire": None if next_fire is None else to_iso(next_fire),
        "latest": None
        if newest is None
        else {"execution_id": newest.id, "state": newest.state.value, "created_at": to_iso(newest.created_at)},
    }


def show_job(name: str, *, version: int | None, data_dir: Path | None, as_json: bool) -> int:
    """A job's definition; as JSON with its id and version around it."""

    async def find(desk: Desk) -> StoredJob:
        stored = await desk.storage.jobs.get(name)
        return stored if version is None else await desk.storage.jobs.version(stored.id, version)

    stored = at_desk(find, data_dir=data_dir)
    definition = confidential.masked(codec.decode(canonical(stored.job)))
    if as_json:
        about = {"id": stored.id, "version": stored.version, "enabled": stored.job.enabled}
        print_json({**about, "definition": definition})
    else:
        print_json(definition)
    return 0


def trigger_job(
    name: str, given: GivenInput, *, idempotency_key: str | None, data_dir: Path | None, as_json: bool
) -> int:
    """Begin an execution."""

    async def begin(desk: Desk) -> tuple[Execution, bool, bool]:
        stored, now = await desk.storage.jobs.get(name), desk.jobs.clock.now()
        execution = await desk.jobs.trigger(
            stored, given=given.of(stored.job), idempotency_key=idempotency_key, by=person()
        )
        alone = desk.settings.database_file is not None and not is_worked(desk.settings)
        return execution, alone, execution.created_at < now

    execution, alone, existing = at_desk(begin, data_dir=data_dir)
    if as_json:
        print_json({"execution_id": execution.id, "state": execution.state.value, "existing": existing})
        return 0
    console = terminal()
    word = f"{execution.state.value}, begun before under this key" if existing else execution.state.value
    console.print(f"execution {execution.id} {word}", soft_wrap=True)
    if alone and execution.finished_at is None:
        console.print("[dim]no server holds this data folder now: hengio serve runs it[/]", soft_wrap=True)
    return 0


def enable_job(name: str, *, enabled: bool, data_dir: Path | None, as_json: bool) -> int:
    """Let it be started, or not."""
    stored = at_desk(lambda desk: desk.jobs.enable(name, enabled=enabled, by=person()), data_dir=data_dir)
    if as_json:
        print_json({"id": stored.id, "name": stored.job.name, "enabled": stored.job.enabled})
    else:
        word = "enabled" if stored.job.enabled else "disabled"
        terminal().print(f"[bold]{escape(stored.job.name)}[/] {word}")
    return 0


def delete_job(name: str, *, sure: bool, data_dir: Path | None, as_json: bool) -> int:
    """Delete it, once somebody is sure."""
    check(f"delete job '{name}'", sure=sure)
    stored = at_desk(lambda desk: desk.jobs.delete(name, by=person()), data_dir=data_dir)
    if as_json:
        print_json({"id": stored.id, "name": stored.job.name, "deleted": True})
    else:
        terminal().print(f"[bold]{escape(stored.job.name)}[/] deleted; its executions are kept")
    return 0
