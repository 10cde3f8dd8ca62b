"""Where in a file something is: what a message about a malformed file names (H4)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from hengio.errors import Refused

Row = dict[str, Any]


class Malformed(Refused):
    """A file, or rows for one, that are not a table. The message names sheet, row and column, and no content."""

    code = "malformed_file"
    file = ""
    """The file it is about, once that is said."""

    def of(self, file: str) -> Malformed:
        """The same, with the file it is about, unless it says one already."""
        if self.file:
            return self
        told = Malformed(f"file {file!r}: {self.message}", hint=self.hint)
        told.file = file
        return told


@dataclass(frozen=True, slots=True)
class Table:
    """Rows as objects keyed by column name, each with its row number in the file (from 1). `sheet` is "" for CSV."""

    sheet: str
    columns: tuple[str, ...]
    rows: Iterator[tuple[int, Row]]


class Stop:
    """Asked for when the step is cancelled: looked at between rows, and ends what works beside the thread."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._ending: list[Callable[[], None]] = []

    def ask(self) -> None:
        """From the event loop."""
        self._asked.set()
        for end in self._ending:
            end()

    def on_ask(self, end: Callable[[], None]) -> None:
        """Call `end` when asked to stop; at once, if that was before."""
        self._ending.append(end)
        if self._asked.is_set():
            end()

    def check(self) -> None:
        if self._asked.is_set():
            raise Refused("the step was cancelled")


def malformed(
    message: str, *, sheet: str = "", row: int | None = None, column: str | None = None, hint: str = ""
) -> Malformed:
    """The error for one spot: `sheet 'Orders', row 7, column 'price': …`."""
    named = (("sheet", sheet or None), ("row", row), ("column", column))
    spot = ", ".join(f"{what} {value!r}" for what, value in named if value is not None)
    return Malformed(f"{spot}: {message}" if spot else message, hint=hint)


def column_names(cells: Sequence[Any], *, sheet: str, row: int) -> tuple[str, ...]:
    """The names in a header row, trimmed; empty cells at its end count for nothing. Missing or double names are
    refused by their column's letter."""
    names = ["" if cell is None else str(cell).strip() for cell in cells]
    while names and not names[-1]:
        names.pop()
    if not names:
        raise malformed("there are no column names", sheet=sheet, row=row)
    first: dict[str, int] = {}
    for place, name in enumerate(names):
        if not name:
            raise malformed("the column has no name", sheet=sheet, row=row, column=letters(place))
        if name in first:
            message = f"the name {name!r} is already that of column {letters(first[name])}"
            raise malformed(message, sheet=sheet, row=row, column=letters(place))
        first[name] = place
    return tuple(names)


def letters(place: int) -> str:
    """A column's letters as spreadsheets show them: 0 → A, 26 → AA."""
    text = ""
    while place >= 0:
        place, digit = divmod(place, 26)
        text = chr(ord("A") + digit) + text
        place -= 1
    return text
