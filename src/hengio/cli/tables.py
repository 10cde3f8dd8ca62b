"""Tables of the command line: whole on wide terminals, one block a row where they would be cut off."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from hengio.cli.present import said, terminal

_ANY_WIDTH = 10_000
Cell = str | Text


def show(headings: Sequence[str], rows: Sequence[Sequence[Cell]], *, none: str, right: Sequence[str] = ()) -> None:
    """Print rows under headings, those of `right` flush right; `none` if there are no rows."""
    console = terminal()
    texts = [[said(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    if not rows:
        console.print(none)
        return
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="right" if heading in right else "left")
    for row in texts:
        table.add_row(*row)
    if console.measure(table, options=console.options.update(width=_ANY_WIDTH)).maximum <= console.width:
        console.print(table)
        return
    for row in texts:
        _block(console, headings, row)


def state(word: str) -> Text:
    """A state in its colour."""
    colours = {
        "success": "green",
        "failed": "red",
        "dead_letter": "red",
        "timeout": "red",
        "running": "cyan",
        "cancelling": "yellow",
        "cancelled": "yellow",
    }
    return Text(word, style=colours.get(word, ""))


def _block(console: Console, headings: Sequence[str], row: Sequence[Text]) -> None:
    """The first cell in a line, the others with their headings below it, as many in a line as fit."""
    row[0].stylize("" if row[0].style else "bold")
    console.print(row[0], soft_wrap=True)
    line = Text()
    for heading, cell in zip(headings[1:], row[1:], strict=True):
        if not str(cell):
            continue
        found = Text.assemble("  ", (f"{heading} " if heading else "", "dim"), cell)
        if line and line.cell_len + found.cell_len > console.width:
            console.print(line, soft_wrap=True)
            line = Text()
        line.append_text(found)
    if line:
        console.print(line, soft_wrap=True)
