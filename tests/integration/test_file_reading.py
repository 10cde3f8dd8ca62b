"""The file step reading real files, well made and odd."""

from __future__ import annotations

import asyncio
import csv
import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.steps.tables import child
from tests.support.steps import failure_of, output_of
from tests.support.tables import read, rows, run, sheet_of, written, xlsx

pytestmark = pytest.mark.requirement("H4.3")


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


async def test_a_csv_becomes_rows_with_a_summary(files: Blobs) -> None:
    output = output_of(await read(files, "tên,price\r\nPhở,5\r\n,7\r\n".encode()))
    assert output == {
        "data": [{"tên": "Phở", "price": "5"}, {"tên": "", "price": "7"}],
        "row_count": 2,
        "path": "in/file",
        "files": [
            {"path": "in/file", "filename": "file", "size": 25, "mime_type": "text/csv", "row_count": 2},
        ],
        "summary": {
            "tên": {"count": 1, "nulls": 1, "min": "Phở", "max": "Phở", "sum": None},
            "price": {"count": 2, "nulls": 0, "min": "5", "max": "7", "sum": None},
        },
    }


@pytest.mark.parametrize(
    ("data", "format_", "wanted"),
    [
        (b"a;b\n1;2\n", {"type": "csv", "delimiter": ";"}, [{"a": "1", "b": "2"}]),
        (b"a\tb\n1\t2\n", {"type": "csv", "delimiter": "\t"}, [{"a": "1", "b": "2"}]),
        (b"1,2\n", {"type": "csv", "has_header": False}, [{"column_1": "1", "column_2": "2"}]),
        ("a\nĐà Nẵng\n".encode("utf-16"), {"type": "csv", "encoding": "utf-16"}, [{"a": "Đà Nẵng"}]),
        ("a\nphở\n".encode("cp1258", "replace"), {"type": "csv", "encoding": "cp1258"}, [{"a": "ph?"}]),
        ("\ufeffa\n1\n".encode(), "csv", [{"a": "1"}]),
        (b'a,b\n"x ""y""\nz",2\n\n3,4\n', "csv", [{"a": 'x "y"\nz', "b": "2"}, {"a": "3", "b": "4"}]),
        (b"a\n", "csv", []),
    ],
)
async def test_csv_comes_in_many_dialects(files: Blobs, data: bytes, format_: Any, wanted: Any) -> None:
    assert await rows(files, data, format_) == wanted


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"a,b,a\n1,2,3\n", "row 1, column 'C': the name 'a' is already that of column A"),
        (b"a,,c\n1,2,3\n", "row 1, column 'B': the column has no name"),
        (b'a,b\n1,2\n"x\ny",2\n1,2,3\n', "row 5: 3 fields, but there are 2 columns"),
        (b"a,b\n1\n", "row 2: 1 fields"),
        (b"a\nok\nb\xff\n", "row 3: not utf-8"),
        (b'a\n"never closed\n', "row 2: not CSV"),
        (b'a\n"x"y\n', "row 2: not CSV"),
    ],
)
async def test_a_malformed_csv_names_row_and_column(files: Blobs, data: bytes, words: str) -> None:
    result = await read(files, data)
    assert words in failure_of(result)
    assert not result.retryable


@pytest.mark.parametrize(
    ("data", "format_", "words"), [(b"a\n\xff\n", "csv", "row 2: not utf-8"), (b"a\n", "xlsx", "not an XLSX workbook")]
)
async def test_what_is_said_of_a_malformed_file_names_the_file(
    files: Blobs, data: bytes, format_: str, words: str
) -> None:
    assert failure_of(await read(files, data, format_)) == f"file 'in/file': {words}"


async def test_bytes_of_another_encoding_are_told_with_how_to_name_it(files: Blobs) -> None:
    failure = (await read(files, "a\nphở\n".encode("utf-16"))).failure
    assert failure is not None
    assert failure.details is not None
    assert '"format": {"type": "csv", "encoding": "…"}' in failure.details["hint"]


async def test_a_workbook_becomes_rows_with_their_types(files: Blobs) -> None:
    data = sheet_of(["name", "n", "x", "ok"], ["a", 1, 1.5, True], [None, None, None, None], ["=b", None, 2.0, False])
    assert await rows(files, data, "xlsx") == [
        {"name": "a", "n": 1, "x": 1.5, "ok": True},
        {"name": 0, "n": None, "x": 2, "ok": False},
    ]


async def test_a_table_need_not_begin_in_the_corner(files: Blobs) -> None:
    data = sheet_of(["A report", None], [None], [None, None, "name", "n"], [None, None, "a", 1])
    result = await read(files, data, {"type": "xlsx", "header_row": 3})
    assert "column 'A': the column has no name" in failure_of(result)

    def fill(book: Any) -> None:
        sheet = book.add_worksheet()
        sheet.write(2, 0, "name")
        sheet.write(3, 0, "x")

    assert await rows(files, xlsx(fill), {"type": "xlsx", "header_row": 3}) == [{"name": "x"}]


def three(book: Any) -> None:
    for name, value in (("First", 1), ("Thứ hai", 2)):
        sheet = book.add_worksheet(name)
        sheet.write(0, 0, "v")
        sheet.write(1, 0, value)
    book.add_worksheet("Empty")


@pytest.mark.parametrize(("sheet", "wanted"), [(0, 1), (1, 2), ("Thứ hai", 2)])
async def test_a_sheet_is_chosen_by_name_or_index(files: Blobs, sheet: Any, wanted: int) -> None:
    assert await rows(files, xlsx(three), {"type": "xlsx", "sheet": sheet}) == [{"v": wanted}]


async def test_all_sheets_are_read_by_name(files: Blobs) -> None:
    output = output_of(await read(files, xlsx(three), {"type": "xlsx", "all": True}))
    assert output["data"] == {"First": [{"v": 1}], "Thứ hai": [{"v": 2}], "Empty": []}
    assert output["row_count"] == 2
    assert output["summary"]["Thứ hai"]["v"]["sum"] == 2


@pytest.mark.parametrize(
    ("data", "format_", "words"),
    [
        (xlsx(three), {"type": "xlsx", "sheet": "none"}, "no sheet 'none': the sheets are 'First', 'Thứ hai', 'Empty'"),
        (xlsx(three), {"type": "xlsx", "sheet": 3}, "no sheet number 3"),
        (xlsx(three), {"type": "xlsx", "sheet": 2}, "sheet 'Empty', row 1: there are no column names"),
        (sheet_of(["a", None, "c"], [1, 2, 3]), "xlsx", "sheet 'Sheet1', row 1, column 'B': the column has no name"),
        (sheet_of(["a", "a"]), "xlsx", "column 'B': the name 'a' is already that of column A"),
        (
            sheet_of(["a"], [1], [1, None, 3]),
            "xlsx",
            "sheet 'Sheet1', row 3, column 'C': there is a value but no column",
        ),
        (b"not a zip", "xlsx", "not an XLSX workbook"),
        (xlsx(three)[:-60], "xlsx", "not an XLSX workbook"),
        (xlsx(three), {"type": "xlsx", "header_row": 0}, "header_row"),
    ],
    ids=str,
)
async def test_a_malformed_workbook_names_sheet_row_and_column(
    files: Blobs, data: bytes, format_: Any, words: str
) -> None:
    assert words in failure_of(await read(files, data, format_))


def rezipped(data: bytes, change: Callable[[str, bytes], bytes]) -> bytes:
    """The workbook with its parts changed by hand."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, change(part.filename, old.read(part)))
    return file.getvalue()


async def test_a_workbook_that_unpacks_to_too_much_is_refused_unread(
    files: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "UNPACKED_BYTES", 100 << 20)
    bomb = rezipped(sheet_of(["a"], [1]), lambda name, part: part + bytes(120 << 20 if "sheet1" in name else 0))
    assert len(bomb) < 1 << 20
    assert "unpacks to 120 MiB" in failure_of(await read(files, bomb, "xlsx"))
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}", b"")
    assert "10001 parts" in failure_of(await read(files, many.getvalue(), "xlsx"))


async def test_a_cell_far_away_does_not_take_the_memory_of_all_cells_before_it(files: Blobs) -> None:
    def change(_: str, part: bytes) -> bytes:
        return part.replace(b'<row r="2"', b'<row r="1048576"').replace(b'r="A2"', b'r="XFD1048576"')

    words = failure_of(await read(files, rezipped(sheet_of(["a"], [1]), change), "xlsx"))
    assert "sheet 'Sheet1', row 1048576, column 'XFD': there is a value but no column name" in words


async def test_a_text_that_many_cells_share_does_not_take_the_memory_of_so_many_texts(files: Blobs) -> None:
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 60_001))

    def change(name: str, part: bytes) -> bytes:
        if name.endswith("sheet1.xml"):
            head, _, rest = part.partition(b"<sheetData>")
            return head + b"<sheetData>" + cells + b"</sheetData>" + rest.partition(b"</sheetData>")[2]
        return part.replace(b"<t>a</t>", b"<t>" + b"x" * 32_000 + b"</t>")

    result = await read(files, rezipped(sheet_of(["a"]), change), "xlsx")
    assert "more than 32 MiB as JSON" in failure_of(result)
    assert result.failure is not None
    assert "convert" in (result.failure.details or {})["hint"]


async def test_a_part_that_cannot_be_read_row_by_row_either_is_refused(
    files: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "MEMORY_BYTES", 128 << 20)
    data = rezipped(
        sheet_of(["a"], ["x"]), lambda _, part: part.replace(b"<t>x</t>", b"<t>" + b"x" * (100 << 20) + b"</t>")
    )
    assert "needs more memory than a file may" in failure_of(await read(files, data, "xlsx"))


async def test_cancelling_ends_the_process_that_reads_a_workbook(files: Blobs) -> None:
    lines = [[f"c{place}" for place in range(30)], *([n] * 30 for n in range(5_000))]
    await files.put("in/file", sheet_of(*lines))
    task = asyncio.create_task(run(files, {"operation": "read", "path": "in/file", "format": "xlsx"}))
    before = set(psutil.Process().children())
    while not (readers := set(psutil.Process().children()) - before):  # noqa: ASYNC110 (nobody tells of it)
        await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    _, alive = await asyncio.to_thread(psutil.wait_procs, readers, 30)
    assert not alive


async def test_more_rows_than_the_cap_are_an_error_that_names_it(files: Blobs) -> None:
    assert "more than 2 rows (max_rows)" in failure_of(await read(files, b"a\n1\n2\n3\n", max_rows=2))
    assert len(await rows(files, b"a\n1\n2\n", max_rows=2)) == 2


async def test_a_file_that_is_not_there_or_not_in_the_area_is_a_failure(files: Blobs) -> None:
    result = await run(files, {"operation": "read", "path": "in/none.csv", "format": "csv"})
    assert "'in/none.csv' in area 'files' does not exist" in failure_of(result)
    for path in ("../modules/m.wasm", "/etc/passwd", "a/../../modules/x", "a\0b", ""):
        result = await run(files, {"operation": "read", "path": path, "format": "csv"})
        assert "not allowed" in failure_of(result)


async def test_no_temporary_file_is_left_behind(files: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    await written(files, [{"a": 1}], "xlsx")
    await read(files, b"a,a\n")
    await read(files, b"not a workbook", "xlsx")
    assert os.listdir(folder) == []  # noqa: PTH208


def test_csv_is_what_other_programs_write(tmp_path: Path) -> None:
    file = io.StringIO()
    csv.writer(file, dialect="excel").writerows([["a", "b"], ["x,y", 'q"']])

    async def reading() -> Any:
        return await rows(open_blobs("memory://", area="files"), file.getvalue().encode())

    assert asyncio.run(reading()) == [{"a": "x,y", "b": 'q"'}]
