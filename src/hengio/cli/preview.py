"""`hengio schedule preview`: when a schedule fires next."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import msgspec
from rich.text import Text

from hengio.cli import tables
from hengio.cli.inputs import read_bytes
from hengio.cli.present import print_json, said, terminal
from hengio.cli.when import to_second
from hengio.clock import Micros, SystemClock
from hengio.definition import schedules
from hengio.definition.findings import Findings
from hengio.definition.words import shown
from hengio.errors import Problem, Refused
from hengio.model.schedule import ZONE, CronSchedule, Schedule
from hengio.service.preview import Previewed, preview
from hengio.timetable import moments

_DATE = slice(0, len("2026-11-23"))
_TIME = slice(len("2026-11-23T"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A cron expression or a file, and which of its times."""

    cron: str | None
    file: Path | None
    timezone: str | None
    start: str | None
    count: int
    every: bool


def show_preview(asked: Asked, *, as_json: bool) -> int:
    """The next fires; with `every` also what the schedule leaves out. Raises `Refused` for one that is not valid."""
    schedule, warnings = _schedule(asked)
    found = preview(schedule, start=_start(asked.start, schedule.timezone), count=asked.count, every=asked.every)
    if as_json:
        print_json([_document(each, asked.every) for each in found])
        return 0
    console = terminal()
    for warning in warnings:
        console.print(said(warning.message, "dim"), soft_wrap=True)
    rows = [_row(each) for each in found]
    tables.show((f"in {schedule.timezone}", "UTC", "note"), rows, none="it does not fire any more")
    return 0


def _document(each: Previewed, every: bool) -> dict[str, str | None]:
    told: dict[str, str | None] = {"local": each.local, "utc": each.utc, "note": each.note}
    return {**told, "skip": each.skip} if every else told


def _row(each: Previewed) -> tuple[tables.Cell, ...]:
    day, clock = each.local[_DATE], to_second(each.local[_TIME])
    note = Text(f"left out: {each.note}", "dim") if each.skip else Text(each.note, "yellow")
    return (f"{date.fromisoformat(day):%a} {day} {clock}", to_second(each.utc), note)


def _schedule(asked: Asked) -> tuple[Schedule, list[Problem]]:
    """The schedule that is meant, and what is doubtful about it."""
    if (asked.cron is None) == (asked.file is None):
        raise Refused("give either --cron or --file", hint="hengio schedule preview --cron '0 0 2 ? * MON-FRI'")
    if asked.cron is not None:
        schedule: Schedule = CronSchedule(expression=asked.cron, timezone=asked.timezone or ZONE)
    else:
        assert asked.file is not None
        schedule = _of_file(asked.file)
        schedule = msgspec.structs.replace(schedule, timezone=asked.timezone or schedule.timezone)
    findings = Findings()
    schedules.check(schedule, findings, "$.schedule")
    if findings.errors:
        raise Refused("the schedule is not valid", problems=findings.errors)
    return schedule, findings.warnings


def _of_file(file: Path) -> Schedule:
    from hengio.definition.parse import InvalidDefinition, read
    from hengio.definition.validate import validate

    report = validate(read(read_bytes(file, what="definition")))
    if report.job is None:
        raise InvalidDefinition(report.errors)
    if report.job.schedule is None:
        raise Refused(f"the job in {file} has no schedule")
    return report.job.schedule


def _start(text: str | None, zone: str) -> Micros:
    if text is None:
        return SystemClock().now()
    try:
        return moments.beginning(text, zone)
    except (ValueError, OverflowError) as error:
        hint = "write 2026-11-23, 2026-11-23T08:00 or 2026-11-23T08:00+07:00"
        raise Refused(f"--from {shown(text)} is no date and time", hint=hint) from error
