"""`hengio job dry-run`: what a job would read and change, without changing it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console

from hengio import codec, log, settings
from hengio.cli import summary
from hengio.cli.inputs import GivenInput
from hengio.cli.job import document_of
from hengio.cli.marks import MARKS
from hengio.cli.present import assembled, print_json, said, terminal
from hengio.codec import Json
from hengio.definition.parse import InvalidDefinition
from hengio.storage.protocol import StoredJob
from hengio.wiring import process
from hengio.wiring.rehearsing import Stage, rehearsing
from hengio.worker.rehearse import Rehearsed

_SHOWN = 200


def dry_run(job: str, given: GivenInput, *, data_dir: Path | None, full: bool, as_json: bool) -> int:
    """Rehearse a definition or a job; exits as the job itself would."""
    document = document_of(job)
    log.configure(level="warning", style="json" if as_json else "text")
    chosen = settings.load(data_dir=data_dir)
    return process.run(_rehearse(chosen, job, document, given, full=full, as_json=as_json))


async def _rehearse(
    chosen: settings.Settings, name: str, document: Json, given: GivenInput, *, full: bool, as_json: bool
) -> int:
    async with rehearsing(chosen) as stage:
        stored, warnings = await _stored(stage, name, document)
        done = await stage.rehearser.run(stored, given=given.of(stored.job))
        told = await _told(stage, stored, done, full=full)
    told["warnings"] = warnings
    if as_json:
        print_json(told)
    else:
        _show(told, full=full)
    return summary.exit_code(done.ended.state)


async def _stored(stage: Stage, name: str, document: Json) -> tuple[StoredJob, list[str]]:
    """The job as it would be stored; it is not."""
    if document is None:
        return await stage.jobs.storage.jobs.get(name), []
    report = await stage.jobs.check(document)
    if report.job is None or not report.valid:
        raise InvalidDefinition(report.errors)
    known = {stored.job.name: stored.id for stored in await stage.jobs.storage.jobs.all()}
    return StoredJob(known.get(report.job.name, "dry-run"), 0, report.job), [str(one) for one in report.warnings]


async def _told(stage: Stage, stored: StoredJob, done: Rehearsed, *, full: bool) -> dict[str, Any]:
    steps = []
    for run in done.runs:
        output = await stage.jobs.output(run)
        steps.append(summary.step(run, output, full=full))
    told: dict[str, Any] = {
        "job": stored.job.name,
        "status": done.ended.state.value,
        "steps": steps,
        "changes": [{"kind": one.kind, "step": one.step_id, "visit": one.visit, **one.what} for one in done.changes],
    }
    if done.ended.failure is not None:
        told["failure"] = codec.decode(codec.encode(done.ended.failure))
    return told


def _show(told: dict[str, Any], *, full: bool) -> None:
    console = terminal()
    for warning in told["warnings"]:
        console.print(assembled(("warning ", "yellow"), warning), soft_wrap=True)
    for step in told["steps"]:
        mark, style = MARKS.get(step["status"], ("·", ""))
        console.print(assembled((mark, style), f" {step['id']}  ", (step["kind"], style)), soft_wrap=True)
        if "failure" in step:
            failure = step["failure"]
            console.print(said(f"    {failure['code']}: {failure['message']}", style="red"), soft_wrap=True)
        for change in told["changes"]:
            if (change["step"], change["visit"]) == (step["id"], step["visit"]):
                _show_change(console, change, full=full)
    count = len(told["changes"])
    changes = "1 change" if count == 1 else f"{count} changes"
    console.print()
    console.print(assembled((told["status"], "bold"), f", a dry run: {changes} would have been made"))


def _show_change(console: Console, change: dict[str, Any], *, full: bool) -> None:
    """A change and what it is made of, a line each, long ones cut unless all is wanted."""
    console.print(assembled(("    would change ", "yellow"), change["kind"]))
    for key, value in change.items():
        if key in {"kind", "step", "visit"} or value is None:
            continue
        text = value if isinstance(value, str) else codec.encode(value).decode()
        shown = text if full or len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
        console.print(assembled((f"      {key:<12} ", "dim"), shown), soft_wrap=True)
