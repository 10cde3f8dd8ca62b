"""The file step writing files, and reading them again."""

from __future__ import annotations

import asyncio
import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from tests.support.blobs import keys
from tests.support.steps import failure_of, output_of, step_context
from tests.support.tables import FOLDER, rows, run, written

pytestmark = pytest.mark.requirement("H4.3")


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


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


MARKUP = ["<r>&</r>", "<r><t>x</t></r>", "<r></is></c></r>", " <r> ", "_x0041_", "a\x01b", "<r/>"]


@pytest.mark.parametrize("text", MARKUP)
async def test_a_text_that_looks_like_the_workbooks_own_markup_stays_that_text(files: Blobs, text: str) -> None:
    assert await rows(files, await written(files, [{"a": text}], "xlsx"), "xlsx") == [{"a": text}]


async def test_columns_converted_to_dates_are_real_dates_in_a_workbook(files: Blobs) -> None:
    moments = ["2026-11-23T10:00:00", "2026-11-23T10:00:00.125", "1900-03-01T00:00:00", None]
    kept = ["2026-11-23T10:00:00Z", "1900-02-28T00:00:00", "2026-11-23T10:00:00.000001"]
    given_rows = [{"d": "2026-11-23", "t": each, "n": "2026-11-23"} for each in (*moments, *kept)]
    kinds = {"type_conversion": {"d": "date", "t": "datetime"}}
    data = await written(files, given_rows, "xlsx", transformations=kinds)
    (sheet,) = openpyxl.load_workbook(io.BytesIO(data)).worksheets
    assert [cell.value for cell in sheet["A"]] == ["d", *[datetime(2026, 11, 23)] * 7]
    wanted = [datetime(2026, 11, 23, 10), datetime(2026, 11, 23, 10, 0, 0, 125_000), datetime(1900, 3, 1), None]
    assert [cell.value for cell in sheet["B"]] == ["t", *wanted, *kept]
    assert {cell.value for cell in sheet["C"]} == {"n", "2026-11-23"}
    assert (sheet["A2"].number_format, sheet["B2"].number_format) == ("yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss")
    assert [row["d"] for row in await rows(files, data, "xlsx")] == ["2026-11-23"] * 7


async def test_a_text_too_long_for_a_cell_in_its_own_count_is_refused_and_not_cut(files: Blobs) -> None:
    config = {"operation": "write", "path": "o", "format": "xlsx", "data_source": [{"a": "😀" * 20_000}]}
    assert "sheet 'Sheet1', row 2, column 'a'" in failure_of(await run(files, config))


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


async def test_rows_that_are_not_there_are_told_with_their_place(files: Blobs) -> None:
    config = {"operation": "write", "path": "out", "format": "xlsx"}
    sheets = [{"name": "First", "data_source": "{{steps.load.output.rows}}"}]
    words = failure_of(await run(files, {**config, "sheets": sheets}))
    assert words.endswith("(`steps.load.output.rows` in `config.sheets[0].data_source`)")
