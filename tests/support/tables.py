"""Files of tables and the step that reads and writes them."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import xlsxwriter

from hengio.blobs.protocol import Blobs
from hengio.steps.files import FileStep
from hengio.steps.protocol import StepResult
from tests.support.steps import output_of, step_request

FOLDER = "jobs/job-1/executions/execution-1/s/1"


async def run(files: Blobs, config: dict[str, Any], **options: Any) -> StepResult:
    """One run of a file step."""
    return await FileStep(files).run(step_request("file_processing", config, **options))


async def read(files: Blobs, data: bytes, format_: Any = "csv", **config: Any) -> StepResult:
    """Read `data` as the file `in/file`."""
    await files.put("in/file", data)
    return await run(files, {"operation": "read", "path": "in/file", "format": format_, **config})


async def rows(files: Blobs, data: bytes, format_: Any = "csv", **config: Any) -> Any:
    """The rows that `data` holds."""
    return output_of(await read(files, data, format_, **config))["data"]


async def written(files: Blobs, rows: list[Any], format_: Any = "csv", **config: Any) -> bytes:
    """The file `out` that a step makes of `rows`."""
    result = await run(files, {"operation": "write", "path": "out", "format": format_, "data_source": rows, **config})
    output_of(result)
    return await files.get(f"{FOLDER}/out")


def xlsx(fill: Callable[[Any], None]) -> bytes:
    """A workbook as `fill` makes it."""
    file = io.BytesIO()
    with xlsxwriter.Workbook(file) as book:
        fill(book)
    return file.getvalue()


def sheet_of(*lines: list[Any], name: str = "Sheet1") -> bytes:
    """A workbook of one sheet with these cells; None leaves one empty."""

    def fill(book: Any) -> None:
        sheet = book.add_worksheet(name)
        for number, line in enumerate(lines):
            for place, value in enumerate(line):
                if value is not None:
                    sheet.write(number, place, value)

    return xlsx(fill)
