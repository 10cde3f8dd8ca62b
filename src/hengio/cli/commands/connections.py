"""`hengio connection …`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, Description, Force

app = typer.Typer(help="Databases, SFTP and HTTP servers that jobs use by name.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A connection's name.")]


@app.command("set")
def connection_set(
    name: Name,
    url: Annotated[
        str | None, typer.Argument(help="Its URL; - for standard input. Other users may see arguments.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A JSON object with a `type`; - for standard input.", metavar="FILE")
    ] = None,
    from_env: Annotated[
        str | None, typer.Option("--from-env", help="Take the URL from an environment variable.", metavar="NAME")
    ] = None,
    description: Description = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Create or replace a connection; all of it is encrypted."""
    from hengio.cli.connection import Given, set_connection

    given = Given(url=url, file=file, environment=from_env)
    raise typer.Exit(set_connection(name, given, description=description, data_dir=data_dir, as_json=json))


@app.command("list")
def connection_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show all connections, and those of the settings."""
    from hengio.cli.connection import list_connections

    raise typer.Exit(list_connections(data_dir=data_dir, as_json=json))


@app.command("show")
def connection_show(name: Name, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show a connection without its secrets."""
    from hengio.cli.connection import show_connection

    raise typer.Exit(show_connection(name, data_dir=data_dir, as_json=json))


@app.command("delete")
def connection_delete(name: Name, data_dir: DataDir = None, *, force: Force = False, json: AsJson = False) -> None:
    """Delete a connection that no stored job or grant names."""
    from hengio.cli.connection import delete_connection

    raise typer.Exit(delete_connection(name, force=force, data_dir=data_dir, as_json=json))


@app.command("test")
def connection_test(
    name: Name,
    timeout: Annotated[float, typer.Option(min=0.1, max=300, help="Seconds to wait.", metavar="S")] = 10.0,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Connect, and say how it went."""
    from hengio.cli.connection import test_connection

    raise typer.Exit(test_connection(name, timeout_seconds=timeout, data_dir=data_dir, as_json=json))
