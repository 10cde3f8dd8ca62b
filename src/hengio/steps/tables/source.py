"""Rows out of a file: opened by its format, and taken into a step's output (H4)."""

from __future__ import annotations

import io
from collections.abc import Generator
from contextlib import closing
from pathlib import Path
from typing import Any

from hengio import codec
from hengio.codec import Raw
from hengio.definition.configs import CsvFormat, FileConfig, FileFormat, XlsxFormat
from hengio.steps.tables import delimited, workbook
from hengio.steps.tables.change import changed
from hengio.steps.tables.place import Malformed, Stop, Table
from hengio.steps.tables.summary import Summary

DATA_BYTES = 32 << 20
MOST_ROWS = 1_000_000
_HINT = (
    'keep fewer with `transformations.filter`, or set `operation` to "convert": it writes them to a file, however many'
)


class Taken:
    """A step's output while it grows: the rows are encoded one by one and are there once."""

    def __init__(self, most_rows: int) -> None:
        self.row_count = 0
        self._most_rows = most_rows
        self._data = io.BytesIO()
        self._data.write(b'{"data":')

    def mark(self, text: bytes) -> None:
        """Put what stands between rows: brackets and names."""
        self._data.write(text)

    def take(self, table: Table, stop: Stop) -> dict[str, Any]:
        """The table's rows as a JSON array; returns its summary."""
        summary, data, separator = Summary(table.columns), self._data, b"["
        for _, row in table.rows:
            stop.check()
            if self.row_count >= self._most_rows:
                raise Malformed(f"the file has more than {self._most_rows} rows (max_rows)", hint=_HINT)
            data.write(separator)
            data.write(codec.encode(row))
            separator = b","
            if data.tell() > DATA_BYTES:
                raise Malformed(f"the rows are more than {DATA_BYTES >> 20} MiB as JSON", hint=_HINT)
            summary.add(row)
            self.row_count += 1
        data.write(b"[]" if separator == b"[" else b"]")
        return summary.figures()

    def whole(self, rest: dict[str, Any]) -> Raw:
        """The output with the members of `rest` beside `data`."""
        self._data.write(b"," + codec.encode(rest)[1:])
        return Raw(self._data.getvalue())


def layout(given: FileFormat) -> CsvFormat | XlsxFormat:
    """A format with its options, where a mere name was given."""
    match given:
        case "csv":
            return CsvFormat()
        case "xlsx":
            return XlsxFormat()
        case _:
            return given


def is_several(format_: CsvFormat | XlsxFormat) -> bool:
    """Whether all sheets are read: then what is told of them is told by sheet."""
    return isinstance(format_, XlsxFormat) and format_.all


def tables(path: Path, config: FileConfig, stop: Stop) -> Generator[Table, None, None]:
    """The tables of the file, transformed, to be read in order."""
    format_ = layout(config.format)
    opened = (
        delimited.read(path, format_, stop) if isinstance(format_, CsvFormat) else workbook.read(path, format_, stop)
    )
    with closing(opened):
        for table in opened:
            yield changed(table, config.transformations, format_)


def take(path: Path, config: FileConfig, stop: Stop) -> tuple[Taken, dict[str, Any]]:
    """All rows of the file, and the summary: of the one table, or by sheet. Raises `Malformed`."""
    taken = Taken(MOST_ROWS if config.max_rows is None else config.max_rows)
    several = is_several(layout(config.format))
    summaries: dict[str, Any] = {}
    with closing(tables(path, config, stop)) as found:
        for place, table in enumerate(found):
            if several:
                taken.mark((b"," if place else b"{") + codec.encode(table.sheet) + b":")
            summaries[table.sheet] = taken.take(table, stop)
    if several:
        taken.mark(b"}" if summaries else b"{}")
    return taken, summaries if several else next(iter(summaries.values()))
