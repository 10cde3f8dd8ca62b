"""`hengio token …`."""

from __future__ import annotations

from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir

app = typer.Typer(help="What programs log in with.", no_args_is_help=True)


@app.command("list")
def token_list(
    user: Annotated[str | None, typer.Option(help="Only those of this user.", metavar="USER")] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Show tokens by what they begin with, and when they were used last."""
    from hengio.cli.token import list_tokens

    raise typer.Exit(list_tokens(user, data_dir=data_dir, as_json=json))


@app.command("create")
def token_create(
    user: Annotated[str, typer.Argument(help="Whose it is, by name or id.", metavar="USER")],
    name: Annotated[str, typer.Option(help="What it is for.", metavar="NAME")],
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="A permission it gives; repeatable.", metavar="PERMISSION")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long it counts.", metavar="N")] = 90,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Make a token for a program, and show it once."""
    from hengio.cli.token import create_token

    raise typer.Exit(create_token(user, name, scopes=scope or [], days=days, data_dir=data_dir, as_json=json))


@app.command("revoke")
def token_revoke(
    token: Annotated[str, typer.Argument(help="Its id.", metavar="TOKEN")],
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """End a token at once."""
    from hengio.cli.token import revoke_token

    raise typer.Exit(revoke_token(token, data_dir=data_dir, as_json=json))
