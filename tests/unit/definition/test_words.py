"""How messages put things into words."""

from __future__ import annotations

from zoneinfo import available_timezones

import pytest

from hengio.definition import words


@pytest.mark.parametrize("name", ["Asia/Hanoi", "Asia/Foo", "Europe/Munich", "Mars/Olympus"])
def test_a_suggestion_does_not_hang_on_the_order_of_what_is_known(name: str) -> None:
    known = sorted(available_timezones())
    assert words.close(name, known) == words.close(name, known[::-1])
