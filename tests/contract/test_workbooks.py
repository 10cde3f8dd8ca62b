"""Two programs' worth of reading a workbook: calamine, and row by row. What both can read, they read alike."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hengio.steps.tables.cells import Unreadable
from hengio.steps.tables.extract import Streamed, Whole, Workbook
from hengio.steps.tables.place import letters
from tests.support.workbooks import MAIN, cell, styles, workbook

pytestmark = pytest.mark.requirement("H4.3")

FORMATS = (14, 22, 18, 45, 46, 47, 20, 27, 36, 50, 57, 1, 2, 9, 10, 11, 37, 44, 49)
CODES = (
    *("yyyy\\-mm\\-dd", "[h]:mm", '"day"0', "[Red]0.00", "General", "[$-42A]dd/mm/yyyy", "0.00E+00", "hh:mm AM/PM"),
    *("\\d0", "@", "[h]", "[mm]:ss", 'yyyy"年"m"月"', '#,##0.00 "đ";[Red]-#,##0', "0;dd", "#,##0_d", "d mmm [h]"),
)
STYLE = styles(*FORMATS, *CODES)
STYLES = range(len(FORMATS) + len(CODES) + 1)


def found(reader: Callable[[str], Workbook], data: bytes, tmp_path: Path) -> list[tuple[int, list[Any]]]:
    """The rows of the one sheet, without the empty cells at their ends."""
    path = tmp_path / "book.xlsx"
    path.write_bytes(data)
    rows = []
    with closing(reader(str(path))) as book:
        for number, cells in book.rows("S"):
            while cells and cells[-1] is None:
                cells.pop()
            rows.append((number, cells))
    return rows


def both(data: bytes, tmp_path: Path) -> list[tuple[int, list[Any]]]:
    """What both readers find, which is the same."""
    whole = found(Whole, data, tmp_path)
    assert found(Streamed, data, tmp_path) == whole
    return whole


@pytest.mark.parametrize("properties", ["", '<workbookPr date1904="1"/>', '<workbookPr date1904="true"/>'])
@pytest.mark.parametrize(
    "serial",
    [
        *("46000", "46000.5", "0.25", "0", "1", "59", "59.5", "60", "60.5", "61", "-1", "-0.5", "1.99999999999"),
        *("46000.999999999", "46000.123456789", "0.99999999", "0.9999999999", "2958465", "2958465.5", "2958466"),
    ],
)
def test_a_number_is_a_date_a_time_or_a_number_by_its_format(serial: str, properties: str, tmp_path: Path) -> None:
    row = "".join(cell(f"{letters(place)}1", serial, style=place) for place in STYLES)
    both(workbook(f'<row r="1">{row}</row>', style=STYLE, properties=properties), tmp_path)


def test_cells_of_every_type(tmp_path: Path) -> None:
    cells = [
        *(("b", "1"), ("b", "0"), ("b", "true"), ("e", "#N/A"), ("e", "#DIV/0!"), ("str", "x y "), ("str", "")),
        *(("d", "2026-11-23"), ("d", "2026-11-23T10:00:00"), ("d", "2026-11-23T10:00:00Z"), ("d", "10:00:00")),
        *(("d", "PT1H"), ("n", "1e3"), ("n", "+5"), ("n", ".5"), ("n", "5."), ("n", ""), ("s", "")),
        *(("n", "12345678901234567890"), ("n", "9007199254740993"), ("n", "-0"), ("s", "0"), ("str", "_x0041_")),
        *(("inlineStr", "<t> in </t>"), ("inlineStr", "<r><t>a</t></r><r><t xml:space='preserve'> b</t></r>")),
        *(("inlineStr", ""), ("inlineStr", "<t>a<![CDATA[<&>]]></t><rPh sb='0' eb='1'><t>x</t></rPh>")),
    ]
    row = "".join(cell(f"{letters(place)}1", value, kind) for place, (kind, value) in enumerate(cells))
    row += f'<c r="{letters(len(cells))}1"><f>A1+1</f><v>2</v></c><c r="{letters(len(cells) + 1)}1"><f>A1</f></c>'
    ((_, read),) = both(workbook(f'<row r="1">{row}</row>', strings=["<t>zero</t>", "<t>one</t>"]), tmp_path)
    assert read[:7] == [True, False, True, None, None, "x y ", None]
    assert read[-1] == 2


def test_the_texts_that_cells_share(tmp_path: Path) -> None:
    strings = [
        *("<t> a </t>", "<t xml:space='preserve'> b </t>", "<r><t>x</t></r><r><rPr><b/></rPr><t> y</t></r>"),
        *(
            "<t>q</t><rPh sb='0' eb='1'><t>spoken</t></rPh>",
            "",
            "<t/>",
            "<t>l1\r\nl2\nl3</t>",
            "<t>_x0041_b_x000d_</t>",
        ),
        *("<t>_x005F_x0041_</t>", "<t><![CDATA[<c&d>]]></t>", "<t>&amp;&#272;</t>", "<t>Phở, đường 3⁄2 😀</t>"),
    ]
    row = "".join(cell(f"{letters(place)}1", place, "s") for place in range(len(strings)))
    ((_, read),) = both(workbook(f'<row r="1">{row}</row>', strings=strings), tmp_path)
    assert read[2:4] == ["xy", "q"]
    assert read[-4] == "_x0041_"


def test_a_cell_without_a_type_is_a_number_or_else_a_text(tmp_path: Path) -> None:
    values = ("1", "abc", " 5 ", "1_000", "0x10", "_x0041_", "1e400", "-.5E+3", "١")
    row = "".join(cell(f"{letters(place)}1", value) for place, value in enumerate(values))
    both(workbook(f'<row r="1">{row}</row>'), tmp_path)


@pytest.mark.parametrize(
    "rows",
    [
        "",
        "<row r='3'><c r='C3'><v>1</v></c><c r='E3'><v>2</v></c></row><row r='6'><c r='B6'><v>3</v></c></row>",
        "<row><c><v>1</v></c><c><v>2</v></c></row><row><c/><c><v>3</v></c></row>",
        "<row r='2'><c r='B2'><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>",
        "<row r='1'><c r='B1'><v>1</v></c><c r='A1'><v>0</v></c></row>",
        "<row><c r='B7'><v>1</v></c></row><row><c r='B9'><v>1</v></c></row>",
        "<row r='1'><c r='A1' s='1'/></row><row r='2'><c r='B2'><v>1</v></c></row><row r='9'><c r='Z9' s='1'/></row>",
        "<row r='1' spans='1:1' ht='12.8' customHeight='1'><c r='AZ1'><v>1</v></c></row>",
        "\n <row r='1'>\n  <c r='A1' t='str'>\n <f>B1</f>\n <v>x</v>\n </c>\n </row>\n",
    ],
)
def test_rows_and_cells_wherever_they_are(rows: str, tmp_path: Path) -> None:
    both(workbook(rows), tmp_path)


@pytest.mark.parametrize("size", ["", '<dimension ref="A1"/>', '<dimension ref="A1:XFD1048576"/>'])
def test_how_large_a_sheet_says_it_is_does_not_count(size: str, tmp_path: Path) -> None:
    rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>{n}</v></c></row>' for n in (1, 2, 3))
    sheet = f'<worksheet xmlns="{MAIN}">{size}<sheetData>{rows}</sheetData></worksheet>'
    assert both(workbook(sheet=sheet), tmp_path) == [(n, [n, n]) for n in (1, 2, 3)]


def test_elements_whose_names_have_a_prefix(tmp_path: Path) -> None:
    sheet = (
        f"<x:worksheet xmlns:x='{MAIN}'><x:sheetData><x:row r='1'><x:c r='A1'><x:v>1</x:v></x:c>"
        "<x:c r='B1' t='inlineStr'><x:is><x:t>b</x:t></x:is></x:c></x:row></x:sheetData></x:worksheet>"
    )
    data = workbook(sheet=sheet)
    assert both(data, tmp_path) == [(1, [1, "b"])]


@pytest.mark.parametrize(
    ("target", "part"),
    [
        ("/xl/worksheets/sheet1.xml", "xl/worksheets/sheet1.xml"),
        ("./worksheets/../sheets/a.xml", "xl/sheets/a.xml"),
        ("Worksheets/Sheet1.XML", "xl/worksheets/sheet1.xml"),
        ("worksheets/sheet1.xml", "xl\\worksheets\\sheet1.xml"),
    ],
)
def test_parts_are_found_however_they_are_named(target: str, part: str, tmp_path: Path) -> None:
    kinds = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    relations = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f'<Relationship Id="r0" Type="{kinds}/worksheet" Target="{target}"/></Relationships>'
    )
    sheet = f'<worksheet xmlns="{MAIN}"><sheetData><row><c><v>1</v></c></row></sheetData></worksheet>'
    parts = {"xl/_rels/workbook.xml.rels": relations, part: sheet}
    data = workbook(parts=parts, without="xl/worksheets/sheet1.xml")
    assert found(Streamed, data, tmp_path) == [(1, [1])]


SERIALS = st.one_of(st.floats(-10, 70), st.floats(40_000, 50_000), st.integers(0, 3_000_000).map(float))
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="<>&\ufffe\uffff"))
CELLS = st.one_of(
    st.tuples(SERIALS.map(repr), st.just("n"), st.sampled_from(STYLES)),
    st.tuples(st.floats(allow_nan=False, allow_infinity=False).map(repr), st.just("n"), st.just(0)),
    st.tuples(st.sampled_from("01"), st.just("b"), st.just(0)),
    st.tuples(st.integers(0, 2), st.just("s"), st.just(0)),
    st.tuples(TEXTS, st.just("str"), st.just(0)),
    st.tuples(TEXTS.map(lambda text: f"<t xml:space='preserve'>{text}</t>"), st.just("inlineStr"), st.just(0)),
)
ROWS = st.dictionaries(st.integers(1, 9), st.dictionaries(st.integers(0, 7), CELLS, max_size=4), max_size=5)


@given(rows=ROWS, old=st.booleans())
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_in_the_cells(rows: dict[int, dict[int, Any]], old: bool, tmp_path: Path) -> None:
    text = "".join(
        f'<row r="{number}">'
        + "".join(cell(f"{letters(place)}{number}", *each) for place, each in sorted(row.items()))
        + "</row>"
        for number, row in sorted(rows.items())
    )
    properties = '<workbookPr date1904="1"/>' if old else ""
    strings = ["<t>zero</t>", "<t>một</t>", "<t></t>"]
    both(workbook(text, strings=strings, style=STYLE, properties=properties), tmp_path)


@pytest.mark.parametrize(
    ("rows", "words", "spot"),
    [
        ("<row r='2'><c r='C2' t='n'><v>abc</v></c></row>", "its type 'n'", (2, "C")),
        ("<row r='2'><c r='C2' t='n'><v> 5 </v></c></row>", "its type 'n'", (2, "C")),
        ("<row r='2'><c r='C2' t='n'><v>1_000</v></c></row>", "its type 'n'", (2, "C")),
        ("<row r='2'><c r='C2' t='s'><v>7</v></c></row>", "its type 's'", (2, "C")),
        ("<row r='2'><c r='C2' t='s'><v>-1</v></c></row>", "its type 's'", (2, "C")),
        ("<row r='2'><c r='C2' t='b'><v>2</v></c></row>", "its type 'b'", (2, "C")),
        ("<row r='2'><c r='C2' t='zz'><v>2</v></c></row>", "its type 'zz'", (2, "C")),
        ("<row r='2'><c r='A5'><v>2</v></c></row>", "none of this row", (2, "")),
        ("<row r='2'><c r='XFE2'><v>2</v></c></row>", "none of this row", (2, "")),
        ("<row r='2'/><row r='1'/>", "rows must follow each other", (2, "")),
        ("<row r='1048577'/>", "rows must follow each other", (0, "")),
        ("<row r='1'><c r='A1'><v>1</v></c></row><row r='2'><c", "the XML is broken", (2, "")),
    ],
)
def test_a_spot_that_is_not_as_a_sheet_is_has_its_place(
    rows: str, words: str, spot: tuple[int, str], tmp_path: Path
) -> None:
    with pytest.raises(Unreadable, match=words) as caught:
        found(Streamed, workbook(rows), tmp_path)
    assert (caught.value.row, caught.value.column) == spot


def test_a_document_type_is_refused_before_its_entities(tmp_path: Path) -> None:
    sheet = (
        "<?xml version='1.0'?><!DOCTYPE a [<!ENTITY e 'boom'>]>"
        f"<worksheet xmlns='{MAIN}'><sheetData><row><c t='str'><v>&e;</v></c></row></sheetData></worksheet>"
    )
    with pytest.raises(Unreadable, match="document type"):
        found(Streamed, workbook(sheet=sheet), tmp_path)
