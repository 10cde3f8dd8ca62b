"""`hengio author …`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, Sure

app = typer.Typer(help="Keys by which authors of modules are known.", no_args_is_help=True)


@app.command("add")
def author_add(
    author: Annotated[str, typer.Argument(help="Who it is.", metavar="AUTHOR")],
    key: Annotated[Path, typer.Option(help="The public key, PEM.", metavar="FILE.pub")],
    modules: Annotated[
        list[str] | None,
        typer.Option(help="Names of modules that it may sign, * for anything in one; repeatable.", metavar="PATTERN"),
    ] = None,
    not_before: Annotated[
        str | None, typer.Option(help="When it begins to count: 2026-11-24T08:00Z; else now.", metavar="WHEN")
    ] = None,
    not_after: Annotated[str | None, typer.Option(help="When it ends to count.", metavar="WHEN")] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Register a key of an author, who may have several."""
    from hengio.cli.authors import add_key

    begins_ends = (not_before, not_after)
    raise typer.Exit(
        add_key(author, key, modules=modules or ["*"], period=begins_ends, data_dir=data_dir, as_json=json)
    )


@app.command("list")
def author_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show authors and their keys."""
    from hengio.cli.authors import list_keys

    raise typer.Exit(list_keys(data_dir=data_dir, as_json=json))


@app.command("revoke")
def author_revoke(
    author: Annotated[str, typer.Argument(help="An author, for all keys, or a key's id.", metavar="AUTHOR|KEY")],
    reason: Annotated[str, typer.Option(help="Why.", metavar="TEXT")] = "",
    data_dir: DataDir = None,
    *,
    yes: Sure = False,
    json: AsJson = False,
) -> None:
    """Revoke keys for good: nothing that they signed runs any more."""
    from hengio.cli.authors import revoke_keys

    raise typer.Exit(revoke_keys(author, reason=reason, sure=yes, data_dir=data_dir, as_json=json))
