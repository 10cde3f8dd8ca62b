"""The file step making a file of another, row by row."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.steps.files import FileStep
from hengio.steps.rehearsal import Rehearsal
from tests.support.blobs import keys
from tests.support.steps import failure_of, output_of, step_request
from tests.support.tables import FOLDER, run, sheet_of, xlsx

pytestmark = pytest.mark.requirement("H4.3")

ORDERS = b"id,day,price\r\n1,2026-11-23,1.5\r\n2,2026-11-24,9\r\n3,2026-11-25,\r\n"
KINDS = {"id": "integer", "day": "date", "price": "number"}


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


async def convert(files: Blobs, data: bytes, format_: Any, to: Any, **config: Any) -> Any:
    """Convert `data` into the file `out`."""
    await files.put("in/file", data)
    target = {"path": "out", **to} if isinstance(to, dict) else {"path": "out", "format": to}
    return await run(files, {"operation": "convert", "path": "in/file", "format": format_, "to": target, **config})


def cells(data: bytes) -> dict[str, list[list[Any]]]:
    """What openpyxl finds in a workbook."""
    book = openpyxl.load_workbook(io.BytesIO(data))
    return {sheet.title: [list(row) for row in sheet.iter_rows(values_only=True)] for sheet in book.worksheets}


def two(book: Any) -> None:
    for name, value in (("First", 1), ("Thứ hai", 2.5)):
        sheet = book.add_worksheet(name)
        sheet.write_row(0, 0, ["v", "t"])
        sheet.write_row(1, 0, [value, f"={name}"[1:]])


@pytest.mark.requirement("H4.8")
async def test_a_csv_becomes_a_workbook_under_the_attempts_own_folder(files: Blobs) -> None:
    transformations = {"type_conversion": KINDS, "filter": "(price ?? 0) < 9", "column_mapping": {"price": "price"}}
    to = {"format": {"type": "xlsx", "sheet": "Đơn hàng"}, "columns": ["price", "id"], "path": "out"}
    output = output_of(await convert(files, ORDERS, "csv", to, transformations=transformations))
    data = await files.get(f"{FOLDER}/out")
    assert cells(data) == {"Đơn hàng": [["price", "id"], [1.5, 1], [None, 3]]}
    assert output == {
        "row_count": 2,
        "path": f"{FOLDER}/out",
        "files": [
            {
                "path": f"{FOLDER}/out",
                "filename": "out",
                "size": len(data),
                "mime_type": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "row_count": 2,
            }
        ],
        "summary": {
            "price": {"count": 1, "nulls": 1, "min": 1.5, "max": 1.5, "sum": 1.5},
            "id": {"count": 2, "nulls": 0, "min": 1, "max": 3, "sum": 4},
        },
    }


async def test_a_workbook_becomes_a_csv(files: Blobs) -> None:
    data = sheet_of(["n", "t", "ok"], [1, "a;b", True], [2.5, "=x", False])
    to = {"format": {"type": "csv", "delimiter": ";", "decimal": ","}}
    output_of(await convert(files, data, "xlsx", to))
    assert await files.get(f"{FOLDER}/out") == b'n;t;ok\r\n1;"a;b";true\r\n2,5;0;false\r\n'


async def test_all_sheets_become_sheets_of_the_same_names(files: Blobs) -> None:
    output = output_of(await convert(files, xlsx(two), {"type": "xlsx", "all": True}, "xlsx"))
    assert cells(await files.get(f"{FOLDER}/out")) == {
        "First": [["v", "t"], [1, "First"]],
        "Thứ hai": [["v", "t"], [2.5, "Thứ hai"]],
    }
    assert output["row_count"] == 2
    assert output["summary"]["Thứ hai"]["v"]["sum"] == 2.5


@pytest.mark.parametrize(
    ("data", "format_", "to", "config", "words"),
    [
        (b"a\n1\n2,3\n", "csv", "xlsx", {}, "file 'in/file': row 3: 2 fields, but there are 1 columns"),
        (b"a\nx\n", "csv", "xlsx", {"transformations": {"type_conversion": {"a": "integer"}}}, "row 2, column 'a'"),
        (b"a\n" + b"x" * 40_000, "csv", "xlsx", {}, "file 'out': sheet 'Sheet1', row 2, column 'a': a text of 40000"),
        (b"a\n1\n2\n", "csv", "csv", {"max_rows": 1}, "more than 1 rows (max_rows)"),
        (b"a\n1\n", "csv", {"format": "csv", "columns": ["b"]}, {}, "to.columns names the column `b`"),
        (b"a\n\xc4\x91\n", "csv", {"format": {"type": "csv", "encoding": "ascii"}}, {}, "file 'out': row 1"),
        (xlsx(two), {"type": "xlsx", "all": True}, "csv", {}, "a CSV file has no sheets"),
        (b"a\n1\n", "csv", {"format": "csv", "path": "../x"}, {}, "not allowed"),
        (b"a\n1\n", "csv", {"format": {"type": "xlsx", "sheet": "a/b"}}, {}, "sheet name"),
        (b"no workbook", "xlsx", "csv", {}, "file 'in/file': not an XLSX workbook"),
    ],
    ids=str,
)
async def test_what_cannot_be_converted_says_which_file_and_where(
    files: Blobs, data: bytes, format_: Any, to: Any, config: Any, words: str
) -> None:
    assert words in failure_of(await convert(files, data, format_, to, **config))
    assert await keys(files) == ["in/file"]


async def test_more_rows_than_can_be_handed_on_can_be_converted(files: Blobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hengio.steps.tables.source.DATA_BYTES", 100)
    data = b"a\n" + b"123456789\n" * 100
    await files.put("in/file", data)
    result = await run(files, {"operation": "read", "path": "in/file", "format": "csv"})
    assert result.failure is not None
    assert '"convert"' in (result.failure.details or {})["hint"]
    assert output_of(await convert(files, data, "csv", "csv"))["row_count"] == 100


@pytest.mark.parametrize("operation", ["write", "convert"])
async def test_a_dry_run_notes_the_file_that_would_have_been_written(files: Blobs, operation: str) -> None:
    await files.put("in/file", ORDERS)
    config: dict[str, Any] = {
        "write": {"path": "out", "format": "csv", "data_source": [{"id": 1, "day": None}]},
        "convert": {
            "path": "in/file",
            "format": "csv",
            "to": {"path": "out", "format": "csv", "columns": ["id", "day"]},
        },
    }[operation]
    rehearsal = Rehearsal()
    request = step_request("file_processing", {"operation": operation, **config})
    output = output_of(await FileStep(files).run(msgspec.structs.replace(request, rehearsal=rehearsal)))
    (change,) = rehearsal.changes
    size, rows = len(await files.get(f"{FOLDER}/out")), output["row_count"]
    assert (change.kind, change.step_id) == ("file", "s")
    assert change.what == {"path": f"{FOLDER}/out", "rows": rows, "columns": ["id", "day"], "size": size}
