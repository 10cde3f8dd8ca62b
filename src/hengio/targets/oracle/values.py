"""Values on their way to Oracle, and back, as JSON. Numbers come as text, so that no digit is lost."""

from __future__ import annotations

import datetime
from array import array
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import oracledb

from hengio import codec
from hengio.errors import Refused
from hengio.targets import reply
from hengio.targets.reply import SqlError

_TEXTS = frozenset({oracledb.DB_TYPE_TIMESTAMP_TZ, oracledb.DB_TYPE_TIMESTAMP_LTZ, oracledb.DB_TYPE_INTERVAL_YM})
_TEXT_BYTES = 200
_UNKNOWN_SCALE = -127
SESSION = (
    "ALTER SESSION SET TIME_ZONE = '+00:00' NLS_NUMERIC_CHARACTERS = '.,'"
    " NLS_DATE_FORMAT = 'YYYY-MM-DD\"T\"HH24:MI:SS' NLS_TIMESTAMP_FORMAT = 'YYYY-MM-DD\"T\"HH24:MI:SS.FF'"
    " NLS_TIMESTAMP_TZ_FORMAT = 'YYYY-MM-DD\"T\"HH24:MI:SS.FFTZH:TZM'"
)
"""So that texts fit columns of times as RFC 3339 writes them, and times with zones come back that way."""


def bound(value: Any, *, place: str) -> Any:
    """A JSON value for the driver: booleans are 1 and 0, lists and objects JSON text. `Refused` names `place` only."""
    match value:
        case bool():
            return int(value)
        case list() | dict() | tuple():
            return codec.encode(value).decode()
        case int() if abs(value) >= 10**38:
            raise Refused(f"{place} holds a number of more than 38 digits")
        case _:
            return value


def fetched(cursor: Any, column: Any) -> Any:
    """How the driver fetches a column (its `outputtypehandler`); None as it likes."""
    if column.type_code is oracledb.DB_TYPE_NUMBER:
        return cursor.var(str, arraysize=cursor.arraysize, outconverter=_number(column.scale))
    if column.type_code in _TEXTS:
        return cursor.var(str, _TEXT_BYTES, arraysize=cursor.arraysize, outconverter=_zoned)
    return None


def plain(value: Any) -> Any:
    """A value as the driver gives it, as JSON holds it. Raises `SqlError` for cursors, objects and the like."""
    match value:
        case None | bool() | str() | int() | float() | bytes():
            return value
        case Decimal() | datetime.datetime() | datetime.date() | datetime.timedelta():
            return _written(value)
        case list() | tuple() | array():
            return [plain(each) for each in value]
        case dict():
            return {str(name): plain(each) for name, each in value.items()}
        case _:
            hint = "select its parts, or cast it: TO_CHAR(…), JSON_OBJECT(…)"
            raise SqlError("the result has a type that cannot be carried as JSON", hint=hint)


def _written(value: Any) -> str:
    match value:
        case Decimal() if value.is_finite():
            return format(value, "f")
        case datetime.datetime():
            return _zoned(value.isoformat())
        case _:
            return str(value)


def _number(scale: int | None) -> Callable[[str], Any]:
    """Of a column with decimals all values are texts; elsewhere whole numbers are numbers."""
    return (lambda text: text) if scale is not None and scale > 0 else _whole


def _whole(text: str) -> Any:
    return reply.safe(int(text)) if text.lstrip("-").isdigit() else text


def _zoned(text: str) -> str:
    return f"{text[:-6]}Z" if text.endswith(("+00:00", "-00:00")) else text
