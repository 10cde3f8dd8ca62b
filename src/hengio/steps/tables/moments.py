"""Moments in a workbook: which number formats mean one, and what a serial number stands for (ECMA-376, 18.8.30)."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from typing import Literal

Kind = Literal["moment", "span"]

BUILT_IN: dict[str, Kind] = {
    **dict.fromkeys(map(str, (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59))), "moment"),
    "46": "span",
}
_DAY = 86_400_000
_SINCE_1904 = 1_462
_EPOCH = datetime(1899, 12, 30)
_LITERAL = re.compile(r'[\\_].|"[^"]*"?')
_SIGN = re.compile(r"(\[(?:h+|m+|s+)\])|\[[^\]]*\]|([dmyhs])", re.IGNORECASE)


def kind_of(code: str) -> Kind | None:
    """What a number format of its own shows: a moment, a span of time (`[h]:mm`), or a mere number."""
    for found in _SIGN.finditer(_LITERAL.sub("", code).partition(";")[0]):
        if found[1]:
            return "span"
        if found[2]:
            return "moment"
    return None


def value_of(serial: float, kind: Kind, *, since_1904: bool) -> date | time | datetime | timedelta | float:
    """What a number of days stands for, to the millisecond: a time of day below 1, a date where it is whole.

    Day 60 is the 29th of February 1900 that never was, and is read as the day before. A number that is no moment of a
    calendar stays a number.
    """
    try:
        milliseconds = math.floor(serial * _DAY + 0.5)
        if kind == "span":
            return timedelta(milliseconds=milliseconds)
        if serial < 1:
            return (_EPOCH + timedelta(milliseconds=milliseconds % _DAY)).time()
        shift = _SINCE_1904 if since_1904 else 0 if serial >= 60 else 1
        moment = _EPOCH + timedelta(days=shift, milliseconds=milliseconds)
    except (OverflowError, ValueError):
        return serial
    return moment.date() if serial.is_integer() else moment
