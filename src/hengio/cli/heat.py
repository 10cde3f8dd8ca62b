"""A heat map for the terminal: shades that can be told apart without colours, and in colours where there are any."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

_BLOCKS = " ·░▒▓█"
_LETTERS = " .:+*#"
"""For terminals whose encoding has no blocks."""
_COLOURS = ("", "blue", "cyan", "green", "yellow", "red")
_LEVELS = len(_BLOCKS) - 1
_HOURS = 24
_EVERY = 6
_EDGE = 12
"""What stands around the hours: a space on either side and a number at the end."""

Row = tuple[str, Sequence[int]]


def show(console: Console, title: str, rows: Sequence[Row], *, total: bool) -> None:
    """A row of 24 hours for each label, its `total` or else its greatest number at the end, and what shades mean."""
    most = max((count for _, row in rows for count in row), default=0)
    bounds = levels(most)
    shades = _BLOCKS if console.encoding.lower().startswith("utf") else _LETTERS
    label = max(len(name) for name, _ in rows)
    width = 2 if console.width >= label + 2 * _HOURS + _EDGE else 1
    console.print(f"[bold]{title}[/]", soft_wrap=True)
    heads = "".join(f"{hour:02}".ljust(_EVERY * width) for hour in range(0, _HOURS, _EVERY))
    console.print(Text(f"{'':{label}} {heads}", style="dim"), soft_wrap=True)
    for name, row in rows:
        line = Text(f"{name:>{label}} ")
        for count in row:
            place = level(count, bounds)
            line.append(shades[place] * width, style=_COLOURS[place])
        line.append(f" {sum(row) if total else max(row):,}", style="dim")
        console.print(line, soft_wrap=True)
    console.print(_legend(bounds, shades), soft_wrap=True)


def levels(most: int) -> list[int]:
    """The greatest number of each shade, ascending: each is some times the one before, since few hours have most of the
    load."""
    if most <= _LEVELS:
        return list(range(1, most + 1))
    bounds = sorted({round(most ** (step / _LEVELS)) for step in range(1, _LEVELS + 1)})
    return [*bounds[:-1], most]


def level(count: int, bounds: Sequence[int]) -> int:
    """The shade of a number: 0 for none, the last for the most."""
    if not count:
        return 0
    above = len(bounds) - next(place for place, bound in enumerate(bounds) if count <= bound) - 1
    return _LEVELS - above


def _legend(bounds: Sequence[int], shades: str) -> Text:
    line, low = Text("", style="dim"), 1
    for bound in bounds:
        place = level(bound, bounds)
        line.append("  " if line else "")
        line.append(shades[place] * 2, style=f"not dim {_COLOURS[place]}")
        line.append(f" {low:,}" if low == bound else f" {low:,}-{bound:,}")
        low = bound + 1
    return line if bounds else Text("nothing at all", style="dim")
