"""`hengio module …`, as far as it is about modules that are registered or to be."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from hengio.cli.commands.options import AsJson, DataDir, Force, Sure

app = typer.Typer(help="Keep, sign and try WebAssembly modules.", no_args_is_help=True)
Registered = Annotated[
    str, typer.Argument(help="A registered module: NAME, NAME@VERSION, NAME@stable or its id.", metavar="MODULE")
]
Exactly = Annotated[str, typer.Argument(help="One version: NAME@VERSION or its id.", metavar="NAME@VERSION")]
Name = Annotated[str, typer.Argument(help="A module's name.", metavar="NAME")]
Binary = Annotated[Path, typer.Argument(help="A WebAssembly binary.", metavar="FILE.wasm")]
Note = Annotated[str, typer.Option(help="Why, for the history.", metavar="TEXT")]


class ChannelWord(StrEnum):
    """The channels there are."""

    STABLE = "stable"
    CANARY = "canary"


@app.command("list")
def module_list(
    search: Annotated[str, typer.Option(help="Only those with this in their name.", metavar="TEXT")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.", metavar="N")] = 100,
    after: Annotated[
        str | None, typer.Option(help="Only those that follow the one with this id.", metavar="ID")
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Show registered modules, by name, the newest version of each first."""
    from hengio.cli.modules import list_modules

    raise typer.Exit(list_modules(search=search, limit=limit, after=after, data_dir=data_dir, as_json=json))


@app.command("show")
def module_show(module: Registered, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Show what a module is, may do, asks for, who signed it, where it is used and how its calls went."""
    from hengio.cli.modules import show_module

    raise typer.Exit(show_module(module, data_dir=data_dir, as_json=json))


@app.command("download")
def module_download(
    module: Registered,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; else NAME-VERSION.wasm.", metavar="FILE")
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Write a module's binary to a file, if it is the one that was registered."""
    from hengio.cli.modules import download_module

    raise typer.Exit(download_module(module, to=output, data_dir=data_dir, as_json=json))


@app.command("enable")
def module_enable(module: Exactly, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let a version run again."""
    from hengio.cli.modules import enable_module

    raise typer.Exit(enable_module(module, enabled=True, data_dir=data_dir, as_json=json))


@app.command("disable")
def module_disable(module: Exactly, data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Let a version run no more: steps that want it are refused."""
    from hengio.cli.modules import enable_module

    raise typer.Exit(enable_module(module, enabled=False, data_dir=data_dir, as_json=json))


@app.command("delete")
def module_delete(
    module: Exactly, data_dir: DataDir = None, *, force: Force = False, yes: Sure = False, json: AsJson = False
) -> None:
    """Delete a version that no stored job and no channel leads to."""
    from hengio.cli.modules import delete_module

    raise typer.Exit(delete_module(module, force=force, sure=yes, data_dir=data_dir, as_json=json))


@app.command("channel")
def module_channel(
    name: Name,
    channel: Annotated[ChannelWord | None, typer.Argument(help="The channel to set.")] = None,
    version: Annotated[str | None, typer.Argument(help="The version that it leads to.", metavar="VERSION")] = None,
    percent: Annotated[
        float | None, typer.Option(min=0, max=100, help="What a canary takes of those on stable.", metavar="P")
    ] = None,
    note: Note = "",
    data_dir: DataDir = None,
    *,
    end: Annotated[bool, typer.Option("--end", help="Take the canary away.")] = False,
    json: AsJson = False,
) -> None:
    """Show a module's channels with their history, or set one."""
    from hengio.cli.channels import Wanted, change_channel, show_channels

    if channel is None:
        raise typer.Exit(show_channels(name, data_dir=data_dir, as_json=json))
    wanted = Wanted(channel=channel.value, version=version, percent=percent, note=note, end=end)
    raise typer.Exit(change_channel(name, wanted, data_dir=data_dir, as_json=json))


@app.command("promote")
def module_promote(name: Name, note: Note = "", data_dir: DataDir = None, *, json: AsJson = False) -> None:
    """Make the canary what stable is."""
    from hengio.cli.channels import promote_canary

    raise typer.Exit(promote_canary(name, note=note, data_dir=data_dir, as_json=json))


@app.command("rollback")
def module_rollback(
    name: Name,
    channel: Annotated[ChannelWord, typer.Option(help="The channel to roll back.")] = ChannelWord.STABLE,
    note: Note = "",
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Lead a channel to where it led before."""
    from hengio.cli.channels import roll_back

    raise typer.Exit(roll_back(name, channel.value, note=note, data_dir=data_dir, as_json=json))


@app.command("export")
def module_export(
    module: Registered,
    to: Annotated[Path, typer.Argument(help="A new folder, or an archive if it ends with .tar.", metavar="TO")],
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Write a module as an OCI image, with its signature and what it asks for."""
    from hengio.cli.images import export_image

    raise typer.Exit(export_image(module, to=to, data_dir=data_dir, as_json=json))


@app.command("import")
def module_import(
    source: Annotated[Path, typer.Argument(help="A folder or a tar archive with an OCI image.", metavar="FROM")],
    as_: Annotated[
        str, typer.Option("--as", help="What it is registered as, if not as itself.", metavar="NAME@VERSION")
    ] = "",
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Register a module from an OCI image."""
    from hengio.cli.images import import_image

    raise typer.Exit(import_image(source, reference=as_, data_dir=data_dir, as_json=json))


@app.command("keygen")
def module_keygen(
    file: Annotated[Path, typer.Argument(help="Where to write them: FILE.key and FILE.pub.", metavar="FILE")],
    *,
    json: AsJson = False,
) -> None:
    """Make a pair of keys for signing modules."""
    from hengio.cli.signing import make_keys

    raise typer.Exit(make_keys(file, as_json=json))


@app.command("sign")
def module_sign(
    file: Binary,
    name: Annotated[str, typer.Argument(help="What it is signed as.", metavar="NAME@VERSION")],
    key: Annotated[Path, typer.Option(help="The private key, PEM.", metavar="FILE.key")],
    permission: Annotated[
        list[str] | None,
        typer.Option(help="What the module asks for; repeatable.", metavar="'PERMISSION RESOURCE'"),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Else FILE.wasm.signature.json.", metavar="FILE")
    ] = None,
    *,
    json: AsJson = False,
) -> None:
    """Sign a module: its bytes, name, version and the permissions that it asks for."""
    from hengio.cli.signing import sign_file

    raise typer.Exit(sign_file(file, name, key=key, asked=permission or [], to=output, as_json=json))


@app.command("verify")
def module_verify(
    file: Binary,
    signature: Annotated[Path, typer.Argument(help="A signature file.", metavar="SIGNATURE")],
    key: Annotated[
        Path | None,
        typer.Option(help="The author's public key, PEM; else the keys that are registered.", metavar="FILE.pub"),
    ] = None,
    data_dir: DataDir = None,
    *,
    json: AsJson = False,
) -> None:
    """Check a signature: is it of this binary, and by whom?"""
    from hengio.cli.signing import verify_file

    raise typer.Exit(verify_file(file, signature, key=key, data_dir=data_dir, as_json=json))
