"""`hengio audit …`"""

from __future__ import annotations

from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir

app = typer.Typer(help="Look up what was decided.", no_args_is_help=True)


@app.command("list")
def audit_list(
    action: Annotated[str | None, typer.Option(help="Only this kind of decision.", metavar="ACTION")] = None,
    execution: Annotated[str | None, typer.Option(help="Only those of this execution.", metavar="ID")] = None,
    since: Annotated[str | None, typer.Option(help="Only those made then or later.", metavar="WHEN")] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.", metavar="N")] = 50,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Show what was denied, granted and found altered."""
    from hengio.cli.audit import show_audit

    show = show_audit(action=action, execution=execution, since=since, limit=limit, data_dir=data_dir, as_json=json)
    raise typer.Exit(show)


@app.command("verify")
def audit_verify(
    after: Annotated[int, typer.Option(min=0, help="Begin behind the entry of that number.", metavar="N")] = 0,
    expect: Annotated[
        str | None, typer.Option(help="An entry that must be part of it, as you kept it.", metavar="N:HASH")
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Check that no entry was altered, removed or added behind the log's back."""
    from hengio.cli.audit import verify_audit

    raise typer.Exit(verify_audit(after=after, expect=expect, data_dir=data_dir, as_json=json))
