"""What a statement yields, as JSON can hold it (guest ABI: SQL)."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from hengio import codec
from hengio.errors import Refused, Unavailable

EXACT = 1 << 53
MOST_BYTES = 64 << 20
_MOMENT = re.compile(r"^(\d{4,}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(:\d\d)?)?$")


class Reply(Struct, frozen=True):
    """Rows by column name, how many, and how many rows a change touched (0 for a query)."""

    rows: list[dict[str, Any]]
    row_count: int
    affected_rows: int


class SqlError(Refused):
    """The database refuses the statement. The message holds no value of a parameter."""

    code = "sql_error"


class TooManyRows(Refused):
    """More rows or bytes than the step takes; nothing of it is kept, and changes are rolled back."""

    code = "too_many_rows"


class TimedOut(Unavailable):
    """The statement ran longer than it may; its changes are rolled back."""

    code = "timed_out"


class Busy(Unavailable):
    """Somebody else holds what the statement needs (locks, deadlocks). The database itself is well."""


class Rows:
    """Collects rows up to `most` of them and `MOST_BYTES` of text."""

    def __init__(self, *, most: int) -> None:
        self.rows: list[dict[str, Any]] = []
        self._most = most
        self._bytes = 0

    @property
    def room(self) -> int:
        """How many rows to ask for: one more than may come, so that too many are seen."""
        return self._most - len(self.rows) + 1

    def add(self, columns: Sequence[str], values: Sequence[Any]) -> None:
        """One more row; raises `TooManyRows`."""
        if len(self.rows) >= self._most:
            raise TooManyRows(
                f"the query yields more than {self._most} rows (max_rows)",
                hint="raise max_rows, or narrow the query with WHERE or LIMIT",
            )
        told = [safe(value) for value in values]
        self._bytes += sum(_size(value) for value in told)
        if self._bytes > MOST_BYTES:
            raise TooManyRows(f"the rows hold more than {MOST_BYTES >> 20} MiB", hint="ask for fewer columns or rows")
        self.rows.append(dict(zip(columns, told, strict=True)))


def distinct(columns: Sequence[str]) -> Sequence[str]:
    """The columns themselves; `SqlError` if two have one name, because a row is an object."""
    twice = next((name for place, name in enumerate(columns) if name in columns[:place]), None)
    if twice is not None:
        raise SqlError(f"the result has two columns `{twice}`", hint="name them apart with AS")
    return columns


def safe(value: Any) -> Any:
    """A value as JSON holds it exactly: integers beyond 2^53 and not finite numbers as strings, bytes as base64."""
    match value:
        case bool() | str() | dict() | None:
            return value
        case int():
            return value if abs(value) <= EXACT else str(value)
        case float():
            return value if math.isfinite(value) else _infinite(value)
        case bytes():
            return base64.b64encode(value).decode()
        case list() | tuple():
            return [safe(item) for item in value]
        case _:
            return str(value)


def _size(value: Any) -> int:
    """How much text it is; numbers are not counted."""
    match value:
        case str():
            return len(value)
        case dict() | list():
            return len(codec.encode(value))
        case _:
            return 0


def _infinite(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def moment(text: str) -> str:
    """A timestamp of a database as RFC 3339 writes it; one without a zone stays without."""
    found = _MOMENT.match(text)
    if found is None:
        return text  # infinity, or a year before Christ
    date, time, hours, minutes = found.groups()
    zone = "" if hours is None else "Z" if hours == "+00" and not minutes else f"{hours}{minutes or ':00'}"
    return f"{date}T{time}{zone}"
