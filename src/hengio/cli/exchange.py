"""`hengio job export|import` (H7)."""

from __future__ import annotations

import getpass
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from hengio import __version__, codec
from hengio.cli.inputs import STDIN, read_bytes, read_json
from hengio.cli.jobs import at_desk
from hengio.cli.person import person
from hengio.cli.present import escape, plain, print_json, terminal
from hengio.codec import Json
from hengio.definition import confidential
from hengio.errors import HengioError, Problem, Refused, Unavailable
from hengio.service.exchange import (
    MOST_BYTES,
    Clash,
    Exchange,
    Item,
    asked_by,
    definition_of,
    name_of,
    read_all,
    zipped,
)
from hengio.wiring.desk import Desk

REFUSED_EXIT = 10


def export_jobs(names: list[str], *, output: Path | None, data_dir: Path | None, as_json: bool) -> int:
    """Write jobs to a file (a ZIP if it is called so) or to standard output."""

    async def export(desk: Desk) -> list[tuple[str, Json]]:
        return await Exchange(jobs=desk.jobs, version=__version__).export(names, by=person())

    exports = at_desk(export, data_dir=data_dir)
    whole = [document for _, document in exports]
    document = whole[0] if len(names) == 1 else whole
    if output is None or output == STDIN:
        print_json(document)
        return 0
    text = msgspec.json.format(codec.encode(document), indent=2) + b"\n"
    try:
        output.write_bytes(zipped(exports) if output.suffix.lower() == ".zip" else text)
    except OSError as error:
        raise Unavailable(f"{output} cannot be written: {error.strerror}") from error
    if as_json:
        print_json({"jobs": [name for name, _ in exports], "file": str(output)})
    else:
        terminal().print(f"{_counted(len(exports))} in [bold]{escape(str(output))}[/]", soft_wrap=True)
    return 0


def import_jobs(
    files: list[Path],
    *,
    secrets: list[str],
    secrets_file: Path | None,
    clash: Clash,
    data_dir: Path | None,
    as_json: bool,
) -> int:
    """Import every definition of the files; exits with 10 if one was refused."""
    found, broken = _found(files)
    given = _given(secrets, secrets_file)
    if not as_json and sys.stdin.isatty():
        given |= _asked(found, given)

    async def bring(desk: Desk) -> list[Item]:
        exchange = Exchange(jobs=desk.jobs, version=__version__)
        return await exchange.bring(found, secrets=given, clash=clash, by=person())

    items = [*broken, *at_desk(bring, data_dir=data_dir, create=True)]
    if as_json:
        print_json([_document(item) for item in items])
    else:
        _show(items)
    return REFUSED_EXIT if any(item.outcome == "refused" for item in items) else 0


def _found(files: list[Path]) -> tuple[list[tuple[str, Json]], list[Item]]:
    """The definitions in the files, and the files that are none: one of several does not keep the others out."""
    found: list[tuple[str, Json]] = []
    broken: list[Item] = []
    for file in files:
        try:
            found += read_all(read_bytes(file, what="file", most=MOST_BYTES), source=file.name)
        except HengioError as error:
            if len(files) == 1:
                raise
            problems = error.problems or (Problem("$", error.message, error.hint),)
            broken.append(Item(source=file.name, name="", outcome="refused", problems=problems))
    return found, broken


def _counted(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _given(secrets: list[str], file: Path | None) -> dict[str, str]:
    given = {} if file is None else read_json(file, what="file of secrets")
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Refused("the file of secrets is not an object of texts")
    for text in secrets:
        path, found, value = text.partition("=")
        if not found:
            raise Refused("--secret is not of the form PATH=VALUE")
        given[path] = value
    return dict(given)


def _asked(found: list[tuple[str, Json]], given: dict[str, str]) -> dict[str, str]:
    """What the person at the terminal says."""
    told: dict[str, str] = {}
    counted = asked_by(found)
    for _, document in found:
        definition = definition_of(document)
        name = name_of(definition)
        for path in confidential.asked(definition):
            alone = path in given and counted[path] == 1
            if not alone and f"{name}:{path}" not in {**given, **told}:
                told[f"{name}:{path}"] = getpass.getpass(plain(f"{name} {path}: "))
    return told


def _document(item: Item) -> dict[str, Any]:
    return {
        "source": item.source,
        "name": item.name,
        "outcome": item.outcome,
        "imported_as": item.imported_as,
        "version": item.version,
        "problems": [asdict(problem) for problem in item.problems],
        "warnings": list(item.warnings),
    }


def _show(items: list[Item]) -> None:
    console = terminal()
    for item in items:
        style = "red" if item.outcome == "refused" else "green"
        as_ = f" as [bold]{escape(item.imported_as)}[/]" if item.outcome == "copied" and item.imported_as else ""
        console.print(f"[{style}]{item.outcome:>8}[/] {escape(item.name or item.source)}{as_}", soft_wrap=True)
        for problem in item.problems:
            console.print(f"         [cyan]{escape(problem.path)}[/] {escape(problem.message)}", soft_wrap=True)
        for warning in item.warnings:
            console.print(f"         [yellow]warning[/] {escape(warning)}", soft_wrap=True)
