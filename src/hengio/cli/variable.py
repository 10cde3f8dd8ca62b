"""`hengio variable`: values that jobs use by name, kept in the database, also beside a running server."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from getpass import getpass
from pathlib import Path
from typing import Any

from hengio import codec, log, settings
from hengio.cli.inputs import STDIN, read_bytes
from hengio.cli.person import person
from hengio.cli.present import escape, print_json, terminal
from hengio.clock import to_iso
from hengio.codec import Json
from hengio.errors import NotFound, Refused
from hengio.model.variable import MOST_BYTES, Variable
from hengio.redaction.mask import HIDDEN
from hengio.wiring import process
from hengio.wiring.vault import Vault, vault


@dataclass(frozen=True, slots=True)
class Given:
    """Where a value comes from; with none of it, somebody is asked. Never printed."""

    value: str | None
    file: Path | None
    environment: str | None
    is_json: bool

    def read(self, *, ask: str) -> Json:
        """The value. `Refused` for several sources, for text that is not UTF-8, and for JSON that is none."""
        text = text_of(self.value, self.file, self.environment, ask=ask)
        if not self.is_json:
            return text
        try:
            return codec.decode(text.encode())
        except codec.InvalidJson as error:  # its text may quote the value
            raise Refused("the value is not JSON", hint=f"stopped at byte {error.offset}") from None


def text_of(value: str | None, file: Path | None, environment: str | None, *, ask: str) -> str:
    """A text from an argument, a file or an environment variable, else from who is asked. One line's end is cut off."""
    if sum(source is not None for source in (value, file, environment)) > 1:
        raise Refused("the value is given more than once", hint="as an argument, from a file or from the environment")
    if environment is not None:
        if environment not in os.environ:
            raise NotFound(f"there is no environment variable {environment}")
        return os.environ[environment]
    if file is not None or value == str(STDIN):
        data = read_bytes(file or STDIN, what="value", most=MOST_BYTES)
        try:
            return data.decode().removesuffix("\n").removesuffix("\r")
        except UnicodeDecodeError:
            raise Refused("the value is not UTF-8") from None
    if value is not None:
        return value
    if not ask or not sys.stdin.isatty():
        raise Refused("there is no value", hint="give it with --value-file, --from-env, or - for standard input")
    return getpass(ask)


def set_variable(
    name: str,
    given: Given,
    *,
    sensitive: bool | None,
    job: str | None,
    description: str | None,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Create or replace it."""
    log.configure(level="warning", style="text")
    value = given.read(ask=f"value of {name}: " if sensitive else "")

    async def change() -> dict[str, Any]:
        async with vault(settings.load(data_dir=data_dir), make=True) as opened:
            done = await opened.variables.set(
                name, value, actor=person(), sensitive=sensitive, job=job, description=description
            )
            return await _document(opened, done)

    told = process.run(change())
    if as_json:
        print_json(told)
    else:
        _say(f"{escape(name)} is set{' and encrypted' if told['sensitive'] else ''}; the next execution sees it")
    return 0


def list_variables(*, job: str | None, data_dir: Path | None, as_json: bool) -> int:
    """All of them, sensitive ones as stars."""
    log.configure(level="warning", style="text")

    async def find() -> list[dict[str, Any]]:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            names = await opened.variables.job_names()
            return [document(one, names) for one in await opened.variables.all(job=job)]

    found = process.run(find())
    if as_json:
        print_json(found)
    else:
        for one in found:
            _show(one)
        if not found:
            _say("there are no variables")
    return 0


def show_variable(name: str, *, job: str | None, data_dir: Path | None, as_json: bool) -> int:
    """One of them."""
    log.configure(level="warning", style="text")

    async def find() -> dict[str, Any]:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            return await _document(opened, await opened.variables.find(name, job=job))

    found = process.run(find())
    if as_json:
        print_json(found)
    else:
        _show(found)
        if found["description"]:
            _say(f"  {escape(found['description'])}")
        _say(f"  [dim]set {found['updated_at']} by {escape(found['updated_by'])}[/]")
    return 0


def delete_variable(name: str, *, job: str | None, force: bool, data_dir: Path | None, as_json: bool) -> int:
    """Delete it."""
    log.configure(level="warning", style="text")

    async def change() -> None:
        async with vault(settings.load(data_dir=data_dir)) as opened:
            await opened.variables.delete(name, actor=person(), job=job, force=force)

    process.run(change())
    if as_json:
        print_json({"deleted": name})
    else:
        _say(f"{escape(name)} is deleted")
    return 0


def document(variable: Variable, jobs: dict[str, str]) -> dict[str, Any]:
    """A variable for programs; a sensitive one's value is stars."""
    told = {
        "name": variable.name,
        "job": None if variable.job_id is None else jobs.get(variable.job_id, variable.job_id),
        "value": HIDDEN if variable.sensitive else variable.value,
        "sensitive": variable.sensitive,
        "description": variable.description,
        "updated_at": to_iso(variable.updated_at),
        "updated_by": variable.updated_by,
    }
    return {**told, "locked": variable.locked} if variable.locked else told


async def _document(opened: Vault, variable: Variable) -> dict[str, Any]:
    return document(variable, await opened.variables.job_names())


def _show(told: dict[str, Any]) -> None:
    value = told["value"] if isinstance(told["value"], str) else codec.encode(told["value"]).decode()
    of_job = f"  [dim]of job {escape(told['job'])}[/]" if told["job"] else ""
    _say(f"[bold]{escape(told['name'])}[/] = {escape(value)}{of_job}")
    if "locked" in told:
        _say(f"  [yellow]{escape(told['locked'])}[/]")


def _say(text: str) -> None:
    terminal().print(text, soft_wrap=True)
