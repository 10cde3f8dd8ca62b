"""Reads the sheets of an XLSX file, as a program of its own: `extract FILE SHEET MEMORY MODE SKIP`.

A workbook can be a bomb (a cell far away, a text that a million cells share) whose size shows only when it is in
memory, and a reader can be neither stopped nor bounded from inside. So it works in a process that has a memory limit
and can be killed. With the mode `whole` it reads with calamine, which is fast and has a sheet in memory; a sheet that
calamine refuses, and with `streamed` every sheet, is read as it passes by.

Writes lines of JSON: for each sheet an object with its name, then `[number, cells]` for each row that is not empty,
then `{"done": true}`; the last line is `{"end": true}`, `{"error": …}` with the place, or `{"unavailable": …}`.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import msgspec
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

from hengio.steps.tables import cells, markup
from hengio.steps.tables.cells import Unreadable, plain
from hengio.steps.tables.package import NotAWorkbook, Package
from hengio.steps.tables.texts import Texts

Rows = Iterable[tuple[int, list[Any]]]

_encode = msgspec.json.Encoder().encode


class Workbook(Protocol):
    """A reader: `names` of the sheets with tables, and the rows of one."""

    names: list[str]

    def rows(self, name: str) -> Rows: ...

    def close(self) -> None: ...


class Whole:
    """Reads with calamine."""

    def __init__(self, path: str) -> None:
        self._book = CalamineWorkbook.from_path(path)
        self.names = [each.name for each in self._book.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]

    def rows(self, name: str) -> Rows:
        sheet = self._book.get_sheet_by_name(name)
        indent = [None] * (sheet.start[1] if sheet.start else 0)
        read = ([*indent, *map(plain, row)] for row in sheet.iter_rows())
        return ((number, row) for number, row in enumerate(read, start=1) if any(cell is not None for cell in row))

    def close(self) -> None:
        self._book.close()


class Streamed:
    """Reads row by row; the strings that cells share are in a file beside the workbook."""

    def __init__(self, path: str) -> None:
        self._package = Package(Path(path))
        self._file = tempfile.TemporaryFile(dir=Path(path).parent)  # noqa: SIM115 (closed by `close`)
        self._texts: Texts | None = None
        self.names = list(self._package.sheets)

    def rows(self, name: str) -> Iterator[tuple[int, list[Any]]]:
        package = self._package
        with package.open(package.sheets[name]) as source:
            yield from cells.rows(source, texts=self._shared(), formats=package.formats, since_1904=package.since_1904)

    def _shared(self) -> Texts:
        if self._texts is None:
            part = self._package.part("sharedStrings")
            if part is None:
                self._texts = Texts(self._file, ())
            else:
                with self._package.open(part) as source:
                    self._texts = Texts(self._file, markup.strings(source))
        return self._texts

    def close(self) -> None:
        self._file.close()
        self._package.close()


def main(path: str, wanted: str, memory: str, mode: str, skip: str) -> None:
    """`wanted` is JSON: a sheet's name, its index from 0, or null for all, of which the first `skip` are left out."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    gc.disable()  # nothing here forms cycles
    try:
        book = _opened(path, mode)
        for name in _chosen(book.names, msgspec.json.decode(wanted))[int(skip) :]:
            _tell(name, book, path)
        _say({"end": True})
    except LookupError as error:
        _say({"error": str(error)})
    except (NotAWorkbook, CalamineError, markup.Broken) as error:
        _say({"error": f"not an XLSX workbook: {error}"})
    except OSError as error:
        _say({"unavailable": error.strerror or "it refuses"})
    sys.stdout.flush()


def _opened(path: str, mode: str) -> Workbook:
    if mode == "whole":
        with contextlib.suppress(CalamineError):
            return Whole(path)
    return Streamed(path)


def _chosen(names: list[str], wanted: str | int | None) -> list[str]:
    if wanted is None:
        return names
    known = ", ".join(repr(name[:40]) for name in names[:20])
    if isinstance(wanted, int):
        if not 0 <= wanted < len(names):
            raise LookupError(f"there is no sheet number {wanted}: the sheets are {known}, counted from 0")
        return [names[wanted]]
    if wanted not in names:
        raise LookupError(f"there is no sheet {wanted!r}: the sheets are {known}")
    return [wanted]


def _tell(name: str, book: Workbook, path: str) -> None:
    """One sheet. That calamine refuses it shows before its first row; read as it passes by, the place is known."""
    try:
        found = book.rows(name)
    except CalamineError:
        found = Streamed(path).rows(name)
    _say({"sheet": name})
    try:
        for row in found:
            _say(row)
    except Unreadable as error:
        _say({"error": str(error), "sheet": name, "row": error.row, "column": error.column or None})
        sys.stdout.flush()
        sys.exit()
    _say({"done": True})
    sys.stdout.flush()


def _say(line: Any) -> None:
    sys.stdout.buffer.write(_encode(line) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
