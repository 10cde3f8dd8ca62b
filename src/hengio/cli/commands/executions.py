"""`hengio execution …`."""

from __future__ import annotations

from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, ExecutionId, ExecutionIds, Limit, OfJob, Since, Until

app = typer.Typer(help="Look at executions and cancel them.", no_args_is_help=True)


@app.command("list")
def execution_list(
    job: OfJob = None,
    state: Annotated[
        list[str] | None, typer.Option(help="Only those in this state; repeatable.", metavar="STATE")
    ] = None,
    since: Since = None,
    until: Until = None,
    before: Annotated[
        str | None, typer.Option(help="Those that follow this one: the next page.", metavar="EXECUTION")
    ] = None,
    limit: Limit = 50,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Show executions, the newest first."""
    from hengio.cli.executions import Wanted, list_executions

    wanted = Wanted(job=job, states=state or [], since=since, until=until, before=before, limit=limit)
    raise typer.Exit(list_executions(wanted, data_dir=data_dir, as_json=json))


@app.command("show")
def execution_show(
    execution: ExecutionId,
    data_dir: DataDir = None,
    *,
    full: Annotated[bool, typer.Option("--full", help="Print whole outputs, not what they are like.")] = False,
    json: AsJson = False,
) -> None:
    """Show an execution: its steps, their outputs, why it failed, where it stands."""
    from hengio.cli.executions import show_execution

    raise typer.Exit(show_execution(execution, full=full, data_dir=data_dir, as_json=json))


@app.command("logs")
def execution_logs(
    execution: ExecutionId,
    data_dir: DataDir = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the execution is over.")] = False,
    json: AsJson = False,
) -> None:
    """Show what its steps did and what modules logged. With --follow and --json: one JSON object a line."""
    from hengio.cli.executions import show_logs

    raise typer.Exit(show_logs(execution, follow=follow, data_dir=data_dir, as_json=json))


@app.command("cancel")
def execution_cancel(executions: ExecutionIds = None, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Cancel executions: what waits at once, what runs within about a second."""
    from hengio.cli.executions import cancel_executions

    raise typer.Exit(cancel_executions(executions or [], data_dir=data_dir, as_json=json))
