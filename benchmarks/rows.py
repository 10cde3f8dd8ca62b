"""A measured figure, and how figures are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `goal` is in words, `met` None where there is none (a peer's figure, or nothing to compare with)."""

    name: str
    value: float
    unit: str
    goal: str = ""
    met: bool | None = None

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def at_most(name: str, value: float, unit: str, *, goal: float) -> Row:
    """A figure that should not exceed its goal."""
    return Row(name, value, unit, f"≤ {goal:g}", value <= goal)


def at_least(name: str, value: float, unit: str, *, goal: float) -> Row:
    """A figure that should reach its goal."""
    return Row(name, value, unit, f"≥ {goal:g}", value >= goal)


def show(title: str, rows: Sequence[Row]) -> None:
    """A table of figures; what misses its goal says so."""
    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    for heading, align in (("", "left"), ("measured", "right"), ("", "left"), ("goal", "right"), ("", "left")):
        table.add_column(heading, justify=align)  # type: ignore[arg-type]
    for row in rows:
        verdict = "" if row.met is None else "[green]met[/]" if row.met else "[red]missed[/]"
        table.add_row(row.name, f"{row.value:,.2f}", row.unit, row.goal, verdict)
    Console().print(table, "")
