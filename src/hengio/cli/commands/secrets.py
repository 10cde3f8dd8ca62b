"""`hengio secrets …`"""

from __future__ import annotations

import typer

from hengio.cli.commands.options import AsJson, DataDir

app = typer.Typer(help="The keys that sensitive values are encrypted with.", no_args_is_help=True)


@app.command("status")
def secrets_status(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show which keys are in use, and for how many values each."""
    from hengio.cli.secrets import show_status

    raise typer.Exit(show_status(data_dir=data_dir, as_json=json))


@app.command("rotate")
def secrets_rotate(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Encrypt everything under a new key, and drop the old one."""
    from hengio.cli.secrets import rotate_keys

    raise typer.Exit(rotate_keys(data_dir=data_dir, as_json=json))
