"""What `type_conversion` makes of a cell, given how the file writes numbers and dates (H4). Nothing is guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from hengio import codec
from hengio.definition.configs import Notation

Convert = Callable[[Any], Any]

ARTICLES = {
    "string": "a string",
    "integer": "an integer",
    "number": "a number",
    "boolean": "a boolean (true, false, yes, no, 1, 0)",
    "date": "a date (YYYY-MM-DD)",
    "datetime": "a date and time (ISO 8601)",
}
_BOOLEANS = {"true": True, "false": False, "yes": True, "no": False, "1": True, "0": False}
_SPELLED = {" ": "[ \u00a0\u202f]", "'": "['’]"}
_LOCAL_NUMBER = re.compile(r"[+-]?\d+([., '’\u00a0\u202f]\d+)+")
_LOCAL_DATE = re.compile(r"\d{1,2}[/.-]\d{1,2}[/.-]\d{4}\b.*")
_DAY = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})(?:[ T](\d{1,2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?))?", re.ASCII)


def converter(kind: str, notation: Notation) -> Convert:
    """Makes a value of the kind, of an empty text null. The function raises `ValueError` where it cannot."""
    match kind:
        case "integer":
            return _Numbers(notation).integer
        case "number":
            return _Numbers(notation).number
        case "date":
            return _Dates(notation).day
        case "datetime":
            return _Dates(notation).moment
        case "boolean":
            return _boolean
        case _:
            return _string


def hint(kind: str, value: Any) -> str:
    """What may be meant by a text that could not be converted."""
    if not isinstance(value, str):
        return ""
    if kind in {"integer", "number"} and _LOCAL_NUMBER.fullmatch(value.strip()):
        return 'say in "format" how numbers are written, such as "decimal": ",", "thousands": "."'
    if kind in {"date", "datetime"} and _LOCAL_DATE.fullmatch(value.strip()):
        return 'say in "format" how dates are written: "dates": "dmy" (day first) or "mdy" (month first)'
    return ""


class _Numbers:
    """Numbers with a file's own signs for decimals and thousands; a group has three digits."""

    def __init__(self, notation: Notation) -> None:
        self._decimal = notation.decimal
        whole = r"\d{1,400}"
        self._grouping: re.Pattern[str] | None = None
        if notation.thousands:
            sign = _SPELLED.get(notation.thousands, re.escape(notation.thousands))
            whole = rf"(?:\d{{1,400}}|\d{{1,3}}(?:{sign}\d{{3}}){{1,133}})"
            self._grouping = re.compile(sign)
        point = re.escape(self._decimal)
        self._is_integer = re.compile(rf"[+-]?{whole}", re.ASCII).fullmatch
        number = rf"[+-]?(?:{whole}(?:{point}\d*)?|{point}\d+)(?:[eE][+-]?\d+)?"
        self._is_number = re.compile(number, re.ASCII).fullmatch

    def integer(self, value: Any) -> int | None:
        if isinstance(value, str):
            text = value.strip()
            if self._is_integer(text):
                return int(self._plain(text))
        elif isinstance(value, int) and not isinstance(value, bool):
            return value
        elif isinstance(value, float) and value.is_integer():
            return int(value)
        _check_empty(value)
        return None

    def number(self, value: Any) -> int | float | None:
        if isinstance(value, str):
            text = value.strip()
            if self._is_integer(text):
                return int(self._plain(text))
            if self._is_number(text) and math.isfinite(found := float(self._plain(text).replace(self._decimal, "."))):
                return found
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
        _check_empty(value)
        return None

    def _plain(self, text: str) -> str:
        return text if self._grouping is None else self._grouping.sub("", text)


class _Dates:
    """Dates in ISO 8601, or in the order of day and month that the file says it has."""

    def __init__(self, notation: Notation) -> None:
        self._order = notation.dates

    def day(self, value: Any) -> str | None:
        moment = self._moment(value)
        return None if moment is None else moment.date().isoformat()

    def moment(self, value: Any) -> str | None:
        moment = self._moment(value)
        return None if moment is None else moment.isoformat().replace("+00:00", "Z")

    def _moment(self, value: Any) -> datetime | None:
        """ISO 8601 is always taken; `01/02/2026` means different days to different people."""
        if not isinstance(value, str) or not (text := value.strip()):
            _check_empty(value)
            return None
        if self._order != "iso" and (found := _DAY.fullmatch(text)):
            first, second, year, clock = found[1], found[3], found[4], found[5]
            day, month = (first, second) if self._order == "dmy" else (second, first)
            text = f"{year}-{month:0>2}-{day:0>2}"
            if clock:
                text += f"T{clock}" if clock[2] == ":" else f"T0{clock}"
        if len(text) == 10:
            text = date.fromisoformat(text).isoformat()
        return datetime.fromisoformat(text)


def _check_empty(value: Any) -> None:
    """Raise for anything but an empty text, which is how a file says that there is no value."""
    if not isinstance(value, str) or value.strip():
        raise ValueError


def _string(value: Any) -> str:
    return value if isinstance(value, str) else codec.encode(value).decode()


def _boolean(value: Any) -> bool | None:
    match value:
        case bool():
            return value
        case int() | float() if value in {0, 1}:
            return bool(value)
        case str() if value.strip().lower() in _BOOLEANS:
            return _BOOLEANS[value.strip().lower()]
    _check_empty(value)
    return None
