"""CSV, read and written row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any

from hengio import codec
from hengio.definition.configs import CsvFormat
from hengio.errors import Refused
from hengio.steps.tables import encoding
from hengio.steps.tables.place import Malformed, Row, Stop, Table, column_names, malformed

FIELD_BYTES = 16 << 20
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s.,()+-]*$)")
_ENCODING = 'name the encoding it has: "format": {"type": "csv", "encoding": "…"}, such as "latin-1" or "utf-16"'

csv.field_size_limit(FIELD_BYTES)


def check(format_: CsvFormat) -> None:
    """Refuse signs or an encoding that cannot be one."""
    if len(format_.quote) != 1 or format_.quote in "\r\n\0 ":
        raise Refused("format.quote must be one character, and no space or line break")
    if len(format_.delimiter) != 1 or format_.delimiter in f"{format_.quote}\r\n\0":
        raise Refused("format.delimiter must be one character, and no quote or line break")
    encoding.check(format_.encoding)


def read(path: Path, format_: CsvFormat, stop: Stop) -> Generator[Table, None, None]:
    """The one table of a CSV file; every value is text. Rows of another width than the header are refused."""
    with encoding.reading(path, format_.encoding) as file:
        rows = _numbered(file, path, format_, stop)
        number, first = next(rows, (format_.header_row, []))
        if not first:
            raise Malformed("the file is empty: there are no column names")
        if format_.has_header:
            columns = column_names(first, sheet="", row=number)
        else:
            columns = tuple(f"column_{place}" for place in range(1, len(first) + 1))
            rows = _chained((number, first), rows)
        yield Table("", columns, _objects(rows, columns))


def _chained(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _numbered(file: IO[str], path: Path, format_: CsvFormat, stop: Stop) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank from the header's line on, with the number of the line on which each begins."""
    lines = encoding.lines(file, format_.encoding)
    above = format_.header_row - 1
    line = format_.header_row
    try:
        for _ in islice(lines, above):
            pass
        reader = csv.reader(lines, delimiter=format_.delimiter, quotechar=format_.quote, strict=True)
        for row in reader:
            stop.check()
            if row:
                yield line, row
            line = above + reader.line_num + 1
    except csv.Error as error:
        raise malformed(f"not CSV: {error}", row=line) from error
    except UnicodeError as error:
        line = encoding.bad_line(path, format_.encoding)
        raise malformed(f"not {format_.encoding}", row=line, hint=_ENCODING) from error


def _objects(rows: Iterator[tuple[int, list[str]]], columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    width = len(columns)
    for number, cells in rows:
        if len(cells) != width:
            raise malformed(f"{len(cells)} fields, but there are {width} columns", row=number)
        yield number, dict(zip(columns, cells, strict=False))


def write(path: Path, format_: CsvFormat, columns: Sequence[str], rows: Iterable[Row], stop: Stop) -> int:
    """Write a header (if the format has one) and the rows; returns how many.

    A text that a spreadsheet would run as a formula gets an apostrophe in front, unless the format says
    `escape_formulas: false`: it begins with `=`, `@`, a tab or a return, or with a sign without being a number.
    """
    count = 0
    with encoding.writing(path, format_.encoding) as file:
        writer = csv.writer(file, delimiter=format_.delimiter, quotechar=format_.quote)
        try:
            if format_.has_header:
                writer.writerow([_text(name, format_) for name in columns])
            for row in rows:
                stop.check()
                count += 1
                writer.writerow([_text(row.get(name), format_) for name in columns])
        except UnicodeEncodeError as error:
            raise malformed(f"a text cannot be written as {format_.encoding}", row=count or None) from error
    return count


def _text(value: Any, format_: CsvFormat) -> str:
    match value:
        case None:
            return ""
        case str():
            return f"'{value}" if format_.escape_formulas and _FORMULA.match(value) else value
        case float():
            return codec.encode(value).decode().replace(".", format_.decimal)
        case _:
            return codec.encode(value).decode()
