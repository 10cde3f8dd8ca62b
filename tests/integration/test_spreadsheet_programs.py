"""Spreadsheets of LibreOffice, and ours in LibreOffice."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.steps.tables import child
from tests.support.office import converted
from tests.support.steps import output_of
from tests.support.tables import FOLDER, read, run

pytestmark = pytest.mark.requirement("H4.3")

CSV_WRITTEN = "Text - txt - csv (StarCalc):44,34,76,1,,0,false,true,false"
CSV_READ = "CSV:44,34,76,1"
"""Its filters for CSV: comma, quote, UTF-8, from the first row on; cells as they are shown."""

SPACES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:number="urn:oasis:names:tc:opendocument:xmlns:datastyle:1.0" '
    'xmlns:of="urn:oasis:names:tc:opendocument:xmlns:of:1.2"'
)
STYLES = """
<number:date-style style:name="D"><number:day number:style="long"/><number:text>/</number:text>
  <number:month number:style="long"/><number:text>/</number:text><number:year number:style="long"/></number:date-style>
<number:date-style style:name="T"><number:year number:style="long"/><number:text>-</number:text>
  <number:month number:style="long"/><number:text>-</number:text><number:day number:style="long"/>
  <number:text> </number:text><number:hours number:style="long"/><number:text>:</number:text>
  <number:minutes number:style="long"/><number:text>:</number:text><number:seconds number:style="long"/>
</number:date-style>
<style:style style:name="cd" style:family="table-cell" style:data-style-name="D"/>
<style:style style:name="ct" style:family="table-cell" style:data-style-name="T"/>
"""


def fods(*tables: str) -> str:
    """A flat OpenDocument spreadsheet."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document {SPACES} office:version="1.2" '
        'office:mimetype="application/vnd.oasis.opendocument.spreadsheet">'
        f"<office:automatic-styles>{STYLES}</office:automatic-styles>"
        f"<office:body><office:spreadsheet>{''.join(tables)}</office:spreadsheet></office:body></office:document>"
    )


def text(value: str, more: str = "") -> str:
    return f'<table:table-cell office:value-type="string" {more}><text:p>{value}</text:p></table:table-cell>'


def number(value: float, more: str = "") -> str:
    return f'<table:table-cell office:value-type="float" office:value="{value}" {more}/>'


def row(*cells: str, more: str = "") -> str:
    return f"<table:table-row {more}>{''.join(cells)}</table:table-row>"


EMPTY = "<table:table-cell/>"
ORDERS = f"""
<table:table table:name="Đơn hàng">
{row(*map(text, ("tên", "số lượng", "ngày", "lúc", "trả", "tổng", "lỗi")))}
{
    row(
        text("Phở bò &amp; gỏi"),
        number(3),
        '<table:table-cell table:style-name="cd" office:value-type="date" office:date-value="2026-11-23"/>',
        '<table:table-cell table:style-name="ct" office:value-type="date" office:date-value="2026-11-23T17:05:09"/>',
        '<table:table-cell office:value-type="boolean" office:boolean-value="true"/>',
        '<table:table-cell table:formula="of:=[.B2]*1.5" office:value-type="float" office:value="4.5"/>',
        '<table:table-cell table:formula="of:=NA()"/>',
    )
}
{row(EMPTY, more='table:number-rows-repeated="3"')}
{
    row(
        text("gộp ô", 'table:number-columns-spanned="1" table:number-rows-spanned="2"'),
        number(0.1),
        EMPTY,
        EMPTY,
        EMPTY,
        '<table:table-cell table:formula="of:=SUM([.B2:.B6])" office:value-type="float" office:value="3.1"/>',
    )
}
{row("<table:covered-table-cell/>", number(-7))}
</table:table>
"""
OTHER = f'<table:table table:name="Khác">{row(text("a"))}{row(text("007"))}</table:table>'
WANTED: list[dict[str, Any]] = [
    {
        "tên": "Phở bò & gỏi",
        "số lượng": 3,
        "ngày": "2026-11-23",
        "lúc": "2026-11-23T17:05:09",
        "trả": True,
        "tổng": 4.5,
        "lỗi": None,
    },
    {"tên": "gộp ô", "số lượng": 0.1, "ngày": None, "lúc": None, "trả": None, "tổng": 3.1, "lỗi": None},
    {"tên": None, "số lượng": -7, "ngày": None, "lúc": None, "trả": None, "tổng": None, "lỗi": None},
]


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A workbook that LibreOffice saved, of two sheets."""
    path = tmp_path_factory.mktemp("office") / "orders.fods"
    path.write_text(fods(ORDERS, OTHER), encoding="utf-8")
    return converted(path, "xlsx").read_bytes()


@pytest.mark.parametrize("mode", ["whole", "streamed"])
async def test_a_workbook_of_libreoffice_is_read_with_its_types(
    files: Blobs, orders: bytes, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(child, "STREAMED_BYTES", {"whole": 1 << 30, "streamed": 0}[mode])
    output = output_of(await read(files, orders, {"type": "xlsx", "all": True}))
    assert output["data"] == {"Đơn hàng": WANTED, "Khác": [{"a": "007"}]}


async def test_a_csv_that_libreoffice_made_a_workbook_of_is_read(files: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "given.csv"
    path.write_text("name,n\nNguyễn,1.5\nTrần,2\n", encoding="utf-8")
    saved = converted(path, "xlsx", read=CSV_READ)
    output = output_of(await read(files, saved.read_bytes(), "xlsx"))
    assert output["data"] == [{"name": "Nguyễn", "n": 1.5}, {"name": "Trần", "n": 2}]


ROWS: list[dict[str, Any]] = [
    {"tên": "Đặng Thị Ngọc Ánh", "n": 1_234_567.5, "d": "2026-11-23", "t": "2026-11-23T17:05:09", "ok": True},
    {"tên": "=1+1", "n": -3, "d": None, "t": None, "ok": False},
    {"tên": 'a "b", c\nd', "n": 0.1, "d": "1999-12-31", "t": "2000-01-01T00:00:01", "ok": None},
]


async def ours(files: Blobs) -> bytes:
    """A workbook that we write."""
    kinds = {"type_conversion": {"d": "date", "t": "datetime"}}
    config = {"operation": "write", "path": "out", "format": "xlsx", "data_source": ROWS, "transformations": kinds}
    output_of(await run(files, config))
    return await files.get(f"{FOLDER}/out")


async def test_libreoffice_reads_what_we_write(files: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "ours.xlsx"
    path.write_bytes(await ours(files))
    shown = converted(path, "csv", written=CSV_WRITTEN).read_text(encoding="utf-8")
    assert list(csv.reader(io.StringIO(shown))) == [
        ["tên", "n", "d", "t", "ok"],
        ["Đặng Thị Ngọc Ánh", "1234567.5", "2026-11-23", "2026-11-23 17:05:09", "TRUE"],
        ["=1+1", "-3", "", "", "FALSE"],
        ['a "b", c\nd', "0.1", "1999-12-31", "2000-01-01 00:00:01", ""],
    ]


async def test_what_libreoffice_saved_of_ours_is_read_again(files: Blobs, tmp_path: Path) -> None:
    path = tmp_path / "ours.xlsx"
    path.write_bytes(await ours(files))
    ods = converted(path, "ods")
    again = converted(ods, "xlsx").read_bytes()
    assert output_of(await read(files, again, "xlsx"))["data"] == ROWS


async def test_openpyxl_reads_what_we_write(files: Blobs) -> None:
    (sheet,) = openpyxl.load_workbook(io.BytesIO(await ours(files))).worksheets
    found = list(sheet.iter_rows(values_only=True))
    assert found[0] == ("tên", "n", "d", "t", "ok")
    assert [(line[0], line[1], line[4]) for line in found[1:]] == [
        (each["tên"], each["n"], each["ok"]) for each in ROWS
    ]
