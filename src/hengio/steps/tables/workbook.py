"""XLSX, read in a process of its own, row by row."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from hengio.definition.configs import XlsxFormat
from hengio.steps.tables import child
from hengio.steps.tables.place import Row, Stop, Table, column_names, letters, malformed


def read(path: Path, format_: XlsxFormat, stop: Stop) -> Generator[Table, None, None]:
    """The wanted sheets, one table each, to be read in order. Empty rows are left out, empty cells are null."""
    wanted = None if format_.all else format_.sheet
    with closing(child.lines(path, wanted, stop)) as lines:
        line = next(lines, None)
        while isinstance(line, dict):
            rows = _Rows(lines, stop)
            yield _table(line["sheet"], rows, format_)
            for _ in rows:
                pass  # what the taker left unread
            line = rows.following


class _Rows:
    """Iterates over the rows of one sheet; afterwards `following` is the line that opens the next one."""

    def __init__(self, lines: Iterator[Any], stop: Stop) -> None:
        self._lines = lines
        self._stop = stop
        self.following: dict[str, Any] | None = None

    def __iter__(self) -> Iterator[tuple[int, list[Any]]]:
        if self.following is not None:
            return
        for line in self._lines:
            self._stop.check()
            if isinstance(line, dict):
                self.following = line
                return
            yield line[0], line[1]


def _table(sheet: str, rows: _Rows, format_: XlsxFormat) -> Table:
    """A sheet with nothing in it is an error, but not where all sheets are read: programs add empty ones."""
    found = iter(rows)
    first = next((line for line in found if line[0] >= format_.header_row), None)
    if first is None and format_.all:
        return Table(sheet, (), iter(()))
    header = first[1] if first is not None and first[0] == format_.header_row else []
    columns = column_names(header, sheet=sheet, row=format_.header_row)
    return Table(sheet, columns, _objects(found, columns, sheet))


def _objects(rows: Iterator[tuple[int, list[Any]]], columns: tuple[str, ...], sheet: str) -> Iterator[tuple[int, Row]]:
    width = len(columns)
    for number, cells in rows:
        if len(cells) > width:
            stray = next((place for place in range(width, len(cells)) if cells[place] is not None), None)
            if stray is not None:
                raise malformed("there is a value but no column name", sheet=sheet, row=number, column=letters(stray))
            if all(cell is None for cell in cells[:width]):
                continue
        elif len(cells) < width:
            cells.extend([None] * (width - len(cells)))
        yield number, dict(zip(columns, cells, strict=False))
