"""`hengio schedule …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, JobName, Limit

app = typer.Typer(help="See when jobs run by themselves, and why they did not.", no_args_is_help=True)


@app.command("preview")
def schedule_preview(
    cron: Annotated[
        str | None, typer.Option(help="A cron expression, of Quartz or Unix.", metavar="EXPRESSION")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(help="A job definition, JSON or YAML, whose schedule is meant; - for standard input."),
    ] = None,
    timezone: Annotated[
        str | None, typer.Option(help="The time zone, instead of the schedule's own.", metavar="ZONE")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="From when on, now if not given; local unless it has an offset.", metavar="WHEN"),
    ] = None,
    count: Annotated[int, typer.Option("-n", min=1, max=10_000, help="How many.", metavar="N")] = 10,
    *,
    every: Annotated[bool, typer.Option("--all", help="Also the times that the schedule leaves out.")] = False,
    json: AsJson = False,
) -> None:
    """Show when a schedule fires next, in its time zone and in UTC, with holidays and changes of the clock."""
    from hengio.cli.preview import Asked, show_preview

    asked = Asked(cron=cron, file=file, timezone=timezone, start=start, count=count, every=every)
    raise typer.Exit(show_preview(asked, as_json=json))


@app.command("list")
def schedule_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show every schedule that is followed, with its next fire and what became of the latest."""
    from hengio.cli.schedules import list_schedules

    raise typer.Exit(list_schedules(data_dir=data_dir, as_json=json))


@app.command("show")
def schedule_show(job: JobName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show one job's schedule."""
    from hengio.cli.schedules import show_schedule

    raise typer.Exit(show_schedule(job, data_dir=data_dir, as_json=json))


@app.command("fires")
def schedule_fires(
    job: Annotated[str | None, typer.Argument(help="Only those of this job.", metavar="[JOB]")] = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only those: fired, skipped, missed; repeatable.", metavar="STATE")
    ] = None,
    since: Annotated[str | None, typer.Option("--from", help="Only times from then on.", metavar="WHEN")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Only times up to then.", metavar="WHEN")] = None,
    limit: Limit = 50,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Show the fire ledger: what became of each nominal time, and why."""
    from hengio.cli.schedules import Wanted, show_fires

    wanted = Wanted(job=job, states=state or [], since=since, until=until, limit=limit)
    raise typer.Exit(show_fires(wanted, data_dir=data_dir, as_json=json))


@app.command("pause")
def schedule_pause(job: JobName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let a schedule not fire; the job may still be started by hand. What is due meanwhile is skipped."""
    from hengio.cli.schedules import pause_schedule

    raise typer.Exit(pause_schedule(job, paused=True, data_dir=data_dir, as_json=json))


@app.command("resume")
def schedule_resume(job: JobName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let a schedule fire again, also one that was stopped because of a problem."""
    from hengio.cli.schedules import pause_schedule

    raise typer.Exit(pause_schedule(job, paused=False, data_dir=data_dir, as_json=json))


@app.command("backfill")
def schedule_backfill(
    job: JobName,
    since: Annotated[
        str, typer.Option("--from", help="The first nominal time, in the schedule's zone.", metavar="WHEN")
    ],
    until: Annotated[str, typer.Option("--to", help="The last nominal time.", metavar="WHEN")],
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the earliest.", metavar="N")] = 100,
    data_dir: DataDir = None,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be started.")] = False,
    json: AsJson = False,
) -> None:
    """Start an execution for each nominal time of a range that has none."""
    from hengio.cli.schedules import backfill_schedule

    done = backfill_schedule(
        job, since=since, until=until, limit=limit, dry_run=dry_run, data_dir=data_dir, as_json=json
    )
    raise typer.Exit(done)


@app.command("simulate")
def schedule_simulate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Job definitions that are not saved yet, JSON or YAML; - for standard input."),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3_660, help="How many days.", metavar="N")] = 30,
    start: Annotated[str | None, typer.Option("--from", help="From when on, now if not given.", metavar="WHEN")] = None,
    job: Annotated[list[str] | None, typer.Option(help="Only this job; repeatable.", metavar="JOB")] = None,
    duration: Annotated[
        list[str] | None,
        typer.Option(help="How long a job takes, instead of what was measured; repeatable.", metavar="JOB=SECONDS"),
    ] = None,
    fires: Annotated[
        int, typer.Option(min=0, max=10_000, help="With --json: also list the first times one by one.", metavar="N")
    ] = 0,
    timezone: Annotated[str, typer.Option(help="The time zone to show it in.", metavar="ZONE")] = "Asia/Ho_Chi_Minh",
    data_dir: DataDir = None,
    *,
    with_stored: Annotated[bool, typer.Option("--with-stored", help="The files among the stored jobs.")] = False,
    json: AsJson = False,
) -> None:
    """Show what schedules would do in a time to come: fires, skips and why, overlaps, waits, load by the hour."""
    from hengio.cli.simulate import Wanted, simulate

    wanted = Wanted(
        files=files or [],
        days=days,
        since=start,
        zone=timezone,
        jobs=job or [],
        durations=duration or [],
        listed=fires,
        with_stored=with_stored,
    )
    raise typer.Exit(simulate(wanted, data_dir=data_dir, as_json=json))
