"""Numbers, dates and texts as files of other countries and programs write them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.definition.configs import Notation
from hengio.steps.tables.conversion import converter
from tests.support.steps import failure_of
from tests.support.tables import read, rows, run, sheet_of, written

pytestmark = pytest.mark.requirement("H4.3")

VIETNAMESE = {"type": "csv", "delimiter": ";", "decimal": ",", "thousands": "."}


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


@pytest.mark.parametrize(
    ("format_", "text", "wanted"),
    [
        (VIETNAMESE, "1.234.567,89", 1_234_567.89),
        (VIETNAMESE, "-1.234", -1_234),
        (VIETNAMESE, "1234567", 1_234_567),
        (VIETNAMESE, ",5", 0.5),
        (VIETNAMESE, "2,5e3", 2_500.0),
        ({"type": "csv", "delimiter": ";", "thousands": ","}, "1,234.5", 1_234.5),
        ({"type": "csv", "delimiter": ";", "decimal": ",", "thousands": " "}, "1\u00a0234\u202f567,5", 1_234_567.5),
        ({"type": "csv", "delimiter": ";", "thousands": "'"}, "1’234", 1_234),
        ({"type": "csv", "delimiter": ";", "decimal": ","}, "0,1", 0.1),
    ],
)
async def test_numbers_are_read_as_the_format_says(files: Blobs, format_: Any, text: str, wanted: float) -> None:
    found = await rows(files, f"v;w\n{text};\n".encode(), format_, transformations={"type_conversion": {"v": "number"}})
    assert found == [{"v": wanted, "w": ""}]


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        (VIETNAMESE, "1.5"),
        (VIETNAMESE, "1.23.456"),
        (VIETNAMESE, "1234.567"),
        (VIETNAMESE, "1,234,567"),
        (VIETNAMESE, "1.2345"),
        (VIETNAMESE, ".5"),
        ({"type": "csv", "delimiter": ";", "decimal": ","}, "1.234"),
        ({"type": "csv", "delimiter": ";"}, "1.234.567,89"),
        ({"type": "csv", "delimiter": ";"}, "1,5"),
        ({"type": "csv", "delimiter": ";"}, "1 234"),
    ],
)
async def test_a_number_in_another_notation_is_refused_with_a_hint(files: Blobs, format_: Any, text: str) -> None:
    data = f"v;w\n{text};\n".encode()
    result = await read(files, data, format_, transformations={"type_conversion": {"v": "number"}})
    assert "row 2, column 'v': a string that is not a number" in failure_of(result)
    assert result.failure is not None
    assert text == ".5" or '"decimal"' in (result.failure.details or {})["hint"]


@pytest.mark.parametrize(
    ("dates", "kind", "text", "wanted"),
    [
        ("dmy", "date", "23/11/2026", "2026-11-23"),
        ("dmy", "date", "1-2-2026", "2026-02-01"),
        ("mdy", "date", "01.02.2026", "2026-01-02"),
        ("dmy", "datetime", "23/11/2026 7:05", "2026-11-23T07:05:00"),
        ("dmy", "datetime", "23/11/2026 17:05:09", "2026-11-23T17:05:09"),
        ("dmy", "date", "2026-11-23", "2026-11-23"),
    ],
)
async def test_dates_are_read_in_the_order_that_the_format_says(
    files: Blobs, dates: str, kind: str, text: str, wanted: str
) -> None:
    transformations = {"type_conversion": {"v": kind}}
    found = await rows(files, f"v\n{text}\n".encode(), {"type": "csv", "dates": dates}, transformations=transformations)
    assert found == [{"v": wanted}]


@pytest.mark.parametrize(("dates", "text"), [("iso", "23/11/2026"), ("mdy", "23/11/2026"), ("dmy", "1/2-2026")])
async def test_a_date_in_another_order_is_refused(files: Blobs, dates: str, text: str) -> None:
    transformations = {"type_conversion": {"v": "date"}}
    result = await read(
        files, f"v\n{text}\n".encode(), {"type": "csv", "dates": dates}, transformations=transformations
    )
    assert "row 2, column 'v'" in failure_of(result)


async def test_texts_in_a_workbook_have_the_notation_too(files: Blobs) -> None:
    data = sheet_of(["a", "b"], ["1.234,5", "23/11/2026"], [7.5, "1/2/2026"])
    format_ = {"type": "xlsx", "decimal": ",", "thousands": ".", "dates": "dmy"}
    found = await rows(files, data, format_, transformations={"type_conversion": {"a": "number", "b": "date"}})
    assert found == [{"a": 1234.5, "b": "2026-11-23"}, {"a": 7.5, "b": "2026-02-01"}]


async def test_signs_that_mean_two_things_are_refused(files: Blobs) -> None:
    assert "another sign" in failure_of(await read(files, b"a\n", {"type": "csv", "decimal": ",", "thousands": ","}))
    assert "thousands" in failure_of(await read(files, b"a\n", {"type": "csv", "thousands": "_"}))
    assert "delimiter" in failure_of(await read(files, b"a\n", {"type": "csv", "delimiter": "'", "quote": "'"}))


@given(st.integers(-(10**15), 10**15), st.sampled_from([(".", ","), (",", "."), (",", " "), (".", "'")]))
@settings(max_examples=200)
def test_a_number_with_its_groups_is_that_number(number: int, signs: tuple[Any, Any]) -> None:
    notation = Notation(decimal=signs[0], thousands=signs[1])
    text = f"{number:,}".replace(",", signs[1])
    assert converter("integer", notation)(text) == number
    assert converter("number", notation)(f"{text}{signs[0]}25") == float(f"{number}.25")


@pytest.mark.parametrize(
    ("data", "format_", "wanted"),
    [
        (b"a|b\n1|2\n", {"type": "csv", "delimiter": "|"}, [{"a": "1", "b": "2"}]),
        (b"a,b\n'1,5','it''s'\n", {"type": "csv", "quote": "'"}, [{"a": "1,5", "b": "it's"}]),
        ("phở\n1\n".encode("utf-16-le"), {"type": "csv", "encoding": "utf-16-le"}, [{"phở": "1"}]),
        ("\ufeffphở\n1\n".encode("utf-16-le"), {"type": "csv", "encoding": "utf-16-le"}, [{"phở": "1"}]),
        ("\ufeffphở\n1\n".encode("utf-16-be"), {"type": "csv", "encoding": "utf-16-be"}, [{"phở": "1"}]),
        (b'REPORT, "of\n\nmay\na,b\n1,2\n', {"type": "csv", "header_row": 4}, [{"a": "1", "b": "2"}]),
        (b"# x\n1,2\n", {"type": "csv", "header_row": 2, "has_header": False}, [{"column_1": "1", "column_2": "2"}]),
        (b"ph\xf5\xd2\n\xd0\xe2\xf2ng\n", {"type": "csv", "encoding": "windows-1258"}, [{"phở": "Đậng"}]),
    ],
)
async def test_csv_comes_in_the_dialects_of_many_programs(files: Blobs, data: bytes, format_: Any, wanted: Any) -> None:
    assert await rows(files, data, format_) == wanted


@pytest.mark.parametrize(
    ("data", "format_", "row"),
    [
        ("a\nb\n".encode("utf-16") + b"\x00\xd8a\x00", {"type": "csv", "encoding": "utf-16"}, 3),
        (b"x\r\n" * 30_000 + b"\x81\n", {"type": "csv", "encoding": "windows-1258"}, 30_001),
        (b"top\na,b\n1,2\n1\n", {"type": "csv", "header_row": 2}, 4),
    ],
    ids=["utf-16", "windows-1258", "below a heading"],
)
async def test_a_malformed_line_has_its_number_in_every_encoding(
    files: Blobs, data: bytes, format_: Any, row: int
) -> None:
    assert f"row {row}: " in failure_of(await read(files, data, format_))


TEXT = "Đặng Thị Ngọc Ánh, phường Tân Sơn Nhì, 12 ở ữ ậ ẽ"


async def test_vietnamese_in_windows_1258_is_written_and_read_again(files: Blobs) -> None:
    format_ = {"type": "csv", "encoding": "windows-1258"}
    data = await written(files, [{"tên": TEXT}], format_)
    assert data.decode("cp1258") != f"tên\r\n{TEXT}\r\n"
    assert await rows(files, data, format_) == [{"tên": TEXT}]
    refused = await run(files, {"operation": "write", "path": "o", "format": format_, "data_source": [{"a": "漢"}]})
    assert "row 1: a text cannot be written as windows-1258" in failure_of(refused)


async def test_numbers_are_written_with_the_decimal_sign(files: Blobs) -> None:
    data = await written(files, [{"a": 1234.5, "b": 7, "c": "1.5"}], VIETNAMESE)
    assert data == b"a;b;c\r\n1234,5;7;1.5\r\n"
