"""XLSX, written row by row: memory holds one row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import IO, Any, Literal

import xlsxwriter
from xlsxwriter.exceptions import XlsxFileError
from xlsxwriter.worksheet import Worksheet

from hengio import codec
from hengio.errors import Refused, Unavailable
from hengio.steps.tables.cells import MOST_COLUMNS, MOST_ROWS
from hengio.steps.tables.place import Row, Stop, malformed

Moment = Literal["date", "datetime"]

MOST_TEXT = 32_767
_EXACT = 10**15  # a spreadsheet keeps fifteen digits
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
_SHOWN: dict[Moment, tuple[str, int]] = {"date": ("yyyy-mm-dd", 11), "datetime": ("yyyy-mm-dd hh:mm:ss", 20)}


@dataclass(frozen=True, slots=True)
class Sheet:
    """What is written to one sheet. Of the columns in `moments` the texts are written as real dates."""

    name: str
    columns: Sequence[str]
    rows: Iterator[Row]
    moments: Mapping[str, Moment] = field(default_factory=dict)

    def over(self, rows: Iterator[Row]) -> Sheet:
        """The same sheet, taking its rows from elsewhere."""
        return replace(self, rows=rows)


def check_names(names: Sequence[str]) -> None:
    """Refuse names that a spreadsheet program would not open: rules of the format."""
    seen: set[str] = set()
    for name in names:
        _check_name(name, seen)


def _check_name(name: str, seen: set[str]) -> None:
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


def write(path: Path, sheets: Iterable[Sheet], stop: Stop) -> int:
    """Write the sheets in order; returns the number of rows. A string stays a string whatever it looks like.

    Raises `Malformed` at the cell that a workbook cannot hold, `Unavailable` when the disk is full.
    """
    names: set[str] = set()
    count = 0
    with path.open("wb") as file:
        options = {"constant_memory": True, "tmpdir": str(path.parent), "use_zip64": True}
        book = xlsxwriter.Workbook(_Output(file, stop), options)
        try:
            for sheet in sheets:
                _check_name(sheet.name, names)
                count += _Page(book, sheet).fill(stop)
            book.close()
        except XlsxFileError as error:
            raise Unavailable("the workbook cannot be written: the disk for temporary files refuses it") from error
        finally:
            for page in book.worksheets():
                page._opt_close()
    return count


class _Plain(Worksheet):  # type: ignore[misc]
    """A worksheet to which a text is a text: the library takes one that begins with `<r>` for XML and copies it."""

    def _xml_rich_inline_string(self, string: str, attributes: Any) -> None:
        self._xml_inline_string(string, True, attributes)


class _Output:
    """The file to which the library packs a workbook at the end, which takes long: asked to stop, it fails."""

    def __init__(self, file: IO[bytes], stop: Stop) -> None:
        self._file = file
        self._stop = stop
        self._failed = False

    def write(self, data: bytes) -> int:
        if self._failed:
            return len(data)  # what is packed has no more use; the library closes it when it is thrown away
        try:
            self._stop.check()
            return self._file.write(data)
        except BaseException:
            self._failed = True
            raise

    def seek(self, offset: int, whence: int = 0) -> int:
        return 0 if self._failed else self._file.seek(offset, whence)

    def tell(self) -> int:
        return 0 if self._failed else self._file.tell()

    def flush(self) -> None:
        if not self._failed:
            self._file.flush()


class _Page:
    """One sheet that is filled."""

    def __init__(self, book: Any, sheet: Sheet) -> None:
        if len(sheet.columns) > MOST_COLUMNS:
            raise malformed(f"{len(sheet.columns)} columns; {MOST_COLUMNS} are the most", sheet=sheet.name)
        self._sheet = sheet
        self._page = book.add_worksheet(sheet.name, worksheet_class=_Plain)
        self._styles: dict[int, Any] = {}
        for place, name in enumerate(sheet.columns):
            if (moment := sheet.moments.get(name)) is not None:
                shown, width = _SHOWN[moment]
                self._styles[place] = book.add_format({"num_format": shown})
                self._page.set_column(place, place, width)

    def fill(self, stop: Stop) -> int:
        sheet, count = self._sheet, 0
        for place, name in enumerate(sheet.columns):
            self._text(0, place, name)
        for count, row in enumerate(sheet.rows, start=1):
            stop.check()
            if count >= MOST_ROWS:
                message = f"more than {MOST_ROWS - 1} rows, the most of a sheet"
                raise malformed(message, sheet=sheet.name, hint="filter them, or write CSV")
            for place, name in enumerate(sheet.columns):
                if (value := row.get(name)) is not None:
                    self._cell(count, place, value)
        return count

    def _cell(self, row: int, place: int, value: Any) -> None:
        match value:
            case str():
                if place in self._styles:
                    self._moment(row, place, value)
                else:
                    self._text(row, place, value)
            case bool():
                self._page.write_boolean(row, place, value)
            case float() | int() if isinstance(value, float) or abs(value) < _EXACT:
                self._page.write_number(row, place, value)
            case _:
                self._text(row, place, codec.encode(value).decode())

    def _text(self, row: int, place: int, text: str) -> None:
        if len(text) > MOST_TEXT or self._page.write_string(row, place, text):
            message = f"a text of {len(text)} characters; {MOST_TEXT} are the most of a cell"
            raise malformed(message, sheet=self._sheet.name, row=row + 1, column=self._sheet.columns[place])

    def _moment(self, row: int, place: int, text: str) -> None:
        """A date as a date; what a spreadsheet's dates cannot hold, as the text that it is."""
        moment = _held(text)
        if moment is None:
            self._text(row, place, text)
        else:
            self._page.write_datetime(row, place, moment, self._styles[place])


def _held(text: str) -> date | datetime | None:
    """A moment that a spreadsheet can hold: without a zone, no finer than a millisecond, from March 1900 on.

    Before, programs count days differently: some know a 29th of February 1900.
    """
    parse: Callable[[str], date | datetime] = date.fromisoformat if len(text) == 10 else datetime.fromisoformat
    moment = parse(text)
    early = (moment.year, moment.month) < (1900, 3)
    if early or (isinstance(moment, datetime) and (moment.tzinfo or moment.microsecond % 1000)):
        return None
    return moment
