"""The file step, on real files in an object store."""

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
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.steps.files import FileStep
from hengio.steps.tables import workbook
from tests.support.blobs import keys
from tests.support.steps import failure_of, output_of, step_context, step_request

pytestmark = pytest.mark.requirement("H4.3")
FOLDER = "jobs/job-1/executions/execution-1/s/1"


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


async def run(files: Blobs, config: dict[str, Any], **options: Any) -> Any:
    return await FileStep(files).run(step_request("file_processing", config, **options))


async def read(files: Blobs, data: bytes, format_: Any = "csv", **config: Any) -> Any:
    await files.put("in/file", data)
    return await run(files, {"operation": "read", "path": "in/file", "format": format_, **config})


async def rows(files: Blobs, data: bytes, format_: Any = "csv", **config: Any) -> Any:
    return output_of(await read(files, data, format_, **config))["data"]


async def written(files: Blobs, rows: list[Any], format_: Any = "csv", **config: Any) -> bytes:
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
    def fill(book: Any) -> None:
        sheet = book.add_worksheet(name)
        for number, line in enumerate(lines):
            for place, value in enumerate(line):
                if value is not None:
                    sheet.write(number, place, value)

    return xlsx(fill)


# Reading


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
    monkeypatch.setattr(workbook, "UNPACKED_BYTES", 100 << 20)
    bomb = rezipped(sheet_of(["a"], [1]), lambda name, part: part + bytes(120 << 20 if "sheet1" in name else 0))
    assert len(bomb) < 1 << 20
    assert "unpacks to 120 MiB" in failure_of(await read(files, bomb, "xlsx"))
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as archive:
        for number in range(10_001):
            archive.writestr(f"{number}", b"")
    assert "10001 parts" in failure_of(await read(files, many.getvalue(), "xlsx"))


async def test_a_cell_far_away_does_not_take_the_memory_of_all_cells_before_it(
    files: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MEMORY_BYTES", 512 << 20)
    data = rezipped(sheet_of(["a"], [1]), lambda _, part: part.replace(b'r="A2"', b'r="XFD1048576"'))
    assert "memory" in failure_of(await read(files, data, "xlsx"))


async def test_a_text_that_many_cells_share_does_not_take_the_memory_of_so_many_texts(
    files: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "MEMORY_BYTES", 512 << 20)
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 60_001))

    def change(name: str, part: bytes) -> bytes:
        if name.endswith("sheet1.xml"):
            head, _, rest = part.partition(b"<sheetData>")
            return head + b"<sheetData>" + cells + b"</sheetData>" + rest.partition(b"</sheetData>")[2]
        return part.replace(b"<t>a</t>", b"<t>" + b"x" * 32_000 + b"</t>")

    result = await read(files, rezipped(sheet_of(["a"]), change), "xlsx")
    assert "memory" in failure_of(result)


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


# Transformations


async def test_columns_are_renamed_then_converted_then_filtered(files: Blobs) -> None:
    output = output_of(
        await read(
            files,
            b"Unit Price,When,Ok,Name\n1.50,2026-11-23 10:00:00,yes,a\n0,2026-11-24,no,b\n,,,c\n",
            transformations={
                "column_mapping": {"Unit Price": "unit_price"},
                "type_conversion": {"unit_price": "number", "When": "date", "Ok": "boolean"},
                "filter": "(unit_price ?? 1) > 0",
            },
        )
    )
    assert output["data"] == [
        {"unit_price": 1.5, "When": "2026-11-23", "Ok": True, "Name": "a"},
        {"unit_price": None, "When": None, "Ok": None, "Name": "c"},
    ]
    assert output["summary"]["unit_price"] == {"count": 1, "nulls": 1, "min": 1.5, "max": 1.5, "sum": 1.5}


async def test_a_filter_reaches_any_column_by_row(files: Blobs) -> None:
    found = await rows(files, b"unit price,s\n1,x\n2,y\n", transformations={"filter": 'row["unit price"] == "2"'})
    assert found == [{"unit price": "2", "s": "y"}]


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        ("integer", " 12 ", 12),
        ("integer", str(2**70), 2**70),
        ("number", "-1.5e3", -1500.0),
        ("number", "7", 7),
        ("boolean", "TRUE", True),
        ("datetime", "2026-11-23T10:00:00+00:00", "2026-11-23T10:00:00Z"),
        ("datetime", "2026-11-23", "2026-11-23T00:00:00"),
        ("string", "007", "007"),
        ("integer", "", None),
    ],
)
async def test_texts_are_converted(files: Blobs, kind: str, text: str, wanted: Any) -> None:
    found = await rows(files, f"v,w\n{text},\n".encode(), transformations={"type_conversion": {"v": kind}})
    assert found == [{"v": wanted, "w": ""}]


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *(("integer", "1.5"), ("integer", "1,000"), ("integer", "secret"), ("number", "NaN"), ("number", "1e999")),
        *(
            ("number", "0x10"),
            ("boolean", "maybe"),
            ("date", "23/11/2026"),
            ("date", "2026-02-30"),
            ("datetime", "now"),
        ),
    ],
)
async def test_a_value_of_the_wrong_type_names_row_and_column_and_not_the_value(
    files: Blobs, kind: str, text: str
) -> None:
    data = f'v;w\n;1\n"{text}";2\n'.encode()
    result = await read(
        files, data, {"type": "csv", "delimiter": ";"}, transformations={"type_conversion": {"v": kind}}
    )
    assert "row 3, column 'v'" in failure_of(result)
    assert text not in failure_of(result)


@pytest.mark.parametrize(
    ("transformations", "words"),
    [
        ({"column_mapping": {"nmae": "x"}}, "nmae"),
        ({"column_mapping": {"name": "n"}}, "two columns the name `n`"),
        ({"type_conversion": {"m": "integer"}}, "`m`"),
        ({"type_conversion": {"n": "float"}}, "type_conversion"),
        ({"filter": "n > 5"}, "row 2: filter: cannot compare"),
        ({"filter": "absent == 1"}, "no column `absent`"),
        ({"filter": "n =="}, "column 5"),
        ({"filtre": "n"}, "filtre"),
    ],
)
async def test_a_transformation_that_cannot_be_done_is_a_failure(
    files: Blobs, transformations: Any, words: str
) -> None:
    assert words in failure_of(await read(files, b"name,n\na,1\n", transformations=transformations))


# Writing


async def test_a_file_is_written_under_the_attempts_own_folder(files: Blobs) -> None:
    config = {"operation": "write", "path": "báo cáo.csv", "format": "csv", "data_source": "{{steps.a.output}}"}
    context = step_context(outputs={"a": [{"x": 1, "y": None}, {"z": [1, {"k": "đ"}], "x": True}]})
    for attempt, visit, folder in ((1, 1, "1"), (2, 1, "2"), (1, 3, "3.1")):
        output = output_of(await run(files, config, context=context, attempt=attempt, visit=visit))
        assert output["path"] == f"jobs/job-1/executions/execution-1/s/{folder}/báo cáo.csv"
    data = await files.get(output["path"])
    assert data.decode() == 'x,y,z\r\n1,,\r\ntrue,,"[1,{""k"":""đ""}]"\r\n'
    assert output["files"] == [
        {
            "path": output["path"],
            "filename": "báo cáo.csv",
            "size": len(data),
            "mime_type": "text/csv",
            "row_count": 2,
        }
    ]
    assert output["summary"]["x"]["count"] == 2
    assert len(await keys(files)) == 3


@pytest.mark.parametrize(
    "path",
    [
        *("", "..", "../x.csv", "a/../../x", "/x.csv", "a//b", "a\\b", "C:x", "x\0.csv", "x\n", " x", "x.", "con"),
        *("a/LPT1.csv", "COM9.tar.gz", 'a"b', "a|b", "x" * 300, "\u202ex.csv", "a#1", "é" * 150),
    ],
    ids=ascii,
)
async def test_a_path_that_leaves_the_folder_or_is_no_file_name_anywhere_is_refused(files: Blobs, path: str) -> None:
    config = {"operation": "write", "path": path, "format": "csv", "data_source": [{"a": 1}]}
    assert "not allowed" in failure_of(await run(files, config))
    assert await keys(files) == []


async def test_a_path_is_kept_in_composed_form(files: Blobs) -> None:
    config = {"operation": "write", "path": "bo\u0301ng/a.csv", "format": "csv", "data_source": [{"a": 1}]}
    output = output_of(await run(files, config))
    assert output["path"] == f"{FOLDER}/b\u00f3ng/a.csv"
    again = {"operation": "read", "path": f"{FOLDER}/bo\u0301ng/a.csv", "format": "csv"}
    assert output_of(await run(files, again))["data"] == [{"a": "1"}]


FORMULAS = ["=1+1", "=HYPERLINK(0)", "@SUM(A1)", "+cmd|' /C calc'!A0", "-2+3+cmd", "\t=1", "\r=1"]
HARMLESS = ["-5", "+84 90 123-45", "a=b", "", "'quoted", "- (12)", "http://x", "00012", "1e5"]


@pytest.mark.parametrize("text", [*FORMULAS, *HARMLESS])
async def test_a_string_stays_a_string_in_a_workbook(files: Blobs, text: str) -> None:
    data = await written(files, [{"a": text, "b": 1}], "xlsx")
    assert await rows(files, data, "xlsx") == [{"a": text or None, "b": 1}]
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        sheet = archive.read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"hyperlink" not in sheet


@pytest.mark.parametrize("text", FORMULAS)
async def test_a_formula_in_a_csv_gets_an_apostrophe_unless_told_otherwise(files: Blobs, text: str) -> None:
    assert await rows(files, await written(files, [{"a": text}])) == [{"a": f"'{text}"}]
    plain = {"type": "csv", "escape_formulas": False}
    assert await rows(files, await written(files, [{"a": text}], plain)) == [{"a": text}]


@pytest.mark.parametrize("text", HARMLESS)
async def test_a_text_that_is_no_formula_is_written_to_csv_as_it_is(files: Blobs, text: str) -> None:
    assert await rows(files, await written(files, [{"a": text, "b": "x"}])) == [{"a": text, "b": "x"}]


async def test_several_sheets_are_written_each_with_its_columns(files: Blobs) -> None:
    sheets = [
        {"name": "Tổng hợp", "data_source": [{"k": "rows", "v": "{{input.n}}"}], "columns": ["v", "k"]},
        {"name": "Empty", "data_source": [], "columns": ["a"]},
        {"name": "Big", "data_source": [{"n": 2**60, "d": {"x": [1]}, "f": 0.1}]},
    ]
    config = {"operation": "write", "path": "out", "format": "xlsx", "sheets": sheets}
    output = output_of(await run(files, config, context=step_context(given={"n": 3})))
    assert (output["row_count"], list(output["summary"])) == (2, ["Tổng hợp", "Empty", "Big"])
    book = CalamineWorkbook.from_filelike(io.BytesIO(await files.get(output["path"])))
    assert [book.get_sheet_by_name(name).to_python() for name in book.sheet_names] == [
        [["v", "k"], [3.0, "rows"]],
        [["a"]],
        [["n", "d", "f"], [str(2**60), '{"x":[1]}', 0.1]],
    ]


@pytest.mark.parametrize(
    "name", ["", "x" * 32, "a/b", "a[b", "a:b", "a*b", "a?b", "a\\b", "'a", "a'", "History", "a\0b"]
)
async def test_a_sheet_name_that_programs_do_not_open_is_refused(files: Blobs, name: str) -> None:
    config = {"operation": "write", "path": "o", "format": "xlsx", "sheets": [{"name": name, "data_source": []}]}
    assert "sheet name" in failure_of(await run(files, config))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"format": "csv"}, "either data_source or sheets"),
        ({"format": "csv", "sheets": [{"name": "a", "data_source": []}]}, "sheets is for XLSX"),
        ({"format": "xlsx", "sheets": [{"name": "a", "data_source": []}, {"name": "A", "data_source": []}]}, "twice"),
        ({"format": "csv", "data_source": [{"a": 1}, 5]}, "data_source[1] is not an object"),
        ({"format": "csv", "data_source": "{{input}}"}, "data_source"),
        ({"format": "json", "data_source": []}, "format"),
        ({"format": {"type": "csv", "delimiter": ";;"}, "data_source": []}, "delimiter"),
        ({"format": {"type": "csv", "encoding": "rot13"}, "data_source": []}, "encoding"),
        ({"format": {"type": "csv", "encoding": "ascii"}, "data_source": [{"a": "đ"}]}, "row 1"),
        ({"format": "csv", "data_source": [{"a": 1}] * 3, "max_rows": 2}, "max_rows"),
        ({"format": "xlsx", "data_source": [{"a": "x" * 32_768}]}, "sheet 'Sheet1', row 2, column 'a'"),
    ],
)
async def test_rows_that_cannot_be_written_are_a_failure_that_says_which(
    files: Blobs, config: dict[str, Any], words: str
) -> None:
    result = await run(files, {"operation": "write", "path": "o", **config}, context=step_context(given={"x": 1}))
    assert words in failure_of(result)
    assert await keys(files) == []


async def test_transformations_apply_to_written_rows_too(files: Blobs) -> None:
    data = await written(
        files,
        [{"p": "1", "n": "a"}, {"p": "9", "n": "b"}],
        transformations={
            "column_mapping": {"p": "price"},
            "type_conversion": {"price": "integer"},
            "filter": "price > 5",
        },
    )
    assert data == b"price,n\r\n9,b\r\n"


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-(10**14), 10**14), st.floats(-1e9, 1e9), st.text(max_size=20))


@given(st.lists(st.fixed_dictionaries({"a": VALUES, "b": st.just("x")}), max_size=5))
@settings(max_examples=15, deadline=None)
def test_what_is_written_to_a_workbook_is_read_again(given_rows: list[dict[str, Any]]) -> None:
    async def there_and_back() -> Any:
        files = open_blobs("memory://", area="files")
        return await rows(files, await written(files, given_rows, "xlsx", columns=["a", "b"]), "xlsx")

    found = asyncio.run(there_and_back())
    for row, original in zip(found, given_rows, strict=True):
        wanted = None if original["a"] == "" else original["a"]
        if isinstance(wanted, float):
            wanted = pytest.approx(wanted, rel=1e-15)  # a workbook is written with sixteen digits
        assert row["a"] == wanted


@given(st.lists(st.fixed_dictionaries({"a": st.text(max_size=20), "b": st.text(max_size=20)}), max_size=8))
@settings(max_examples=50, deadline=None)
def test_what_is_written_to_csv_is_read_again(given_rows: list[dict[str, str]]) -> None:
    plain = {"type": "csv", "escape_formulas": False}

    async def there_and_back() -> Any:
        files = open_blobs("memory://", area="files")
        return await rows(files, await written(files, given_rows, plain, columns=["a", "b"]), plain)

    assert asyncio.run(there_and_back()) == given_rows


async def test_a_large_csv_passes_through_in_bounded_memory(files: Blobs) -> None:
    line = b",".join(b"x" * 100 for _ in range(10)) + b"\n"

    async def giving() -> Any:
        yield b",".join(b"c%d" % place for place in range(10)) + b"\n"
        for _ in range(105):
            yield line * 1_000

    size = await files.put_stream("in/large.csv", giving())
    assert size > 100 << 20
    me = psutil.Process()
    before, peak = me.memory_info().rss, 0
    config = {"operation": "read", "path": "in/large.csv", "format": "csv", "transformations": {"filter": 'c0 == "y"'}}
    task = asyncio.create_task(run(files, config))
    while not task.done():
        peak = max(peak, me.memory_info().rss)
        await asyncio.sleep(0.01)
    assert output_of(task.result())["row_count"] == 0
    assert peak - before < 50 << 20


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
