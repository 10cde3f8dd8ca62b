"""Workbooks written by hand, part by part, as odd programs write them."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from html import escape

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PARTS = {"worksheets/sheet1.xml": "worksheet", "styles.xml": "styles", "sharedStrings.xml": "sharedStrings"}


def styles(*formats: int | str) -> str:
    """A stylesheet whose cell formats (1, 2, …; 0 is general) show these: a built-in number, or a code of its own."""
    own = {place: code for place, code in enumerate(formats, start=200) if isinstance(code, str)}
    numbers = [place if isinstance(each, str) else each for place, each in enumerate(formats, start=200)]
    codes = "".join(f'<numFmt numFmtId="{number}" formatCode="{escape(code)}"/>' for number, code in own.items())
    cells = "".join(f'<xf numFmtId="{number}"/>' for number in (0, *numbers))
    return f"<numFmts>{codes}</numFmts><cellStyleXfs><xf numFmtId='14'/></cellStyleXfs><cellXfs>{cells}</cellXfs>"


def workbook(
    rows: str = "",
    *,
    sheet: str | None = None,
    strings: Sequence[str] = (),
    style: str = "",
    properties: str = "",
    parts: Mapping[str, str | bytes] | None = None,
    without: str = "",
) -> bytes:
    """A workbook of one sheet `S` with `rows` as XML, or with all of `sheet`. `strings` are inside of `si` elements.

    `parts` are others, or instead; the part `without` is left out.
    """
    whole = sheet if sheet is not None else f'<worksheet xmlns="{MAIN}"><sheetData>{rows}</sheetData></worksheet>'
    table = "".join(f"<si>{text}</si>" for text in strings)
    relations = "".join(
        f'<Relationship Id="r{place}" Type="{_OFFICE}/{kind}" Target="{path}"/>'
        for place, (path, kind) in enumerate(_PARTS.items())
    )
    named = '<sheets><sheet name="S" sheetId="1" r:id="r0"/></sheets>'
    contents: dict[str, str | bytes] = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}">'
        f'<Relationship Id="r0" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{_OFFICE}">{properties}{named}</workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}">{relations}</Relationships>',
        "xl/styles.xml": f'<styleSheet xmlns="{MAIN}">{style}</styleSheet>',
        "xl/sharedStrings.xml": f'<sst xmlns="{MAIN}">{table}</sst>',
        "xl/worksheets/sheet1.xml": whole,
    }
    contents.pop(without, None)
    contents |= parts or {}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return file.getvalue()


def cell(reference: str, value: object, kind: str = "", style: int = 0) -> str:
    """A cell as XML. A kind of `inlineStr` has its value as it is, inside of `is`."""
    type_ = f' t="{kind}"' if kind else ""
    inside = f"<is>{value}</is>" if kind == "inlineStr" else f"<v>{value}</v>"
    return f'<c r="{reference}"{type_} s="{style}">{inside}</c>'
