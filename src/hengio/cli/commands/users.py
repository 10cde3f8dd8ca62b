"""`hengio user …`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, Sure

app = typer.Typer(help="Who may log in, and what they may.", no_args_is_help=True)

UserName = Annotated[str, typer.Argument(help="A user, by name or id.", metavar="USER")]
Roles = Annotated[list[str] | None, typer.Option("--role", help="A role of theirs; repeatable.", metavar="ROLE")]
PasswordFile = Annotated[
    Path | None, typer.Option("--password-file", help="Read it there; - for standard input.", metavar="FILE")
]
FromEnv = Annotated[
    str | None, typer.Option("--from-env", help="Take it from this environment variable.", metavar="NAME")
]
Random = Annotated[bool, typer.Option("--random", help="Make one, and show it once.")]


@app.command("list")
def user_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show who there is."""
    from hengio.cli.user import list_users

    raise typer.Exit(list_users(data_dir=data_dir, as_json=json))


@app.command("create")
def user_create(
    name: Annotated[str, typer.Argument(help="What they log in with.", metavar="NAME")],
    role: Roles = None,
    password_file: PasswordFile = None,
    from_env: FromEnv = None,
    data_dir: DataDir = None,
    *,
    random: Random = False,
    json: AsJson = False,
) -> None:
    """Let somebody log in; without --role as a Regular User."""
    from hengio.cli.user import Wanted, create_user

    wanted = Wanted(password_file, from_env, random)
    raise typer.Exit(create_user(name, wanted, roles=role, data_dir=data_dir, as_json=json))


@app.command("disable")
def user_disable(user: UserName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Keep somebody out, from this moment on."""
    from hengio.cli.user import enable_user

    raise typer.Exit(enable_user(user, enabled=False, data_dir=data_dir, as_json=json))


@app.command("enable")
def user_enable(user: UserName, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let somebody in again."""
    from hengio.cli.user import enable_user

    raise typer.Exit(enable_user(user, enabled=True, data_dir=data_dir, as_json=json))


@app.command("password")
def user_password(
    user: UserName,
    password_file: PasswordFile = None,
    from_env: FromEnv = None,
    data_dir: DataDir = None,
    *,
    random: Random = False,
    json: AsJson = False,
) -> None:
    """Set another password, and end their logins."""
    from hengio.cli.user import Wanted, set_password

    wanted = Wanted(password_file, from_env, random)
    raise typer.Exit(set_password(user, wanted, data_dir=data_dir, as_json=json))


@app.command("roles")
def user_roles(
    user: UserName,
    role: Roles = None,
    data_dir: DataDir = None,
    *,
    none: Annotated[bool, typer.Option("--none", help="Take all roles away.")] = False,
    json: AsJson = False,
) -> None:
    """Show their roles, or give them others instead, which ends their logins."""
    from hengio.cli.user import assign_roles

    raise typer.Exit(assign_roles(user, given=role, none=none, data_dir=data_dir, as_json=json))


@app.command("delete")
def user_delete(user: UserName, data_dir: DataDir = None, *, yes: Sure = False, json: AsJson = False) -> None:
    """Remove somebody for good; nobody else gets their name."""
    from hengio.cli.user import delete_user

    raise typer.Exit(delete_user(user, sure=yes, data_dir=data_dir, as_json=json))
