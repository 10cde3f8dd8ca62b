"""What the command line shows to people of texts that others chose."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio import codec
from hengio.cli.present import document, escape, said, terminal
from hengio.definition.words import is_plain

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(VALUES)
def test_a_document_for_people_is_the_same_document_without_what_acts_on_the_terminal(value: object) -> None:
    shown = document(codec.encode(value)).plain
    assert json.loads(shown) == value
    assert all(map(is_plain, shown.splitlines()))


def test_letters_of_any_language_stay_and_turns_of_direction_do_not() -> None:
    assert document(codec.encode({"tên": "Hẹn giờ \x9b31m\u202e"})).plain == (
        '{\n  "tên": "Hẹn giờ \\u009b31m\\u202e"\n}'
    )


def test_words_between_colons_stay_words(capsys: pytest.CaptureFixture[str]) -> None:
    console = terminal()
    console.print(f"[bold]{escape(':fire: a:a:1')}[/]")
    console.print(said(":fire:"))
    assert capsys.readouterr().out == ":fire: a:a:1\n:fire:\n"
