"""The heat map of the terminal."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hengio.cli import heat


@given(st.integers(0, 10**9))
def test_shades_cover_every_number_up_to_the_most(most: int) -> None:
    bounds = heat.levels(most)
    assert len(bounds) <= 5
    assert bounds == sorted(set(bounds))
    assert not most or bounds[-1] == most
    shades = [heat.level(count, bounds) for count in sorted({0, min(1, most), most // 3, most // 2, most})]
    assert shades == sorted(shades)
    assert shades[0] == 0
    assert not most or shades[-1] == 5


def drawn(width: int, encoding: str = "utf-8") -> list[str]:
    written = io.BytesIO()
    text = io.TextIOWrapper(written, encoding=encoding)
    console = Console(file=text, width=width, highlight=False)
    heat.show(console, "load", [("Mon 02-01", [0] * 8 + [100] + [1] * 15)], total=True)
    text.flush()
    return written.getvalue().decode(encoding).splitlines()


def test_a_wide_terminal_has_two_letters_for_an_hour_and_a_narrow_one_has_one() -> None:
    assert drawn(80)[2] == "Mon 02-01 " + "  " * 8 + "██" + "··" * 15 + " 115"
    assert drawn(40)[2] == "Mon 02-01 " + " " * 8 + "█" + "·" * 15 + " 115"
    assert drawn(40)[1].rstrip() == "          00    06    12    18"
    assert max(map(len, drawn(40))) <= 56  # the legend alone may be longer


def test_the_legend_tells_what_each_shade_means() -> None:
    assert drawn(80)[3] == "·· 1-3  ░░ 4-6  ▒▒ 7-16  ▓▓ 17-40  ██ 41-100"


def test_a_terminal_without_blocks_has_letters() -> None:
    assert drawn(40, "ascii")[2] == "Mon 02-01 " + " " * 8 + "#" + "." * 15 + " 115"
