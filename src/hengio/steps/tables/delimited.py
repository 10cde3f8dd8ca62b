"""CSV, read and written row by row."""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from hengio import codec
from hengio.definition.configs import CsvFormat
from hengio.errors import Refused
from hengio.steps.tables.place import Malformed, Row, Stop, Table, column_names, malformed

FIELD_BYTES = 16 << 20
_FORMULA = re.compile(r"[=@\t\r]|[+-](?![\d\s.,()+-]*$)")
_ENCODING = 'name the encoding it has: "format": {"type": "csv", "encoding": "…"}, such as "latin-1" or "utf-16"'

csv.field_size_limit(FIELD_BYTES)


def check(format_: CsvFormat) -> None:
    """Refuse a delimiter or an encoding that cannot be one."""
    if len(format_.delimiter) != 1 or format_.delimiter in '"\r\n\0':
        raise Refused("format.delimiter must be one character, and no quote or line break")
    try:
        "a".encode(format_.encoding)
    except (LookupError, UnicodeError) as error:
        raise Refused(f"format.encoding {format_.encoding!r} is not a text encoding") from error


def read(path: Path, format_: CsvFormat) -> Generator[Table, None, None]:
    """The one table of a CSV file; every value is text. Rows of another width than the header are refused."""
    encoding = "utf-8-sig" if format_.encoding.lower() in {"utf-8", "utf8"} else format_.encoding
    with path.open(encoding=encoding, newline="") as file:
        rows = _numbered(csv.reader(file, delimiter=format_.delimiter, strict=True), path, encoding)
        number, first = next(rows, (1, []))
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


def _numbered(reader: Any, path: Path, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not blank, with the number of the line on which each begins."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise malformed(f"not CSV: {error}", row=line) from error
        except UnicodeError as error:
            name = encoding.removesuffix("-sig")
            raise malformed(f"not {name}", row=_bad_line(path, encoding), hint=_ENCODING) from error
        if row is None:
            return
        if row:
            yield line, row


def _objects(rows: Iterator[tuple[int, list[str]]], columns: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    for number, cells in rows:
        if len(cells) != len(columns):
            raise malformed(f"{len(cells)} fields, but there are {len(columns)} columns", row=number)
        yield number, dict(zip(columns, cells, strict=True))


def _bad_line(path: Path, encoding: str) -> int | None:
    """The first line that is not text in `encoding`; None where lines cannot be told apart before decoding."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode(encoding)
            except UnicodeError:
                return number if "16" not in encoding and "32" not in encoding else None
    return None


def write(path: Path, format_: CsvFormat, columns: Sequence[str], rows: Iterable[Row], stop: Stop) -> int:
    """Write a header (if the format has one) and the rows; returns how many.

    A text that a spreadsheet would run as a formula gets an apostrophe in front, unless the format says
    `escape_formulas: false`: it begins with `=`, `@`, a tab or a return, or with a sign without being a number.
    """
    count = 0
    with path.open("w", encoding=format_.encoding, newline="") as file:
        writer = csv.writer(file, delimiter=format_.delimiter)
        try:
            if format_.has_header:
                writer.writerow([_text(name, escape=format_.escape_formulas) for name in columns])
            for row in rows:
                stop.check()
                count += 1
                writer.writerow([_text(row.get(name), escape=format_.escape_formulas) for name in columns])
        except UnicodeEncodeError as error:
            raise malformed(f"a text cannot be written as {format_.encoding}", row=count or None) from error
    return count


def _text(value: Any, *, escape: bool) -> str:
    match value:
        case None:
            return ""
        case str():
            return f"'{value}" if escape and _FORMULA.match(value) else value
        case _:
            return codec.encode(value).decode()
