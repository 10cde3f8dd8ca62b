"""`hengio webhook …`."""

from __future__ import annotations

from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, JobName, Sure

app = typer.Typer(help="The URLs by which others start jobs.", no_args_is_help=True)


@app.command("list")
def webhook_list(data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show the jobs that have a URL or a webhook."""
    from hengio.cli.webhook import list_webhooks

    raise typer.Exit(list_webhooks(data_dir=data_dir, as_json=json))


@app.command("show")
def webhook_show(
    job: JobName,
    data_dir: DataDir = None,
    *,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show the secret, too.")] = False,
    json: AsJson = False,
) -> None:
    """Show a job's URL, and how it is called."""
    from hengio.cli.webhook import show_webhook

    raise typer.Exit(show_webhook(job, reveal=reveal, data_dir=data_dir, as_json=json))


@app.command("regenerate")
def webhook_regenerate(
    job: JobName,
    data_dir: DataDir = None,
    *,
    secret: Annotated[bool, typer.Option("--secret", help="Make another secret, too.")] = False,
    yes: Sure = False,
    json: AsJson = False,
) -> None:
    """Give a job another URL; the one it has ends at once."""
    from hengio.cli.webhook import regenerate_webhook

    raise typer.Exit(regenerate_webhook(job, secret=secret, sure=yes, data_dir=data_dir, as_json=json))
