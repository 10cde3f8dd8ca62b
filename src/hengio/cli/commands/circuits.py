"""`hengio circuit …`."""

from __future__ import annotations

import typer

from hengio.cli.commands.options import AsJson, DataDir

app = typer.Typer(help="Look at targets that are left alone for now.", no_args_is_help=True)


@app.command("list")
def circuit_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show the circuits that are open, of every worker: which target, since when and why."""
    from hengio.cli.circuits import list_circuits

    raise typer.Exit(list_circuits(data_dir=data_dir, as_json=json))
