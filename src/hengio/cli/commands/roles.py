"""`hengio role …`."""

from __future__ import annotations

from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, Sure

app = typer.Typer(help="Names for permissions.", no_args_is_help=True)

RoleName = Annotated[str, typer.Argument(help="The role's name.", metavar="ROLE")]


@app.command("list")
def role_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show the roles and what they give."""
    from hengio.cli.role import list_roles

    raise typer.Exit(list_roles(data_dir=data_dir, as_json=json))


@app.command("create")
def role_create(
    role: RoleName,
    permission: Annotated[
        list[str] | None, typer.Option("--permission", help="What it gives; repeatable.", metavar="PERMISSION")
    ] = None,
    description: Annotated[str, typer.Option(help="What it is for.", metavar="TEXT")] = "",
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Create a role, or replace what it gives; who has it may that from their next request on."""
    from hengio.cli.role import create_role

    created = create_role(role, permission or [], description=description, data_dir=data_dir, as_json=json)
    raise typer.Exit(created)


@app.command("delete")
def role_delete(role: RoleName, data_dir: DataDir = None, *, yes: Sure = False, json: AsJson = False) -> None:
    """Take a role away from everybody who has it."""
    from hengio.cli.role import delete_role

    raise typer.Exit(delete_role(role, sure=yes, data_dir=data_dir, as_json=json))
