"""Rows into a file: from a step's configuration, or from another file (H4)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from hengio.definition import words
from hengio.definition.configs import CsvFormat, FileConfig, FileTarget, SheetConfig, XlsxFormat
from hengio.errors import Refused
from hengio.steps.tables import delimited, source, spreadsheet
from hengio.steps.tables.change import changed
from hengio.steps.tables.place import Malformed, Row, Stop, Table
from hengio.steps.tables.source import MOST_ROWS, is_several, layout
from hengio.steps.tables.spreadsheet import Moment, Sheet
from hengio.steps.tables.summary import Summary


class Written(NamedTuple):
    """What was written: how many rows, the summary and the columns, which are by sheet where there are several."""

    row_count: int
    summary: dict[str, Any]
    columns: Any


def write(path: Path, config: FileConfig, stop: Stop) -> Written:
    """Write what `data_source` or `sheets` give."""
    sheets = _sheets(config)
    moments = _moments(config)
    planned = (_planned(sheet, config, moments) for sheet in sheets)
    return _written(path, layout(config.format), planned, stop, several=config.sheets is not None)


def convert(path: Path, to: FileTarget, config: FileConfig, *, origin: Path, key: str, stop: Stop) -> Written:
    """Write what the file at `origin` has, row by row. What is wrong with that file is told of `key`."""
    several = is_several(layout(config.format))
    if several and isinstance(layout(to.format), CsvFormat):
        raise Refused("a CSV file has no sheets: name the one to convert in format.sheet")
    with closing(_named(source.tables(origin, config, stop), key)) as tables:
        planned = (_passed(table, to, config, several=several) for table in tables)
        return _written(path, layout(to.format), _limited(planned, config.max_rows), stop, several=several)


def _written(
    path: Path, format_: CsvFormat | XlsxFormat, planned: Iterator[Sheet], stop: Stop, *, several: bool
) -> Written:
    summaries: dict[str, Summary] = {}
    columns: dict[str, list[str]] = {}

    def watched() -> Iterator[Sheet]:
        for sheet in planned:
            columns[sheet.name] = list(sheet.columns)
            summary = summaries[sheet.name] = Summary(sheet.columns)
            yield sheet.over(_summed(sheet.rows, summary))

    if isinstance(format_, CsvFormat):
        sheet = next(watched())
        count = delimited.write(path, format_, sheet.columns, sheet.rows, stop)
    else:
        count = spreadsheet.write(path, watched(), stop)
    figures = {name: summary.figures() for name, summary in summaries.items()}
    if several:
        return Written(count, figures, columns)
    return Written(count, next(iter(figures.values())), next(iter(columns.values())))


def _summed(rows: Iterator[Row], summary: Summary) -> Iterator[Row]:
    for row in rows:
        summary.add(row)
        yield row


def _sheets(config: FileConfig) -> tuple[SheetConfig, ...]:
    """What is to be written, sheet by sheet."""
    format_ = layout(config.format)
    if (config.sheets is None) == (config.data_source is None):
        raise Refused("writing needs either data_source or sheets")
    if config.sheets is not None and (isinstance(format_, CsvFormat) or not config.sheets):
        raise Refused("sheets is for XLSX and needs at least one sheet")
    only = SheetConfig(name=_name(format_), data_source=config.data_source or [], columns=config.columns)
    sheets = config.sheets or (only,)
    if isinstance(format_, XlsxFormat):
        spreadsheet.check_names([sheet.name for sheet in sheets])
    most = MOST_ROWS if config.max_rows is None else config.max_rows
    if (total := sum(len(sheet.data_source) for sheet in sheets)) > most:
        raise Refused(f"there are {total} rows to write, more than {most} (max_rows)")
    return sheets


def _name(format_: CsvFormat | XlsxFormat, default: str = "Sheet1") -> str:
    return format_.sheet if isinstance(format_, XlsxFormat) and isinstance(format_.sheet, str) else default


def _planned(sheet: SheetConfig, config: FileConfig, moments: dict[str, Moment]) -> Sheet:
    names: dict[str, None] = {}
    for place, row in enumerate(sheet.data_source):
        if not isinstance(row, dict):
            raise Refused(f"sheet '{sheet.name}', data_source[{place}] is not an object of column and value")
        names.update(dict.fromkeys(row))
    rows = ((number, dict(row)) for number, row in enumerate(sheet.data_source, start=1))
    table = Table(sheet.name, tuple(names), rows)
    if sheet.data_source:
        table = changed(table, config.transformations)
    columns = sheet.columns if sheet.columns is not None else table.columns
    return Sheet(sheet.name, columns, (row for _, row in table.rows), moments)


def _passed(table: Table, to: FileTarget, config: FileConfig, *, several: bool) -> Sheet:
    """A table on its way from one file to another, as a sheet of the same name or the one that `to` names."""
    unknown = next((name for name in to.columns or () if name not in table.columns), None)
    if unknown is not None:
        raise Refused(f"to.columns names the column `{unknown}`", hint=words.nearest(unknown, table.columns))
    name = table.sheet if several else _name(layout(to.format), table.sheet or "Sheet1")
    columns = table.columns if to.columns is None else to.columns
    return Sheet(name, columns, (row for _, row in table.rows), _moments(config))


def _moments(config: FileConfig) -> dict[str, Moment]:
    kinds = config.transformations.type_conversion.items()
    return {name: kind for name, kind in kinds if kind in {"date", "datetime"}}


def _limited(sheets: Iterator[Sheet], most: int | None) -> Iterator[Sheet]:
    """The sheets, with an error at the row that is one too many of all."""
    count = 0

    def counted(rows: Iterator[Row]) -> Iterator[Row]:
        nonlocal count
        for row in rows:
            count += 1
            if most is not None and count > most:
                raise Malformed(f"there are more than {most} rows (max_rows)")
            yield row

    for sheet in sheets:
        yield sheet if most is None else sheet.over(counted(sheet.rows))


def _named(tables: Generator[Table, None, None], key: str) -> Generator[Table, None, None]:
    """The tables, with the file's name in whatever is wrong with it."""

    def named(rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
        try:
            yield from rows
        except Malformed as error:
            raise error.of(key) from error

    with closing(tables):
        try:
            for table in tables:
                yield Table(table.sheet, table.columns, named(table.rows))
        except Malformed as error:
            raise error.of(key) from error
