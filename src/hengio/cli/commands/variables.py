"""`hengio variable …`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, Description, Force

app = typer.Typer(help="Values that jobs use as ${NAME}.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A variable's name.")]
OfJob = Annotated[str | None, typer.Option("--job", help="That of this job, by name or id.", metavar="JOB")]


@app.command("set")
def variable_set(
    name: Name,
    value: Annotated[
        str | None, typer.Argument(help="Its value, a text; - for standard input. Other users may see arguments.")
    ] = None,
    value_file: Annotated[
        Path | None, typer.Option("--value-file", help="Take the value from a file.", metavar="FILE")
    ] = None,
    from_env: Annotated[
        str | None, typer.Option("--from-env", help="Take it from an environment variable.", metavar="NAME")
    ] = None,
    job: OfJob = None,
    description: Description = None,
    data_dir: DataDir = None,
    *,
    sensitive: Annotated[
        bool | None,
        typer.Option("--sensitive/--open", help="Encrypt it and show it nowhere, or not; else it stays as it is."),
    ] = None,
    json_value: Annotated[bool, typer.Option("--json-value", help="The value is JSON, not a text.")] = False,
    json: AsJson = False,
) -> None:
    """Create or replace a variable; the next execution sees it."""
    from hengio.cli.variable import Given, set_variable

    given = Given(value=value, file=value_file, environment=from_env, is_json=json_value)
    raise typer.Exit(
        set_variable(
            name, given, sensitive=sensitive, job=job, description=description, data_dir=data_dir, as_json=json
        )
    )


@app.command("list")
def variable_list(job: OfJob = None, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show all variables, or those that a job's executions see."""
    from hengio.cli.variable import list_variables

    raise typer.Exit(list_variables(job=job, data_dir=data_dir, as_json=json))


@app.command("show")
def variable_show(name: Name, job: OfJob = None, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show a variable."""
    from hengio.cli.variable import show_variable

    raise typer.Exit(show_variable(name, job=job, data_dir=data_dir, as_json=json))


@app.command("delete")
def variable_delete(
    name: Name, job: OfJob = None, data_dir: DataDir = None, *, force: Force = False, json: AsJson = False
) -> None:
    """Delete a variable that no stored job refers to."""
    from hengio.cli.variable import delete_variable

    raise typer.Exit(delete_variable(name, job=job, force=force, data_dir=data_dir, as_json=json))
