"""What a step's output tells about each column: count, nulls, min, max, sum (H4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hengio.steps.tables.place import Row

_TEXT = 200


class Summary:
    """Gathers the figures while rows pass by."""

    def __init__(self, columns: Iterable[str]) -> None:
        self._columns = {name: _Column() for name in columns}

    def add(self, row: Row) -> None:
        for name, column in self._columns.items():
            column.add(row.get(name))

    def figures(self) -> dict[str, dict[str, Any]]:
        """By column: `count` of values, `nulls` (empty texts too), `min` and `max` of numbers only or texts only (the
        first 200 characters), `sum` of numbers only; null where a column has none or mixes them."""
        return {name: column.figures() for name, column in self._columns.items()}


class _Column:
    __slots__ = ("_count", "_kind", "_max", "_min", "_mixed", "_nulls", "_sum")

    def __init__(self) -> None:
        self._count = self._nulls = 0
        self._kind: type | None = None
        self._mixed = False
        self._min: Any = None
        self._max: Any = None
        self._sum: int | float = 0

    def add(self, value: Any) -> None:
        if value is None or value == "":
            self._nulls += 1
            return
        self._count += 1
        kind = str if isinstance(value, str) else float if type(value) in (int, float) else None
        if kind is None or (self._kind is not None and kind is not self._kind):
            self._mixed = True
        if self._mixed:
            return
        self._kind = kind
        if self._min is None or value < self._min:
            self._min = value
        if self._max is None or value > self._max:
            self._max = value
        if kind is float:
            self._sum += value

    def figures(self) -> dict[str, Any]:
        known = self._kind is not None and not self._mixed
        return {
            "count": self._count,
            "nulls": self._nulls,
            "min": _cut(self._min) if known else None,
            "max": _cut(self._max) if known else None,
            "sum": self._sum if known and self._kind is float else None,
        }


def _cut(value: Any) -> Any:
    return value[:_TEXT] if isinstance(value, str) else value
