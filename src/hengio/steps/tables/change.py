"""What is done to rows between file and step: rename columns, convert types, keep what matches (H4)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import Any

from hengio import codec
from hengio.codec import Json
from hengio.definition import evaluation, expressions, lookup, words
from hengio.definition.configs import Transformations
from hengio.definition.evaluation import Missing
from hengio.definition.syntax import Expression, Reference
from hengio.errors import Refused
from hengio.steps.tables.place import Row, Table, malformed

_INTEGER = re.compile(r"[+-]?\d{1,400}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}


def changed(table: Table, asked: Transformations) -> Table:
    """The table with the transformations applied as its rows are read. Raises `Malformed` at the row that fails."""
    columns = _renamed(table.columns, asked.column_mapping)
    unknown = next((name for name in asked.type_conversion if name not in columns), None)
    if unknown is not None:
        raise Refused(f"type_conversion names the column `{unknown}`", hint=words.nearest(unknown, columns))
    keep = None if asked.filter is None else expressions.condition(asked.filter)
    return Table(table.sheet, columns, _rows(table, columns, asked, keep))


def _renamed(columns: tuple[str, ...], mapping: dict[str, str]) -> tuple[str, ...]:
    unknown = next((name for name in mapping if name not in columns), None)
    if unknown is not None:
        raise Refused(f"column_mapping names the column `{unknown}`", hint=words.nearest(unknown, columns))
    renamed = tuple(mapping.get(name, name) for name in columns)
    twice = next((name for place, name in enumerate(renamed) if name in renamed[:place]), None)
    if twice is not None:
        raise Refused(f"column_mapping gives two columns the name `{twice}`")
    return renamed


def _rows(
    table: Table, columns: tuple[str, ...], asked: Transformations, keep: Expression | None
) -> Iterator[tuple[int, Row]]:
    converters = [(name, kind, _CONVERTERS[kind]) for name, kind in asked.type_conversion.items()]
    names = list(zip(table.columns, columns, strict=True)) if asked.column_mapping else None
    for number, given in table.rows:
        row = {new: given[old] for old, new in names if old in given} if names else given
        for name, kind, convert in converters:
            try:
                row[name] = None if (value := row.get(name)) is None else convert(value)
            except ValueError as error:
                message = f"{words.kind(value)} that is not {_ARTICLES[kind]}"
                raise malformed(message, sheet=table.sheet, row=number, column=name) from error
        if keep is None or _matches(keep, row, table.sheet, number):
            yield number, row


def _matches(keep: Expression, row: Row, sheet: str, number: int) -> bool:
    try:
        return evaluation.holds(keep, lambda wanted: _value(row, wanted))
    except Refused as error:
        raise malformed(f"filter: {error.message}", sheet=sheet, row=number) from error


def _value(row: Row, wanted: Reference) -> Json:
    """The value of a column, or inside it. A name that is no word is reached as `row["unit price"]`."""
    path = wanted.path[1:] if len(wanted.path) > 1 and wanted.path[0] == "row" and "row" not in row else wanted.path
    found, value = lookup.inside(row, path)
    if not found:
        raise Missing(f"there is no column `{wanted}`", hint=words.nearest(str(path[0]), row))
    return value


def _string(value: Any) -> str:
    return value if isinstance(value, str) else codec.encode(value).decode()


def _integer(value: Any) -> int | None:
    match value:
        case bool():
            raise ValueError
        case int():
            return value
        case float() if value.is_integer():
            return int(value)
        case str() if not value.strip():
            return None
        case str() if _INTEGER.fullmatch(value.strip()):
            return int(value)
    raise ValueError


def _number(value: Any) -> int | float | None:
    match value:
        case bool():
            raise ValueError
        case int() | float():
            return value
        case str() if not value.strip():
            return None
        case str() if _INTEGER.fullmatch(value.strip()):
            return int(value)
        case str() if _NUMBER.fullmatch(value.strip()) and math.isfinite(float(value)):
            return float(value)
    raise ValueError


def _boolean(value: Any) -> bool | None:
    match value:
        case bool():
            return value
        case int() | float() if value in (0, 1):
            return bool(value)
        case str() if not value.strip():
            return None
        case str() if value.strip().lower() in _BOOLEANS:
            return _BOOLEANS[value.strip().lower()]
    raise ValueError


def _date(value: Any) -> str | None:
    moment = _moment(value)
    return None if moment is None else moment.date().isoformat()


def _datetime(value: Any) -> str | None:
    moment = _moment(value)
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def _moment(value: Any) -> datetime | None:
    """ISO 8601 only: `01/02/2026` means different days to different people."""
    match value:
        case str() if not value.strip():
            return None
        case str() if len(value.strip()) == 10:
            day = date.fromisoformat(value.strip())
            return datetime(day.year, day.month, day.day)
        case str():
            return datetime.fromisoformat(value.strip())
    raise ValueError


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "string": _string,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
}
_ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean (true, false, yes, no, 1, 0)",
    "date": "a date (YYYY-MM-DD)",
    "datetime": "a date and time (ISO 8601)",
}
