"""The parts of a workbook: which sheets it has, where they and their strings are, which formats are moments.

(ECMA-376, parts 1 and 2.) What no program needs to read a table, such as themes and links, is not opened at all.
"""

from __future__ import annotations

import posixpath
import zipfile
from pathlib import Path
from typing import IO, NamedTuple

from hengio.steps.tables.markup import Broken, End, Start, local, pieces
from hengio.steps.tables.moments import BUILT_IN, Kind, kind_of

_DEFAULT = "xl/workbook.xml"


class NotAWorkbook(ValueError):
    """A file without the parts of a workbook. The message says what is missing."""


class Relation(NamedTuple):
    """A part that another names: `kind` is the last word of its type, such as `worksheet`."""

    kind: str
    path: str


class Package:
    """An open workbook. `sheets` are names and parts, in the workbook's order; charts and the like are left out."""

    def __init__(self, path: Path) -> None:
        try:
            self._archive = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, OSError, ValueError) as error:
            raise NotAWorkbook("it is no ZIP file") from error
        self._names = {_plain(name): name for name in self._archive.namelist()}
        relations = self._relations("").values()
        self._main = next((each.path for each in relations if each.kind == "officeDocument"), _DEFAULT)
        self._parts = self._relations(self._main)
        self.sheets: dict[str, str] = {}
        self.since_1904 = False
        self._read_workbook()
        self.formats = self._read_formats()

    def close(self) -> None:
        self._archive.close()

    def open(self, path: str) -> IO[bytes]:
        """A part, unpacked as it is read: never to more than the archive's directory says."""
        name = self._names.get(_plain(path))
        if name is None:
            raise NotAWorkbook(f"its part {path[:100]!r} is missing")
        try:
            return self._archive.open(name)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
            raise NotAWorkbook(f"its part {path[:100]!r} cannot be unpacked") from error

    def part(self, kind: str) -> str | None:
        """Where the one part of a kind is, such as `sharedStrings`."""
        return next(
            (each.path for each in self._parts.values() if each.kind == kind and _plain(each.path) in self._names), None
        )

    def _relations(self, path: str) -> dict[str, Relation]:
        folder, name = posixpath.split(path)
        part = posixpath.join(folder, "_rels", f"{name}.rels")
        found: dict[str, Relation] = {}

        def start(name: str, attributes: dict[str, str]) -> None:
            if local(name) == "Relationship" and attributes.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, attributes.get("Target", "")))
                kind = attributes.get("Type", "").rpartition("/")[2]
                found[attributes.get("Id", "")] = Relation(kind, target.lstrip("/"))

        if _plain(part) in self._names:
            self._walk(part, start)
        return found

    def _read_workbook(self) -> None:
        def start(name: str, attributes: dict[str, str]) -> None:
            match local(name):
                case "workbookPr":
                    self.since_1904 = attributes.get("date1904") in {"1", "true"}
                case "sheet":
                    reference = next((value for key, value in attributes.items() if local(key) == "id"), "")
                    relation = self._parts.get(reference)
                    if relation is not None and relation.kind == "worksheet":
                        self.sheets[attributes.get("name", "")] = relation.path
                case _:
                    pass

        self._walk(self._main, start)

    def _read_formats(self) -> dict[str, Kind]:
        """Of each cell format (by its number, as cells name it) that shows moments: what it shows."""
        custom: dict[str, Kind | None] = {}
        found: dict[str, Kind] = {}
        place, within = 0, False

        def start(name: str, attributes: dict[str, str]) -> None:
            nonlocal place, within
            match local(name):
                case "numFmt":
                    custom[attributes.get("numFmtId", "")] = kind_of(attributes.get("formatCode", ""))
                case "cellXfs":
                    within = True
                case "xf" if within:
                    number = attributes.get("numFmtId", "")
                    kind = custom[number] if number in custom else BUILT_IN.get(number)
                    if kind is not None:
                        found[str(place)] = kind
                    place += 1
                case _:
                    pass

        def end(name: str) -> None:
            nonlocal within
            if local(name) == "cellXfs":
                within = False

        if (styles := self.part("styles")) is not None:
            self._walk(styles, start, end)
        return found

    def _walk(self, path: str, start: Start, end: End | None = None) -> None:
        with self.open(path) as source:
            try:
                for _ in pieces(source, start=start, end=end or _pass, text=_pass):
                    pass
            except (Broken, zipfile.BadZipFile, EOFError) as error:
                raise NotAWorkbook(f"its part {path[:100]!r} cannot be read: {error}") from error


def _pass(_: str) -> None:
    pass


def _plain(name: str) -> str:
    """A part's name as names are compared (ECMA-376, part 2, 6.3.5); some programs write backslashes."""
    return name.replace("\\", "/").lower()
