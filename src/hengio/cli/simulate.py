"""`hengio schedule simulate`: a month of schedules in seconds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct
from msgspec.structs import replace
from rich.console import Console
from rich.text import Text

from hengio import codec, settings
from hengio.cli import heat, tables
from hengio.cli.inputs import read_bytes
from hengio.cli.jobs import at_desk
from hengio.cli.present import assembled, print_json, said, terminal
from hengio.cli.schedules import written
from hengio.cli.simulated import document, rows
from hengio.cli.when import local, moment
from hengio.clock import SystemClock
from hengio.codec import Json
from hengio.definition.parse import InvalidDefinition, read
from hengio.definition.validate import Report, validate
from hengio.errors import Problem, Refused
from hengio.model.job import Job
from hengio.scheduler.simulation.advice import Remark, lasting
from hengio.scheduler.simulation.load import Minute
from hengio.scheduler.simulation.tally import Outlook
from hengio.service.simulation import Asked, Simulated, SimulationService
from hengio.wiring import process
from hengio.wiring.desk import Desk

SHOWN_JOBS = 40
"""The table has those with the most to do; the JSON has all."""
SHOWN_REMARKS = 40
_MOST_DATES = 32
_NAMED = 3


class Wanted(Struct, frozen=True, kw_only=True):
    """What the command line asks for, as it was written."""

    files: list[Path]
    days: int
    since: str | None
    zone: str
    jobs: list[str]
    durations: list[str]
    listed: int
    with_stored: bool


def simulate(wanted: Wanted, *, data_dir: Path | None, as_json: bool) -> int:
    """Of stored jobs, of definitions, or of both. Raises `Refused` for what cannot be read or would be too much."""
    asked = _asked(wanted)
    documents = {file: read(read_bytes(file, what="definition")) for file in wanted.files}
    found = _simulated(asked, documents, data_dir=data_dir)
    if as_json:
        print_json(document(found, with_fires=wanted.listed > 0))
        return 0
    _show(found)
    return 0


def _asked(wanted: Wanted) -> Asked:
    try:
        zone = ZoneInfo(wanted.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Refused(f"--timezone: there is no time zone `{wanted.zone[:40]}`") from error
    return Asked(
        since=SystemClock().now() if wanted.since is None else moment(wanted.since, option="--from", zone=zone),
        days=wanted.days,
        zone=wanted.zone,
        stored=not wanted.files or wanted.with_stored,
        only=tuple(wanted.jobs),
        seconds=dict(_duration(text) for text in wanted.durations),
        listed=wanted.listed,
    )


def _duration(text: str) -> tuple[str, float]:
    name, found, seconds = text.rpartition("=")
    try:
        return (name, float(seconds)) if found and name else _no_duration(text)
    except ValueError:
        return _no_duration(text)


def _no_duration(text: str) -> tuple[str, float]:
    raise Refused(f"--duration {text!r} is not of the form JOB=SECONDS")


def _simulated(asked: Asked, documents: dict[Path, Json], *, data_dir: Path | None) -> Simulated:
    """At the desk of the installation; definitions alone also where there is none yet."""
    file = settings.load(data_dir=data_dir).database_file
    if documents and not (file is None or file.exists()):
        reports = {path: validate(one) for path, one in documents.items()}
        return process.run(SimulationService(storage=None).simulate(replace(asked, drafts=_jobs(reports))))

    async def work(desk: Desk) -> Simulated:
        reports = {path: await desk.jobs.check(one) for path, one in documents.items()}
        return await desk.simulations.simulate(replace(asked, drafts=_jobs(reports)))

    return at_desk(work, data_dir=data_dir)


def _jobs(reports: dict[Path, Report]) -> tuple[Job, ...]:
    """Raises `InvalidDefinition` with every problem."""
    problems = [
        Problem(f"{file}: {one.path}" if len(reports) > 1 else one.path, one.message, one.hint)
        for file, report in reports.items()
        for one in report.errors
    ]
    if problems:
        raise InvalidDefinition(problems)
    return tuple(report.job for report in reports.values() if report.job is not None)


def _show(found: Simulated) -> None:
    console, done = terminal(), found.done
    zone = ZoneInfo(done.span.zone)
    for name in found.without:
        console.print(said(f"{name} follows no schedule: left out", "yellow"), soft_wrap=True)
    if not done.jobs:
        console.print("no job follows a schedule")
        return
    console.print(
        f"[bold]{done.span.zone}[/] {local(done.span.since, zone)} to {local(done.span.until, zone)}: "
        f"{done.fires:,} fires of {_count(len(done.jobs), 'job')}, {lasting(done.compute_seconds)} of work, "
        f"at most {done.peak:,} at once",
        soft_wrap=True,
    )
    _show_jobs(console, done.jobs, zone)
    if done.fires:
        _show_load(console, found)
        if done.minutes and done.minutes[0].jobs > 1:
            _show_minutes(console, done.minutes, zone)
    _show_remarks(console, found)


def _show_jobs(console: Console, jobs: Sequence[Outlook], zone: ZoneInfo) -> None:
    console.print()
    most = sorted(jobs, key=lambda job: (-job.compute_seconds, job.subject.name))[:SHOWN_JOBS]
    headings = ("job", "schedule", "takes", "fires", "skipped", "waits", "at once", "busy", "first fire")
    tables.show(headings, [_row(job, zone) for job in most], none="", right=headings[3:8])
    if len(jobs) > len(most):
        console.print(f"[dim]and {len(jobs) - len(most):,} more with less to do: --json has all[/]")


def _row(job: Outlook, zone: ZoneInfo) -> tuple[tables.Cell, ...]:
    durations = job.subject.durations
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in sorted(job.skipped.items()))
    return (
        job.subject.name,
        written(codec.decode(job.subject.row.schedule)),
        Text(f"{durations.mean:.3g} s", style="dim" if durations.source == "assumed" else ""),
        f"{job.fires:,}",
        Text(skipped or (f"{job.cancelled:,} cancelled" if job.cancelled else ""), style="yellow"),
        f"{job.waits.longest_seconds:,.0f} s" if job.waits.count else "",
        f"{job.greatest_concurrency}",
        f"{job.busy:.1%}",
        local(job.first_fire, zone),
    )


def _show_load(console: Console, found: Simulated) -> None:
    span, load = found.done.span, found.done.heat
    begun = rows(span, load.begun, most=_MOST_DATES, add=True)
    peaks = rows(span, load.peak, most=_MOST_DATES, add=False)
    by = "hour" if span.dates <= _MOST_DATES else "hour and weekday"
    console.print()
    heat.show(console, f"executions that begin, by {by}", _labelled(begun), total=True)
    if found.done.peak > 1:
        console.print()
        heat.show(console, f"most executions at once, by {by}", _labelled(peaks), total=False)


def _labelled(found: list[tuple[str, list[int]]]) -> list[heat.Row]:
    return [(f"{date.fromisoformat(name):%a %m-%d}" if "-" in name else name, row) for name, row in found]


def _show_minutes(console: Console, minutes: Sequence[Minute], zone: ZoneInfo) -> None:
    console.print()
    shown = [(local(minute.at, zone), f"{minute.begun:,}", f"{minute.jobs:,}", _named(minute)) for minute in minutes]
    tables.show(("busiest minutes", "begin", "jobs", "most"), shown, none="", right=("begin", "jobs"))


def _named(minute: Minute) -> str:
    named = ", ".join(name if count == 1 else f"{name} ({count:,})" for name, count in minute.most[:_NAMED])
    return named + (f" and {minute.jobs - _NAMED:,} more" if minute.jobs > _NAMED else "")


def _show_remarks(console: Console, found: Simulated) -> None:
    jobs = zip(found.done.jobs, found.remarks, strict=True)
    told = [("", one) for one in found.overall] + [(job.subject.name, one) for job, all_ in jobs for one in all_]
    told.sort(key=lambda one: one[1].level != "warning")
    if told:
        console.print()
    for name, one in told[:SHOWN_REMARKS]:
        console.print(_told(name, one), soft_wrap=True)
        if one.hint:
            console.print(said(f"    {one.hint}", "dim"), soft_wrap=True)
    if len(told) > SHOWN_REMARKS:
        console.print(f"[dim]and {len(told) - SHOWN_REMARKS:,} more remarks: --json has all[/]")


def _told(name: str, remark: Remark) -> Text:
    style = "bold yellow" if remark.level == "warning" else "bold"
    return assembled((f"{remark.level} ", style), (f"{name}: " if name else "", "cyan"), remark.text)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
