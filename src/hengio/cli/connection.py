"""`hengio connection`: databases and servers that jobs use by name, kept encrypted, also beside a running server."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from hengio import codec, log, settings
from hengio.cli.inputs import read_json
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.cli.summary import FAILED_EXIT
from hengio.cli.variable import text_of
from hengio.clock import to_iso
from hengio.codec import Json
from hengio.errors import HengioError, Refused
from hengio.model.connection import Connection
from hengio.redaction import parts
from hengio.service.connections import short_secrets
from hengio.storage.vault import ConnectionRow
from hengio.wiring import process
from hengio.wiring.reaching import reach
from hengio.wiring.vault import Vault, given_connections, vault


@dataclass(frozen=True, slots=True)
class Given:
    """Where a connection comes from: a URL, an object in a file, or a URL in an environment variable."""

    url: str | None
    file: Path | None
    environment: str | None

    def read(self) -> Json:
        """A URL or an object; a text that begins with `{` is one. `Refused` for several sources or none."""
        if self.file is None:
            text = text_of(self.url, None, self.environment, ask="URL: ")
            return _object(text) if text.lstrip().startswith("{") else text
        if self.url is not None or self.environment is not None:
            raise Refused("the connection is given more than once", hint="as a URL or with --file")
        return read_json(self.file, what="connection")


def _object(text: str) -> Json:
    try:
        return codec.decode(text.encode())
    except (codec.InvalidJson, UnicodeError):  # their texts may quote a password
        raise Refused("the connection begins like a JSON object and is none") from None


def set_connection(name: str, given: Given, *, description: str | None, data_dir: Path | None, as_json: bool) -> int:
    """Create or replace it."""
    log.configure(level="warning", style="text")
    value = given.read()

    async def change() -> Connection:
        async with vault(settings.load(data_dir=data_dir), make=True) as opened:
            return await opened.connections.set(name, value, actor=person(), description=description)

    done = process.run(change())
    warning = "a secret of fewer than four bytes cannot be masked in outputs" if short_secrets(done) else None
    if as_json:
        print_json({**_document(done), **({"warning": warning} if warning else {})})
    else:
        _say(f"{escape(name)} is set and encrypted: {done.type}")
        if warning:
            _say(f"  [yellow]{warning}[/]")
    return 0


def list_connections(*, data_dir: Path | None, as_json: bool) -> int:
    """Names and types; those of the settings, too, unless one of that name is stored."""
    log.configure(level="warning", style="text")
    chosen = settings.load(data_dir=data_dir)

    async def find() -> list[ConnectionRow]:
        async with vault(chosen) as opened:
            return await opened.connections.all()

    stored = {row.name: _listed(row) for row in process.run(find())}
    given = {
        name: {"name": name, "type": one.type, "source": "settings"} for name, one in given_connections(chosen).items()
    }
    found = [one for _, one in sorted({**given, **stored}.items())]
    if as_json:
        print_json(found)
        return 0
    for one in found:
        from_ = "  [dim]from the settings[/]" if one["source"] == "settings" else ""
        _say(f"[bold]{escape(one['name'])}[/] {one['type']}{from_}")
    if not found:
        _say("there are no connections")
    return 0


def show_connection(name: str, *, data_dir: Path | None, as_json: bool) -> int:
    """One of them, secrets as stars."""
    log.configure(level="warning", style="text")
    found = process.run(_find(name, data_dir))
    if as_json:
        print_json(_document(found))
    else:
        _say(f"[bold]{escape(name)}[/] {escape(codec.encode(parts.shown(found.document)).decode())}")
        if found.description:
            _say(f"  {escape(found.description)}")
    return 0


def delete_connection(name: str, *, force: bool, data_dir: Path | None, as_json: bool) -> int:
    """Delete it."""
    log.configure(level="warning", style="text")

    async def change() -> None:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            await opened.connections.delete(name, actor=person(), force=force)

    process.run(change())
    if as_json:
        print_json({"deleted": name})
    else:
        _say(f"{escape(name)} is deleted")
    return 0


def test_connection(name: str, *, timeout_seconds: float, data_dir: Path | None, as_json: bool) -> int:
    """Connect. 0 only if it could be reached."""
    log.configure(level="error", style="text")  # what it warns of is in the answer
    chosen = settings.load(data_dir=data_dir)

    async def attempt() -> dict[str, Any]:
        connection = await _find(name, data_dir)
        try:
            said = await reach(chosen, connection, timeout_seconds=timeout_seconds)
        except HengioError as error:
            return {"reached": False, "code": error.code, "message": error.message, "hint": error.hint}
        return {"reached": True, **msgspec.to_builtins(said)}

    told = {"name": name, **process.run(attempt())}
    if as_json:
        print_json(told)
    else:
        style = "green" if told["reached"] else "red"
        _say(f"[{style}]{escape(name)}[/]: {escape(told['message'])}")
        if told.get("hint"):
            _say(f"  [dim]{escape(told['hint'])}[/]")
    return 0 if told["reached"] else FAILED_EXIT


async def _find(name: str, data_dir: Path | None) -> Connection:
    """The stored one, else that of the settings."""
    chosen = settings.load(data_dir=data_dir)
    given = given_connections(chosen).get(name)
    async with vault(chosen, make=given is not None) as opened:
        if given is not None and not await _is_stored(opened, name):
            return given
        return await opened.connections.find(name)


async def _is_stored(opened: Vault, name: str) -> bool:
    return name in {row.name for row in await opened.connections.all()}


def _listed(row: ConnectionRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "type": row.type,
        "source": "database",
        "description": row.description,
        "updated_at": to_iso(row.updated_at),
        "updated_by": row.updated_by,
    }


def _document(connection: Connection) -> dict[str, Any]:
    return {
        "name": connection.name,
        "type": connection.type,
        "connection": parts.shown(connection.document),
        "description": connection.description,
        "updated_at": to_iso(connection.updated_at) if connection.updated_at else None,
        "updated_by": connection.updated_by or None,
    }


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
