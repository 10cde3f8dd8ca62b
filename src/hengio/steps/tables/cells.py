"""The rows of a sheet, read as they pass by: memory holds one row, however long the sheet (ECMA-376, 18.3.1)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, time
from typing import IO, Any
from zipfile import BadZipFile

from hengio.steps.tables.markup import Broken, Wording, local, pieces, unescaped
from hengio.steps.tables.moments import Kind, value_of
from hengio.steps.tables.place import letters
from hengio.steps.tables.texts import Texts

MOST_ROWS, MOST_COLUMNS = 1_048_576, 16_384
_EXACT = 1 << 53
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(nan|inf|infinity)", re.ASCII | re.IGNORECASE)
_DIGITS = "0123456789"
_BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


class Unreadable(ValueError):
    """A spot in a sheet that is not as a sheet is. `column` are letters, "" for the row as a whole."""

    def __init__(self, message: str, *, row: int, column: str = "") -> None:
        super().__init__(message)
        self.row = row
        self.column = column


def rows(
    source: IO[bytes], *, texts: Texts, formats: Mapping[str, Kind], since_1904: bool
) -> Iterator[tuple[int, list[Any]]]:
    """Each row that has cells with something in them: its number and its cells from column A on. Raises `Unreadable`.

    Cells are what JSON has, an empty cell and an error such as `#N/A` null; a formula's value is that which the
    workbook holds; of merged cells the first has the value. How large the sheet says it is does not count.
    """
    sheet = _Sheet(texts, formats, since_1904=since_1904)
    try:
        for _ in pieces(source, start=sheet.start, end=sheet.end, text=sheet.text):
            yield from sheet.taken()
    except (Broken, BadZipFile, EOFError, zlib.error) as error:
        raise Unreadable(f"the sheet cannot be read on: {error}", row=sheet.row) from error


class _Sheet:
    """Hears of the elements of a sheet and makes rows of them. What is heard of every cell comes first and is short."""

    def __init__(self, texts: Texts, formats: Mapping[str, Kind], *, since_1904: bool) -> None:
        self._texts, self._formats, self._since_1904 = texts, formats, since_1904
        self._rows: list[tuple[int, list[Any]]] = []
        self._cells: list[Any] = []
        self._attributes: dict[str, str] = {}
        self._parts: list[str] = []
        self._value = ""
        self._inline: str | None = None
        self._wording: Wording | None = None
        self._columns: list[str] = []
        self._within = False
        self._row_text: str | None = None
        self.text = self._parts.append
        self.row = 0

    def taken(self) -> list[tuple[int, list[Any]]]:
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            self._attributes, self._value = attributes, ""
        elif name == "v":
            self._parts.clear()
        elif ":" in name:
            self.start(local(name), attributes)
        elif name == "row" and self._within:
            self._open_row(attributes.get("r"))
        else:
            self._start_other(name, attributes)

    def end(self, name: str) -> None:
        if name == "v":
            self._value = "".join(self._parts)
        elif name == "c":
            if self._within:
                self._close_cell(self._attributes)
        elif ":" in name:
            self.end(local(name))
        elif name == "row":
            self._close_row()
        else:
            self._end_other(name)

    def _close_cell(self, attributes: dict[str, str]) -> None:
        place, cells = len(self._cells), self._cells
        reference = attributes.get("r")
        if reference is None or place >= len(self._columns) or reference != f"{self._columns[place]}{self._row_text}":
            place = self._place(reference)
            cells.extend([None] * (place + 1 - len(cells)))
        else:
            cells.append(None)
        if self._value or self._inline:
            cells[place] = self._read(attributes.get("t"), self._value, place)

    def _read(self, kind: str | None, value: str, place: int) -> Any:
        """A cell's value by its type (18.18.11): `n` is a number, `s` one of the shared strings.

        Without a type it is a number, but some programs write texts so, and every reader takes them.
        """
        if self._inline is not None:
            value, self._inline = self._inline, None
            return value
        try:
            if kind is None:
                return self._number_of(value) if _NUMBER.fullmatch(value) else value
            if kind == "s":
                return self._texts[int(value)] or None
            if kind == "n" and _NUMBER.fullmatch(value):
                return self._number_of(value)
            return _TYPES[kind](value)
        except (ValueError, LookupError) as error:
            message = f"the cell does not hold what its type {(kind or '')[:20]!r} says"
            raise Unreadable(message, row=self.row, column=letters(place)) from error

    def _number_of(self, text: str) -> Any:
        number = float(text)
        kind = self._formats.get(self._attributes.get("s", ""))
        if kind is not None:
            return plain(value_of(number, kind, since_1904=self._since_1904))
        return int(number) if number.is_integer() and -_EXACT <= number <= _EXACT else number

    def _open_row(self, number: str | None) -> None:
        self._row_text, self._cells = number, []
        if number is not None:
            self._count_to(number)

    def _close_row(self) -> None:
        if self._row_text is None:
            self.row += 1
        if any(cell is not None for cell in self._cells):
            self._rows.append((self.row, self._cells))
        self._parts.clear()

    def _count_to(self, number: str) -> None:
        if not (number.isdigit() and number.isascii() and len(number) < 8 and self.row < int(number) <= MOST_ROWS):
            message = f"the row after it has the number {number[:20]!r}, and rows must follow each other"
            raise Unreadable(message, row=self.row)
        self.row = int(number)

    def _place(self, reference: str | None) -> int:
        """Which column a cell is in; a cell without a name is in the next. A row without a number has its cells'."""
        if reference is None:
            return len(self._cells)
        column = reference.rstrip(_DIGITS)
        number = reference[len(column) :]
        if self._row_text is None:
            self._row_text = number
            self._count_to(number)
        place = _place(column)
        if place < 0 or number != self._row_text:
            raise Unreadable(f"the cell's name {reference[:20]!r} is none of this row", row=self.row)
        while len(self._columns) <= place:
            self._columns.append(letters(len(self._columns)))
        return place

    def _start_other(self, name: str, attributes: dict[str, str]) -> None:
        if name == "sheetData":
            self._within = True
        elif name == "is":
            self._wording = Wording()
            self._parts.clear()
        elif self._wording is not None:
            self._wording.start(name, attributes)
            self._parts.clear()

    def _end_other(self, name: str) -> None:
        self._within = self._within and name != "sheetData"
        if self._wording is None:
            return
        for part in self._parts:
            self._wording.text(part)
        self._parts.clear()
        self._wording.end(name)
        if name == "is":
            self._inline, self._wording = self._wording.taken() or None, None


def plain(value: Any) -> Any:
    """A cell as JSON: numbers that are whole as integers, moments in ISO 8601, spans of time as Python shows them."""
    match value:
        case "":
            return None
        case bool() | str():
            return value
        case float():
            return int(value) if value.is_integer() and abs(value) <= _EXACT else value
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _moment(text: str) -> str:
    """A moment written out, or the text itself if it is in a form of its own."""
    for kind in (date, datetime, time):
        try:
            moment = kind.fromisoformat(text)
        except ValueError:
            continue
        return text if getattr(moment, "tzinfo", None) else moment.isoformat()
    return text


def _place(column: str) -> int:
    """A column's place from 0 by its letters; -1 if that is none."""
    if not (column.isascii() and column.isalpha() and len(column) <= 3):
        return -1
    place = 0
    for letter in column.upper():
        place = place * 26 + ord(letter) - ord("A") + 1
    return place - 1 if place <= MOST_COLUMNS else -1


def _nothing(_: str) -> None:
    return None


_TYPES: dict[str, Callable[[str], Any]] = {
    "str": unescaped,
    "b": lambda text: _BOOLEANS[text.strip()],
    "d": _moment,
    "e": _nothing,
    "inlineStr": _nothing,  # its text is not in the value
}
