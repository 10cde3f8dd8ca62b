"""The large files that are measured: orders, as CSV and as a workbook. The same each time."""

from __future__ import annotations

import random
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from hengio.steps.tables.place import letters

_NAMES = ("Phở Hà Nội", "Cà phê Đà Nẵng", "Bánh mì Sài Gòn", "Nước mắm Phú Quốc", "Gạo ST25")
_CITIES = ("Hà Nội", "Đà Nẵng", "Huế", "Cần Thơ", "TP. Hồ Chí Minh")
_COLUMNS = "id order product city day quantity price paid rate x y total".split()
_FIRST_PIECES = len(_COLUMNS) + len(_NAMES) + len(_CITIES)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_PARTS = {"worksheets/sheet1.xml": "worksheet", "styles.xml": "styles", "sharedStrings.xml": "sharedStrings"}
_KINDS = {
    "workbook": "sheet.main",
    "worksheets/sheet1": "worksheet",
    "styles": "styles",
    "sharedStrings": "sharedStrings",
}


def make_csv(path: Path, *, megabytes: int) -> int:
    """Returns how many rows it has."""
    chance, number = random.Random(7), 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write("id,order,product,city,day,quantity,price,paid,rate,note\r\n")
        while file.tell() < megabytes * 1_000_000:
            for _ in range(1_000):
                number += 1
                file.write(
                    f"{number},{chance.getrandbits(64):016x},{_NAMES[number % 5]},{_CITIES[number % 5]},"
                    f"2026-{number % 12 + 1:02}-{number % 28 + 1:02},{chance.randrange(1, 500)},"
                    f"{chance.random() * 1000:.2f},{'true' if number % 2 else 'false'},{chance.random():.6f},"
                    "giao hàng trước 17 giờ\r\n"
                )
    return number


def make_workbook(path: Path, *, rows: int) -> None:
    """As spreadsheet programs write one: shared strings, a style for dates, attributes on every row."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as book:
        _put(book, "[Content_Types].xml", [_content_types()])
        _put(book, "_rels/.rels", [_relations({"xl/workbook.xml": "officeDocument"})])
        _put(book, "xl/_rels/workbook.xml.rels", [_relations(_PARTS)])
        sheets = '<sheets><sheet name="Orders" sheetId="1" r:id="r0"/></sheets>'
        _put(book, "xl/workbook.xml", [f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">{sheets}</workbook>'])
        _put(book, "xl/styles.xml", [_styles()])
        _put(book, "xl/sharedStrings.xml", _strings(random.Random(7), rows))
        _put(book, "xl/worksheets/sheet1.xml", _sheet(random.Random(7), rows))


def _put(book: zipfile.ZipFile, name: str, pieces: Iterable[str]) -> None:
    with book.open(name, "w", force_zip64=True) as part:
        part.write(b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n')
        for piece in pieces:
            part.write(piece.encode())


def _content_types() -> str:
    defaults = '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    parts = "".join(
        f'<Override PartName="/xl/{name}.xml" ContentType="{_TYPES}.{kind}+xml"/>' for name, kind in _KINDS.items()
    )
    return f'<Types xmlns="{_PACKAGE}/content-types">{defaults}{parts}</Types>'


def _relations(parts: dict[str, str]) -> str:
    named = "".join(
        f'<Relationship Id="r{place}" Type="{_OFFICE}/{kind}" Target="{path}"/>'
        for place, (path, kind) in enumerate(parts.items())
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{named}</Relationships>'


def _styles() -> str:
    plain = "<fonts><font/></fonts><fills><fill><patternFill/></fill></fills><borders><border/></borders>"
    cells = '<cellStyleXfs><xf/></cellStyleXfs><cellXfs><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    named = '<cellStyles><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles>'
    return f'<styleSheet xmlns="{_MAIN}">{plain}{cells}{named}</styleSheet>'


def _strings(chance: random.Random, rows: int) -> Iterator[str]:
    yield f'<sst xmlns="{_MAIN}">'
    for text in (*_COLUMNS, *_NAMES, *_CITIES):
        yield f"<si><t>{text}</t></si>"
    for _ in range(rows):
        yield f"<si><t>{chance.getrandbits(64):016x}</t></si>"
    yield "</sst>"


def _sheet(chance: random.Random, rows: int) -> Iterator[str]:
    yield f'<worksheet xmlns="{_MAIN}"><dimension ref="A1:L{rows + 1}"/><sheetData>'
    yield _row(1, [("s", place) for place in range(len(_COLUMNS))])
    for number in range(rows):
        x, y = chance.random(), chance.random()
        texts = [("s", _FIRST_PIECES + number), ("s", 12 + number % 5), ("s", 17 + number % 5)]
        numbers = [("n", chance.randrange(1, 500)), ("n", round(chance.random() * 1000, 2))]
        rest = [("b", number % 2), ("n", chance.random()), ("n", x), ("n", y), ("f", x + y)]
        yield _row(number + 2, [("n", number + 1), *texts, ("d", 46_000 + number % 365), *numbers, *rest])
    yield "</sheetData></worksheet>"


_FORMS = {"n": ("", ""), "s": (' t="s"', ""), "b": (' t="b"', ""), "d": (' s="1"', ""), "f": ("", "<f>{x}+{y}</f>")}


def _row(number: int, cells: list[tuple[str, float]]) -> str:
    text = "".join(
        f'<c r="{letters(place)}{number}"{_FORMS[kind][0]}>'
        f"{_FORMS[kind][1].format(x=f'J{number}', y=f'K{number}')}<v>{value}</v></c>"
        for place, (kind, value) in enumerate(cells)
    )
    return f'<row r="{number}" spans="1:12" ht="12.8" customHeight="false" hidden="false">{text}</row>'
