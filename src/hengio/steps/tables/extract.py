"""Reads the sheets of an XLSX file, as a program of its own: `extract.py FILE SHEET MEMORY`.

A workbook can be a bomb (a cell far away, a text that a million cells share) whose size shows only when it is in
memory, and the reader can be neither stopped nor bounded from inside. So it works in a process that has a memory
limit and can be killed. Writes lines of JSON: an object with the sheet's name and first column, then a list for each
row from row 1 on; the last line is `{"end": true}`, or `{"error": …}`.
"""

from __future__ import annotations

import contextlib
import resource
import sys
from datetime import timedelta
from typing import Any

import msgspec
from python_calamine import CalamineError, CalamineWorkbook, SheetTypeEnum

_EXACT = 1 << 53
_encode = msgspec.json.Encoder().encode


def main(path: str, wanted: str, memory: str) -> None:
    """`wanted` is JSON: a sheet's name, its index from 0, or null for all."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    try:
        workbook = CalamineWorkbook.from_path(path)
        for name in _names(workbook, msgspec.json.decode(wanted)):
            _sheet(workbook, name)
        _say({"end": True})
    except (LookupError, MemoryError) as error:
        _say({"error": str(error) or "too large"})
    except CalamineError as error:
        _say({"error": f"not an XLSX workbook: {error}"})


def _names(workbook: CalamineWorkbook, wanted: str | int | None) -> list[str]:
    names = [each.name for each in workbook.sheets_metadata if each.typ == SheetTypeEnum.WorkSheet]
    if wanted is None:
        return names
    known = ", ".join(map(repr, names[:20]))
    if isinstance(wanted, int):
        if not 0 <= wanted < len(names):
            raise LookupError(f"there is no sheet number {wanted}: the sheets are {known}, counted from 0")
        return [names[wanted]]
    if wanted not in names:
        raise LookupError(f"there is no sheet {wanted!r}: the sheets are {known}")
    return [wanted]


def _sheet(workbook: CalamineWorkbook, name: str) -> None:
    sheet = workbook.get_sheet_by_name(name)
    _say({"sheet": name, "column": sheet.start[1] if sheet.start else 0})
    for row in sheet.iter_rows():
        _say([_plain(cell) for cell in row])


def _plain(cell: Any) -> Any:
    """A cell as JSON: numbers that are whole as integers, moments in ISO 8601, an empty cell as null."""
    match cell:
        case "":
            return None
        case bool() | str():
            return cell
        case float():
            return int(cell) if cell.is_integer() and abs(cell) <= _EXACT else cell
        case timedelta():
            return str(cell)
        case _:
            return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _say(line: Any) -> None:
    sys.stdout.buffer.write(_encode(line) + b"\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
