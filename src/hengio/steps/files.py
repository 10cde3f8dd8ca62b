"""The file step: reads and writes tables, CSV and XLSX, in the files area of the object store (H4)."""

from __future__ import annotations

import asyncio
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.codec import Raw
from hengio.definition import templates
from hengio.definition.configs import CsvFormat, FileConfig, SheetConfig, XlsxFormat
from hengio.definition.context import Context
from hengio.errors import HengioError, Refused
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.steps.tables import delimited, workbook
from hengio.steps.tables.change import changed
from hengio.steps.tables.naming import file_key
from hengio.steps.tables.place import Malformed, Row, Stop, Table
from hengio.steps.tables.summary import Summary

MIME_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
DATA_BYTES = 128 << 20
_CHUNK = 1 << 20
T = TypeVar("T")


class FileStep:
    """Reads a file into rows, or writes rows into a file under the attempt's own folder.

    Files pass through a temporary file and a thread: memory holds rows of the output, never the file.
    """

    def __init__(self, files: Blobs) -> None:
        self._files = files

    async def run(self, request: StepRequest) -> StepResult:
        try:
            config = await asyncio.to_thread(_config, request.step.config, request.context)
            if config.operation == "read":
                return await self._read(config)
            return await self._write(config, request)
        except HengioError as error:
            return failed(error)

    async def _read(self, config: FileConfig) -> StepResult:
        key = unicodedata.normalize("NFC", config.path)
        with tempfile.TemporaryDirectory(prefix="hengio-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "file"
            size = await self._fetch(key, path)
            try:
                output = await _in_thread(lambda stop: _reading(path, config, stop))
            except Malformed as error:
                raise error.of(key) from error
        return _result(output, _file(key, size, config, output["row_count"]))

    async def _write(self, config: FileConfig, request: StepRequest) -> StepResult:
        key = file_key(request, config.path)
        with tempfile.TemporaryDirectory(prefix="hengio-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / "file"
            output = await _in_thread(lambda stop: _writing(path, config, stop))
            size = await self._files.put_stream(key, _chunks(path))
        return _result(output, _file(key, size, config, output["row_count"]))

    async def _fetch(self, key: str, path: Path) -> int:
        size = 0
        with path.open("wb") as file:
            async for chunk in self._files.stream(key, chunk_bytes=_CHUNK):
                await asyncio.to_thread(file.write, chunk)
                size += len(chunk)
        return size


def _config(config: dict[str, Any], context: Context) -> FileConfig:
    resolved = {key: templates.resolve(value, context, field=key) for key, value in config.items()}
    try:
        found = msgspec.convert(resolved, FileConfig)
    except msgspec.ValidationError as error:
        raise Refused(f"the step's configuration does not fit: {error}") from error
    if isinstance(format_ := _format(found), CsvFormat):
        delimited.check(format_)
    elif format_.header_row < 1:
        raise Refused("format.header_row counts from 1")
    return found


def _format(config: FileConfig) -> CsvFormat | XlsxFormat:
    match config.format:
        case "csv":
            return CsvFormat()
        case "xlsx":
            return XlsxFormat()
        case given:
            return given


def _reading(path: Path, config: FileConfig, stop: Stop) -> dict[str, Any]:
    format_ = _format(config)
    data: dict[str, Raw] = {}
    summaries: dict[str, Any] = {}
    total = 0
    with closing(_tables(path, format_, stop)) as tables:
        for table in tables:
            count, data[table.sheet], summaries[table.sheet] = _taken(
                changed(table, config.transformations), config.max_rows - total, config.max_rows, stop
            )
            total += count
    if isinstance(format_, XlsxFormat) and format_.all:
        return {"data": data, "row_count": total, "summary": summaries}
    name = next(iter(data))
    return {"data": data[name], "row_count": total, "summary": summaries[name]}


def _tables(path: Path, format_: CsvFormat | XlsxFormat, stop: Stop) -> Generator[Table, None, None]:
    return delimited.read(path, format_) if isinstance(format_, CsvFormat) else workbook.read(path, format_, stop)


def _taken(table: Table, room: int, most: int, stop: Stop) -> tuple[int, Raw, dict[str, Any]]:
    """The table's rows as JSON, encoded one by one: an object of a row never outlives its turn."""
    summary, count, data = Summary(table.columns), 0, bytearray(b"[")
    for _, row in table.rows:
        stop.check()
        if count >= room:
            raise Malformed(f"the file has more than {most} rows (max_rows)")
        data += codec.encode(row) + b","
        if len(data) > DATA_BYTES:
            raise Malformed(f"the rows are more than {DATA_BYTES >> 20} MiB as JSON: filter them")
        summary.add(row)
        count += 1
    data[-1:] = b"]" if count else b"[]"
    return count, Raw(bytes(data)), summary.figures()


def _writing(path: Path, config: FileConfig, stop: Stop) -> dict[str, Any]:
    format_, sheets = _format(config), _sheets(config)
    summaries = {sheet.name: Summary(columns) for sheet, columns, _ in sheets}
    if isinstance(format_, CsvFormat):
        sheet, columns, rows = sheets[0]
        counts = [delimited.write(path, format_, columns, _watched(rows, summaries[sheet.name]), stop)]
    else:
        contents = [
            workbook.Sheet(sheet.name, columns, _watched(rows, summaries[sheet.name]))
            for sheet, columns, rows in sheets
        ]
        counts = workbook.write(path, contents, stop)
    figures = {name: summary.figures() for name, summary in summaries.items()}
    whole = figures if config.sheets is not None else next(iter(figures.values()))
    return {"row_count": sum(counts), "summary": whole}


def _sheets(config: FileConfig) -> list[tuple[SheetConfig, tuple[str, ...], Iterator[Row]]]:
    """What is to be written, sheet by sheet: its columns and its rows, transformed as they are taken."""
    format_ = _format(config)
    if (config.sheets is None) == (config.data_source is None):
        raise Refused("writing needs either data_source or sheets")
    if config.sheets is not None and (isinstance(format_, CsvFormat) or not config.sheets):
        raise Refused("sheets is for XLSX and needs at least one sheet")
    single = format_.sheet if isinstance(format_, XlsxFormat) and isinstance(format_.sheet, str) else "Sheet1"
    sheets = config.sheets or (SheetConfig(name=single, data_source=config.data_source or [], columns=config.columns),)
    if isinstance(format_, XlsxFormat):
        workbook.check_names([sheet.name for sheet in sheets])
    if (total := sum(len(sheet.data_source) for sheet in sheets)) > config.max_rows:
        raise Refused(f"there are {total} rows to write, more than {config.max_rows} (max_rows)")
    return [_planned(sheet, config) for sheet in sheets]


def _planned(sheet: SheetConfig, config: FileConfig) -> tuple[SheetConfig, tuple[str, ...], Iterator[Row]]:
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
    return sheet, columns, (row for _, row in table.rows)


def _watched(rows: Iterator[Row], summary: Summary) -> Iterator[Row]:
    for row in rows:
        summary.add(row)
        yield row


def _file(key: str, size: int, config: FileConfig, rows: int) -> dict[str, Any]:
    kind = "csv" if isinstance(_format(config), CsvFormat) else "xlsx"
    name = key.rpartition("/")[2]
    return {"path": key, "filename": name, "size": size, "mime_type": MIME_TYPES[kind], "row_count": rows}


def _result(output: dict[str, Any], file: dict[str, Any]) -> StepResult:
    whole = output | {"path": file["path"], "files": [file]}
    return StepResult(output=Raw(codec.encode(whole)), detail={"bytes": file["size"], "rows": file["row_count"]})


async def _in_thread(work: Callable[[Stop], T]) -> T:
    """Run blocking work so that cancelling the step ends it: at its next row, or the program that it waits for."""
    stop = Stop()
    try:
        return await asyncio.to_thread(work, stop)
    except asyncio.CancelledError:
        stop.ask()
        raise


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
