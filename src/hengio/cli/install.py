"""What commands put in first: files, modules, and what these may reach (`--put`, `--module`, `--grant`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hengio.cli.inputs import pair, read_bytes
from hengio.cli.person import person
from hengio.errors import Distrusted, Refused
from hengio.grants.check import read as read_grant
from hengio.model.grant import Grant
from hengio.model.module import Module
from hengio.model.version import matches
from hengio.registry.letter import MOST_BYTES, Letter
from hengio.registry.letter import read as read_letter
from hengio.wiring.embedded import System

FIRST_VERSION = "0.0.1"
NONE: Mapping[str, Letter] = {}


@dataclass(frozen=True, slots=True)
class Wanted:
    """Files by key, binaries and signatures by `NAME@VERSION`, grants by the reference of their module."""

    files: dict[str, Path]
    modules: dict[str, Path]
    grants: dict[str, tuple[Grant, ...]]
    letters: dict[str, Letter]


def wanted(
    *,
    modules: list[str],
    grants: list[str],
    files: Sequence[str] = (),
    signatures: Sequence[Path] = (),
    option: str = "--module",
) -> Wanted:
    """What the command line asks for. `Refused` for text without the form, a grant that means nothing, a signature of
    none of the modules, and a key or module that is given twice. `option` is what modules are given as."""
    found = Wanted(
        files=_pairs([pair(text, option="--put", form="KEY=FILE") for text in files], what="--put"),
        modules=_pairs(
            [_versioned(*pair(text, option=option, form="NAME[@VERSION]=FILE.wasm")) for text in modules], what=option
        ),
        grants=_grants(grants),
        letters=_letters(signatures),
    )
    for reference in found.letters:
        if reference not in found.modules:
            raise Refused(f"the signature of {reference} is of none of the modules that are given")
    return found


async def install(system: System, what: Wanted) -> list[Module]:
    """Store all of it; nothing if a grant is for a module that there is not and that is not among these."""
    for reference in what.grants:
        if not any(_means(reference, module) for module in what.modules):
            await system.storage.modules.find(reference)
    await put_files(system, what.files)
    registered = await register(system, what.modules, what.letters)
    for reference, grants in what.grants.items():
        await _grant(system, reference, grants)
    return registered


async def register(system: System, modules: dict[str, Path], letters: Mapping[str, Letter] = NONE) -> list[Module]:
    """Register modules by `NAME@VERSION`. An error names module and file."""
    registered = []
    for reference, path in modules.items():
        name, _, version = reference.partition("@")
        binary = read_bytes(path, what="module", most=system.modules.most_bytes)
        try:
            registered.append(
                await system.modules.register(name, version, binary, letter=letters.get(reference), by=person())
            )
        except Distrusted:  # which says it all
            raise
        except Refused as error:
            raise Refused(
                f"module {reference}, {path}: {error.message}", hint=error.hint, problems=error.problems
            ) from error
    return registered


async def put_files(system: System, files: dict[str, Path]) -> None:
    """Put files under their keys in the files area."""
    for key, path in files.items():
        await system.areas.files.put(key, read_bytes(path, what="file"))


async def _grant(system: System, reference: str, grants: tuple[Grant, ...]) -> None:
    """Beside what the module has already."""
    module = await system.storage.modules.find(reference)
    together = tuple(dict.fromkeys((*module.grants, *grants)))
    if together != module.grants:
        await system.modules.grant(reference, together, actor=person())


def _pairs(given: list[tuple[str, Path]], *, what: str) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name, path in given:
        if name in found:
            raise Refused(f"{what}: {name} is given twice, as {found[name]} and {path}")
        found[name] = path
    return found


def _letters(files: Sequence[Path]) -> dict[str, Letter]:
    """Signatures by the `NAME@VERSION` that they are of."""
    found: dict[str, Letter] = {}
    for file in files:
        letter = read_letter(read_bytes(file, what="signature", most=MOST_BYTES))
        if f"{letter.name}@{letter.version}" in found:
            raise Refused(f"{letter.name}@{letter.version} has two signatures")
        found[f"{letter.name}@{letter.version}"] = letter
    return found


def _versioned(reference: str, path: Path) -> tuple[str, Path]:
    name, _, version = reference.partition("@")
    return f"{name}@{version or FIRST_VERSION}", path


def _grants(given: list[str]) -> dict[str, tuple[Grant, ...]]:
    """Each `NAME=PERMISSION RESOURCE`, by NAME."""
    found: dict[str, tuple[Grant, ...]] = {}
    for text in given:
        reference, equals, grant = text.partition("=")
        if not equals:
            raise Refused(f"--grant {text!r} is not of the form NAME[@VERSION]=PERMISSION RESOURCE")
        found[reference] = (*found.get(reference, ()), read_grant(grant))
    return found


def _means(reference: str, module: str) -> bool:
    """Whether a reference by name is for the module `NAME@VERSION`."""
    (name, _, range_), (own, _, version) = reference.partition("@"), module.partition("@")
    return name == own and matches(version, range_)
