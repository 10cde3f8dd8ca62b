"""XLSX, read through `extract` in a process of its own and written row by row."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any

import xlsxwriter

from hengio import codec
from hengio.definition.configs import XlsxFormat
from hengio.errors import Refused
from hengio.steps.tables.place import Malformed, Row, Stop, Table, column_names, letters, malformed

UNPACKED_BYTES = 1 << 30
ENTRIES = 10_000
MEMORY_BYTES = 3 << 30
MOST_ROWS, MOST_COLUMNS, MOST_TEXT = 1_048_576, 16_384, 32_767
_EXACT = 10**15  # a spreadsheet keeps fifteen digits
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_PROGRAM = Path(__file__).with_name("extract.py")


def check(path: Path) -> None:
    """Refuse a file that is no workbook, or that unpacks to more than a gibibyte or ten thousand parts."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise Malformed("not an XLSX workbook") from error
    size = sum(part.file_size for part in parts)
    if size > UNPACKED_BYTES or len(parts) > ENTRIES:
        raise Malformed(f"the workbook unpacks to {size >> 20} MiB in {len(parts)} parts: too much")


def read(path: Path, format_: XlsxFormat, stop: Stop) -> Generator[Table, None, None]:
    """The wanted sheets, one table each, to be read in order. Empty rows are left out, empty cells are null."""
    check(path)
    wanted = None if format_.all else format_.sheet
    with _extracting(path, wanted, stop) as lines:
        line = next(lines, None)
        while line is not None:
            rows = _Sheet(lines, stop)
            yield _table(line, rows, format_)
            for _ in rows:
                pass  # what the taker left unread
            line = rows.following


class _Sheet:
    """Iterates over the rows of one sheet; afterwards `following` is the line that opens the next one."""

    def __init__(self, lines: Iterator[Any], stop: Stop) -> None:
        self._lines = lines
        self._stop = stop
        self.following: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[list[Any]]:
        if self.following is not None:
            return
        for line in self._lines:
            self._stop.check()
            if isinstance(line, dict):
                self.following = line
                return
            yield line


def _table(opening: dict[str, Any], sheet: _Sheet, format_: XlsxFormat) -> Table:
    """A sheet with nothing in it is an error, but not where all sheets are read: programs add empty ones."""
    name, indent = opening["sheet"], [None] * opening["column"]
    rows = enumerate((indent + cells for cells in sheet), start=1)
    header = next((cells for number, cells in rows if number == format_.header_row), [])
    columns = () if format_.all and not header else column_names(header, sheet=name, row=format_.header_row)
    return Table(name, columns, _objects(rows, columns, name))


def _objects(rows: Iterator[tuple[int, list[Any]]], columns: tuple[str, ...], sheet: str) -> Iterator[tuple[int, Row]]:
    width = len(columns)
    for number, cells in rows:
        if all(cell is None for cell in cells):
            continue
        stray = next((place for place in range(width, len(cells)) if cells[place] is not None), None)
        if stray is not None:
            raise malformed("there is a value but no column name", sheet=sheet, row=number, column=letters(stray))
        yield number, dict(zip(columns, chain(cells, [None] * (width - len(cells))), strict=False))


@contextmanager
def _extracting(path: Path, wanted: str | int | None, stop: Stop) -> Iterator[Iterator[Any]]:
    command = [sys.executable, "-I", str(_PROGRAM), str(path), codec.encode(wanted).decode(), str(MEMORY_BYTES)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as program:  # noqa: S603 (no shell)
        assert program.stdout is not None
        stop.on_ask(program.kill)
        try:
            yield _lines(program.stdout)
        finally:
            program.kill()


def _lines(output: IO[bytes]) -> Iterator[Any]:
    for text in output:
        line = codec.decode(text)
        match line:
            case {"error": message}:
                raise Malformed(str(message))
            case {"end": True}:
                return
            case _:
                yield line
    raise Malformed("the workbook needs more memory than a file may")


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is written to one sheet."""

    name: str
    columns: Sequence[str]
    rows: Iterable[Row]


def check_names(names: Sequence[str]) -> None:
    """Refuse names that a spreadsheet program would not open: rules of the format."""
    seen: set[str] = set()
    for name in names:
        if not name.strip() or len(name) > 31:
            raise Refused(f"the sheet name {name[:40]!r} has {len(name)} characters; it must have 1 to 31")
        if _FORBIDDEN.search(name) or name.startswith("'") or name.endswith("'") or name.casefold() == "history":
            raise Refused(
                f"the sheet name {name!r} is not allowed",
                hint="no [ ] : * ? / \\ in it, no apostrophe at its ends, and not History",
            )
        if name.casefold() in seen:
            raise Refused(f"the sheet name {name!r} is given twice")
        seen.add(name.casefold())


def write(path: Path, sheets: Sequence[Sheet], stop: Stop) -> list[int]:
    """Write the sheets in order; returns the number of rows of each. A string stays a string whatever it looks like."""
    check_names([sheet.name for sheet in sheets])
    options = {"constant_memory": True, "tmpdir": str(path.parent), "default_date_format": "yyyy-mm-dd"}
    with xlsxwriter.Workbook(str(path), options) as book:
        return [_fill(book.add_worksheet(sheet.name), sheet, stop) for sheet in sheets]


def _fill(target: Any, sheet: Sheet, stop: Stop) -> int:
    if len(sheet.columns) > MOST_COLUMNS:
        raise malformed(f"{len(sheet.columns)} columns; {MOST_COLUMNS} are the most", sheet=sheet.name)
    for place, name in enumerate(sheet.columns):
        _cell(target, 0, place, name, sheet)
    count = 0
    for count, row in enumerate(sheet.rows, start=1):
        stop.check()
        if count >= MOST_ROWS:
            raise malformed(f"more than {MOST_ROWS - 1} rows, the most of a sheet", sheet=sheet.name)
        for place, name in enumerate(sheet.columns):
            _cell(target, count, place, row.get(name), sheet)
    return count


def _cell(target: Any, row: int, column: int, value: Any, sheet: Sheet) -> None:
    match value:
        case None:
            return
        case bool():
            target.write_boolean(row, column, value)
        case float() | int() if isinstance(value, float) or abs(value) < _EXACT:
            target.write_number(row, column, value)
        case _:
            text = value if isinstance(value, str) else codec.encode(value).decode()
            if len(text) > MOST_TEXT:
                message = f"a text of {len(text)} characters; {MOST_TEXT} are the most of a cell"
                raise malformed(message, sheet=sheet.name, row=row + 1, column=sheet.columns[column])
            target.write_string(row, column, text)
