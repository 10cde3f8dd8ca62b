"""Values on their way to MySQL, as literals that no setting of the session can read otherwise, and back, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pymysql.constants import FIELD_TYPE

from hengio import codec
from hengio.errors import Refused
from hengio.targets import reply

_WHOLE = (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG, FIELD_TYPE.YEAR)


def literal(value: Any, *, place: str) -> str:
    """A JSON value as text of a statement. A string is written in hexadecimal, so that neither the session's
    character set nor its `sql_mode` can end it early; lists and objects are JSON text. `Refused` names `place` only.
    """
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int():
            return str(value) if value >= 0 else f"({value})"
        case float():
            return f"({value!r}e0)" if "e" not in repr(value) else f"({value!r})"
        case str():
            return _text(value, place)
        case _:
            return _text(codec.encode(value).decode(), place)


def _text(value: str, place: str) -> str:
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise Refused(f"{place} holds a text that is not valid Unicode") from None
    return f"_utf8mb4 0x{data.hex()}" if data else "''"


def _json(text: str) -> Any:
    try:
        return codec.decode(text.encode())
    except Refused:
        return text


def _bits(data: bytes | str) -> Any:
    return reply.safe(int.from_bytes(data if isinstance(data, bytes) else data.encode("latin-1")))


def _instant(text: str) -> str:
    """A TIMESTAMP: the session's zone is UTC."""
    moment = reply.moment(text)
    return moment if moment is text or text.startswith("0000") else f"{moment}Z"


DECODERS: dict[int, Callable[[Any], Any]] = {
    **dict.fromkeys(_WHOLE, lambda text: reply.safe(int(text))),
    FIELD_TYPE.FLOAT: lambda text: reply.safe(float(text)),
    FIELD_TYPE.DOUBLE: lambda text: reply.safe(float(text)),
    FIELD_TYPE.BIT: _bits,
    FIELD_TYPE.DATETIME: reply.moment,
    FIELD_TYPE.TIMESTAMP: _instant,
    FIELD_TYPE.JSON: _json,
}
"""By the driver's type numbers. All others stay text (decimals, dates, times, ENUM, SET) or bytes."""
