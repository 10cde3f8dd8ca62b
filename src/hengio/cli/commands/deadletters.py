"""`hengio deadletter …`."""

from __future__ import annotations

from typing import Annotated

import typer

from hengio.cli.commands.options import (
    AsJson,
    DataDir,
    ExecutionId,
    ExecutionIds,
    FromStep,
    InputFile,
    Latest,
    Limit,
    OfJob,
    Sure,
    Whole,
)

app = typer.Typer(help="See to executions that used up their retries.", no_args_is_help=True)
All = Annotated[bool, typer.Option("--all", help="All of them, or all of --job.")]


@app.command("list")
def deadletter_list(job: OfJob = None, limit: Limit = 50, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show dead letters that nobody has seen to, the newest first."""
    from hengio.cli.deadletters import list_dead_letters

    raise typer.Exit(list_dead_letters(job=job, limit=limit, data_dir=data_dir, as_json=json))


@app.command("show")
def deadletter_show(execution: ExecutionId, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show a dead letter: its input, its steps, the error, and how to go on."""
    from hengio.cli.deadletters import show_dead_letter

    raise typer.Exit(show_dead_letter(execution, data_dir=data_dir, as_json=json))


@app.command("redrive")
def deadletter_redrive(
    executions: ExecutionIds = None,
    job: OfJob = None,
    from_step: FromStep = None,
    input_file: InputFile = None,
    data_dir: DataDir = None,
    *,
    all_: All = False,
    whole: Whole = False,
    latest: Latest = False,
    json: AsJson = False,
) -> None:
    """Run dead letters again, from the step that failed, keeping what was done before it."""
    from hengio.cli.again import again
    from hengio.cli.deadletters import redrive

    how = again(from_step=from_step, input_file=input_file, whole=whole, latest=latest)
    raise typer.Exit(redrive(executions or [], how, job=job, every=all_, data_dir=data_dir, as_json=json))


@app.command("discard")
def deadletter_discard(
    executions: ExecutionIds = None,
    job: OfJob = None,
    data_dir: DataDir = None,
    *,
    all_: All = False,
    yes: Sure = False,
    json: AsJson = False,
) -> None:
    """Give dead letters up: they are cancelled."""
    from hengio.cli.deadletters import discard

    raise typer.Exit(discard(executions or [], job=job, every=all_, sure=yes, data_dir=data_dir, as_json=json))
