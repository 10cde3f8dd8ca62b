"""`hengio schedule list|show|fires|pause|resume|backfill`: when jobs run by themselves, and why they did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import Struct
from rich.text import Text

from hengio import codec
from hengio.cli import tables
from hengio.cli.jobs import at_desk
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, said, terminal
from hengio.cli.when import both, exact, local, moment
from hengio.clock import SystemClock
from hengio.errors import Refused
from hengio.model.fire import Fire, FireFilter, FireState
from hengio.model.schedule import ZONE
from hengio.service.schedules import Backfilled, Followed, Range
from hengio.wiring.desk import Desk


class Wanted(Struct, frozen=True, kw_only=True):
    """Which rows of the ledger the command line asks for."""

    job: str | None
    states: list[str]
    since: str | None
    until: str | None
    limit: int


def list_schedules(*, data_dir: Path | None, as_json: bool) -> int:
    """Every job that follows a schedule: when it fires next, and what became of the latest fire."""
    found = at_desk(lambda desk: desk.schedules.listed(), data_dir=data_dir)
    if as_json:
        print_json([document(one) for one in found])
        return 0
    rows = [
        (
            one.job.job.name,
            written(codec.decode(one.row.schedule)),
            _standing(one),
            local(one.next_fire, _zone(one)),
            "" if one.latest is None else _became(one.latest),
        )
        for one in found
    ]
    tables.show(("job", "schedule", "", "next fire", "latest"), rows, none="no job follows a schedule yet")
    for one in found:
        _warn(one)
    return 0


def show_schedule(name: str, *, data_dir: Path | None, as_json: bool) -> int:
    """One job's schedule."""
    return _show(at_desk(lambda desk: desk.schedules.show(name), data_dir=data_dir), as_json=as_json)


def pause_schedule(name: str, *, paused: bool, data_dir: Path | None, as_json: bool) -> int:
    """Let it fire, or not."""
    one = at_desk(lambda desk: desk.schedules.pause(name, paused=paused, by=person()), data_dir=data_dir)
    return _show(one, as_json=as_json)


def _show(one: Followed, *, as_json: bool) -> int:
    if as_json:
        print_json(document(one))
        return 0
    console, words = terminal(), written(codec.decode(one.row.schedule))
    console.print(f"[bold]{escape(one.job.job.name)}[/] {escape(words)} ", _standing(one), soft_wrap=True)
    if one.next_fire is not None:
        console.print(f"  next fire  {local(one.next_fire, _zone(one))}", soft_wrap=True)
    if one.latest is not None:
        when = local(one.latest.nominal_time, _zone(one))
        console.print(f"  latest     {when}  ", _became(one.latest), f"  {escape(one.latest.note)}", soft_wrap=True)
    _warn(one)
    return 0


def show_fires(wanted: Wanted, *, data_dir: Path | None, as_json: bool) -> int:
    """Rows of the fire ledger: why did it run, or not?"""
    states = _states(wanted.states)

    async def find(desk: Desk) -> tuple[list[Fire], dict[str, str], ZoneInfo]:
        stored = None if wanted.job is None else await desk.storage.jobs.get(wanted.job)
        schedule = None if stored is None else stored.job.schedule
        zone = ZoneInfo(ZONE if schedule is None else schedule.timezone)
        asked = FireFilter(
            job_id=None if stored is None else stored.id,
            states=states,
            since=None if wanted.since is None else moment(wanted.since, option="--from", zone=zone),
            until=None if wanted.until is None else moment(wanted.until, option="--to", zone=zone, end=True) + 1,
        )
        found = await desk.schedules.fires(asked, limit=wanted.limit)
        return found, await desk.storage.jobs.names([one.job_id for one in found]), zone

    found, names, zone = at_desk(find, data_dir=data_dir)
    if as_json:
        print_json([_fire(one, names.get(one.job_id, ""), zone) for one in found])
        return 0
    rows: list[list[tables.Cell]] = [
        [
            local(one.nominal_time, zone),
            *([] if wanted.job is not None else [names.get(one.job_id, "")]),
            _became(one),
            one.execution_id or "",
            one.note if one.until is None else f"{one.note}, until {local(one.until, zone)}",
        ]
        for one in found
    ]
    headings = ("nominal time", *([] if wanted.job is not None else ["job"]), "state", "execution", "note")
    tables.show(headings, rows, none="nothing is in the ledger for that")
    return 0


def backfill_schedule(
    name: str, *, since: str, until: str, limit: int, dry_run: bool, data_dir: Path | None, as_json: bool
) -> int:
    """Start what did not fire in a range."""

    async def fill(desk: Desk) -> tuple[Backfilled, ZoneInfo]:
        zone = _zone(await desk.schedules.show(name))
        first, last = moment(since, option="--from", zone=zone), moment(until, option="--to", zone=zone, end=True)
        done = await desk.schedules.backfill(name, Range(first, last), limit=limit, dry_run=dry_run, by=person())
        return done, zone

    done, zone = at_desk(fill, data_dir=data_dir)
    if as_json:
        begun = {one.nominal_time: one.id for one in done.executions}
        times = [{"nominal_time": exact(at), "execution_id": begun.get(at)} for at in done.times]
        print_json({"dry_run": dry_run, "fires": times, "more": done.more})
        return 0
    _show_backfill(done, zone, dry_run=dry_run)
    return 0


def _show_backfill(done: Backfilled, zone: ZoneInfo, *, dry_run: bool) -> None:
    console = terminal()
    begun = {one.nominal_time: one.id for one in done.executions}
    for at in done.times:
        console.print(f"{local(at, zone)}  {begun.get(at, '')}", soft_wrap=True)
    count = len(done.times)
    if dry_run:
        console.print(f"{count} would be started")
    else:
        console.print(f"{len(done.executions)} of {count} started" if count else "nothing is missing in that range")
    if done.more:
        console.print("[yellow]there are more: run it again, or with a higher --limit[/]")


def document(one: Followed) -> dict[str, Any]:
    """A schedule that is followed, as JSON shows it."""
    row = one.row
    return {
        "job": one.job.job.name,
        "job_id": row.job_id,
        "schedule": codec.decode(row.schedule),
        "enabled": row.enabled,
        "paused": row.paused,
        "finished": row.finished,
        "problem": row.problem,
        "next_fire": both(one.next_fire, _zone(one)),
        "latest": None if one.latest is None else _fire(one.latest, one.job.job.name, _zone(one)),
    }


def _fire(fire: Fire, name: str, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "job": name,
        "job_id": fire.job_id,
        "job_version": fire.job_version,
        "nominal_time": both(fire.nominal_time, zone),
        "until": both(fire.until, zone),
        "state": fire.state.value,
        "reason": fire.reason,
        "note": fire.note,
        "execution_id": fire.execution_id,
        "decided_at": exact(fire.decided_at),
    }


def _zone(one: Followed) -> ZoneInfo:
    schedule = one.job.job.schedule
    return ZoneInfo(ZONE if schedule is None else schedule.timezone)


def written(schedule: dict[str, Any]) -> str:
    """A schedule in a few words."""
    match schedule["type"]:
        case "cron":
            return f"{schedule['expression']} {schedule.get('timezone', ZONE)}"
        case "fixed_rate":
            return f"every {schedule['interval_seconds']} s"
        case "fixed_delay":
            return f"{schedule['delay_seconds']} s after each end"
        case _:
            return f"once, {schedule['execute_at']}"


def _standing(one: Followed) -> Text:
    if one.problem is not None:
        return Text("stopped", style="bold red")
    if not one.row.enabled:
        return Text("disabled", style="yellow")
    if one.row.paused:
        return Text("paused", style="yellow")
    return Text("finished", style="dim") if one.row.finished else Text("active", style="green")


def _became(fire: Fire) -> Text:
    word = fire.state.value if fire.reason is None else f"{fire.state.value}: {fire.reason}"
    return Text(word, style={"fired": "green", "skipped": "yellow", "missed": "red"}[fire.state.value])


def _warn(one: Followed) -> None:
    console = terminal()
    if one.problem is not None:
        console.print(f"  [red]{escape(one.job.job.name)}: {escape(one.problem)}[/]", soft_wrap=True)
    overdue = one.row.next_at is not None and one.row.next_at < SystemClock().now() - 60_000_000
    if overdue and one.row.active:
        console.print(said(f"  {one.job.job.name}: it is overdue; does a server run? hengio serve", "yellow"))


def _states(names: list[str]) -> tuple[FireState, ...]:
    known = {state.value for state in FireState}
    if unknown := set(names) - known:
        raise Refused(f"{', '.join(sorted(unknown))} is no state", hint=f"one of {', '.join(sorted(known))}")
    return tuple(FireState(name) for name in names)
