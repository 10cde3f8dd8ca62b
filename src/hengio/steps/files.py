"""The file step: reads, writes and converts tables, CSV and XLSX, in the files area of the object store (H4)."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
import unicodedata
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.codec import Raw
from hengio.definition import templates
from hengio.definition.configs import CsvFormat, FileConfig, FileFormat, FileTarget
from hengio.definition.context import Context
from hengio.errors import HengioError, Refused, Unavailable
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.steps.tables import delimited, source, target
from hengio.steps.tables.naming import file_key
from hengio.steps.tables.place import Malformed, Stop
from hengio.steps.tables.source import layout
from hengio.steps.tables.target import Written

MIME_TYPES = {
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_CHUNK = 1 << 20
_GRACE_SECONDS = 0.5
T = TypeVar("T")


class FileStep:
    """Reads a file into rows, or writes rows, or another file's, into a file under the attempt's own folder.

    Files pass through a temporary folder and a thread: memory holds rows of the output, never the file. The folder
    lies in `scratch`, or in the system's own place for such.
    """

    def __init__(self, files: Blobs, scratch: Path | None = None) -> None:
        self._files = files
        self._scratch = scratch

    async def run(self, request: StepRequest) -> StepResult:
        try:
            config = await asyncio.to_thread(_config, request.step.config, request.context)
            folder = Path(tempfile.mkdtemp(prefix="hengio-", dir=self._scratch))
            try:
                return await self._done(config, request, folder)
            finally:
                shutil.rmtree(folder, ignore_errors=True)
        except HengioError as error:
            return failed(error)
        except OSError as error:
            return failed(Unavailable(f"the folder for temporary files cannot be used: {error.strerror or error}"))

    async def _done(self, config: FileConfig, request: StepRequest, folder: Path) -> StepResult:
        match config.operation:
            case "read":
                return await self._read(config, folder)
            case "write":
                return await self._write(config, request, folder)
            case "convert":
                return await self._convert(config, request, folder)

    async def _read(self, config: FileConfig, folder: Path) -> StepResult:
        key, path = _key(config.path), folder / "in"
        size = await self._fetch(key, path)
        try:
            taken, summary = await _in_thread(folder, lambda stop: source.take(path, config, stop))
        except Malformed as error:
            raise error.of(key) from error
        file = _file(key, config.format, size=size, rows=taken.row_count)
        rest = {"row_count": taken.row_count, "summary": summary, "path": key, "files": [file]}
        return _result(taken.whole(rest), file)

    async def _write(self, config: FileConfig, request: StepRequest, folder: Path) -> StepResult:
        key, path = file_key(request, config.path), folder / "out"
        written = await _in_thread(folder, lambda stop: target.write(path, config, stop))
        return await self._stored(request, written, key, config.format, path=path)

    async def _convert(self, config: FileConfig, request: StepRequest, folder: Path) -> StepResult:
        to, origin, path = _to(config), folder / "in", folder / "out"
        given, key = _key(config.path), file_key(request, to.path)
        await self._fetch(given, origin)
        try:
            written = await _in_thread(
                folder, lambda stop: target.convert(path, to, config, origin=origin, key=given, stop=stop)
            )
        except Malformed as error:
            raise error.of(to.path) from error
        return await self._stored(request, written, key, to.format, path=path)

    async def _stored(
        self, request: StepRequest, written: Written, key: str, format_: FileFormat, *, path: Path
    ) -> StepResult:
        """Put what was written into the store. In a dry run that is the run's own, where later steps find the file."""
        size = await self._files.put_stream(key, _chunks(path))
        file = _file(key, format_, size=size, rows=written.row_count)
        if request.rehearsal is not None:
            noted = {"path": key, "rows": written.row_count, "columns": written.columns, "size": size}
            request.rehearsal.note(
                "file", step_id=request.step.id, visit=request.visit, attempt=request.attempt, what=noted
            )
        output = {"row_count": written.row_count, "summary": written.summary, "path": key, "files": [file]}
        return _result(Raw(codec.encode(output)), file)

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
    _check_format(found.format)
    if found.to is not None:
        _check_format(found.to.format)
    return found


def _check_format(given: FileFormat) -> None:
    format_ = layout(given)
    if isinstance(format_, CsvFormat):
        delimited.check(format_)
    if format_.header_row < 1:
        raise Refused("format.header_row counts from 1")
    if format_.thousands == format_.decimal:
        raise Refused("format.thousands must be another sign than format.decimal")


def _to(config: FileConfig) -> FileTarget:
    if config.to is None:
        raise Refused("converting needs `to`, the file to write")
    return config.to


def _key(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _file(key: str, format_: FileFormat, *, size: int, rows: int) -> dict[str, Any]:
    kind = "csv" if isinstance(layout(format_), CsvFormat) else "xlsx"
    name = key.rpartition("/")[2]
    return {"path": key, "filename": name, "size": size, "mime_type": MIME_TYPES[kind], "row_count": rows}


def _result(output: Raw, file: dict[str, Any]) -> StepResult:
    return StepResult(output=output, detail={"bytes": file["size"], "rows": file["row_count"]})


async def _in_thread(folder: Path, work: Callable[[Stop], T]) -> T:
    """Run blocking work so that cancelling the step ends it: at its next row, or the program that it waits for.

    A cancelled step waits a moment, so that the thread leaves `folder` first; one that is late removes it by itself.
    """
    stop = Stop()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        await asyncio.wait([running])
    except asyncio.CancelledError:
        stop.ask()
        running.add_done_callback(lambda ended: _forget(ended, folder))
        await asyncio.wait([running], timeout=_GRACE_SECONDS)
        raise
    return running.result()


def _forget(ended: asyncio.Future[Any], folder: Path) -> None:
    if not ended.cancelled():
        ended.exception()  # nobody asks any more
    shutil.rmtree(folder, ignore_errors=True)


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
