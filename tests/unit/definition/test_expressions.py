"""References and conditions are read exactly, and refused with the column where reading stopped (H3)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition import expressions
from hengio.definition.evaluation import Mismatch, Missing, holds
from hengio.definition.expressions import Either, Malformed, Reference

ROW: dict[str, Any] = {"n": 5, "f": 5.0, "t": True, "s": "abc", "none": None, "items": [1, "a", None], "o": {"k": 1}}


def find(wanted: Reference) -> Any:
    value: Any = ROW
    for key in wanted.path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError) as error:
            raise Missing(f"there is no `{wanted}`") from error
    return value


@pytest.mark.requirement("H3.8")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("input", ("input",)),
        ("steps.fetch-orders.output.items[0].id", ("steps", "fetch-orders", "output", "items", 0, "id")),
        ("webhook.headers.X-Request-ID", ("webhook", "headers", "X-Request-ID")),
        ("""input["a key"]['it\\'s'][12]""", ("input", "a key", "it's", 12)),
        ("input.2024.and", ("input", "2024", "and")),
        ("  khách_hàng.tên ", ("khách_hàng", "tên")),
    ],
)
def test_a_reference_is_read_into_its_keys(text: str, path: tuple[Any, ...]) -> None:
    assert expressions.reference(text).path == path


def test_a_reference_is_printed_as_an_author_writes_it() -> None:
    text = 'steps.a-b.output.items[0]["a key"].x'
    assert str(expressions.reference(text)) == text


def test_all_but_the_last_reference_of_a_default_are_optional() -> None:
    found, end = expressions.braced("{{ a ?? b ?? c }}", start=0)
    assert end == 17
    assert isinstance(found, Either)
    assert [each.optional for each in found.operands if isinstance(each, Reference)] == [True, True, False]


@pytest.mark.requirement("H3.14")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n == 5", True),
        ("n == 5.0", True),
        ("f == 5", True),
        ("t == 1", False),
        ("t", True),
        ("not t", False),
        ("n != '5'", True),
        ("n < 6 and n <= 5 and n > 4 and n >= 5", True),
        ("n > -1", True),
        ("s < 'abd'", True),
        ("'a' in s", True),
        ("'a' in items", True),
        ("true in items", False),
        ("null in items", True),
        ("'k' in o", True),
        ("n not in [1, 2]", True),
        ("n in [4, n]", True),
        ("items == [1, 'a', null]", True),
        ("o == null", False),
        ("t or n > 'x'", True),
        ("not (n == 5 or t) or n == 5", True),
        ("not n == 6", True),
        ("{{ n }} == 5 and {{n > 4}}", True),
        ("none ?? 3 == 3", True),
        ("missing.x ?? other ?? 'd' == 'd'", True),
        ('items[1] == "a"', True),
    ],
)
def test_a_condition_means_what_it_says(text: str, expected: bool) -> None:
    assert holds(expressions.condition(text), find) is expected


@pytest.mark.requirement("H3.14")
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n > 'x'", "cannot compare a number with a string by `>`"),
        ("none < 1", "cannot compare null with a number by `<`"),
        ("t > 1", "cannot compare a boolean with a number by `>`"),
        ("n in 5", "cannot look for a number in a number"),
        ("n", "a condition needs a boolean, but `n` is a number"),
        ("t and n", "`and` needs a boolean, but `n` is a number"),
        ("not s", "`not` needs a boolean, but `s` is a string"),
    ],
)
def test_types_without_a_meaning_are_refused(text: str, message: str) -> None:
    with pytest.raises(Mismatch) as refused:
        holds(expressions.condition(text), find)
    assert refused.value.message == message


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", 1, "it ends where a value should follow"),
        ("a ==", 5, "it ends where a value should follow"),
        ("a = 1", 3, "unexpected `=`"),
        ("a && b", 3, "unexpected `&`"),
        ("a == 1 2", 8, "unexpected `2`"),
        ("a < b < c", 8, "comparisons do not chain"),
        ("(a", 3, "expected `)`"),
        ("(a]", 3, "unexpected `]`, expected `)`"),
        ("a.", 3, "expected a name after `.`"),
        ("a[x]", 3, "expected an index from 0 or a key in quotes after `[`"),
        ("a[-1]", 3, "expected an index from 0 or a key in quotes after `[`"),
        ("a == 'x", 6, "this quote is never closed"),
        ("a == '\\q'", 7, "unknown escape `\\q`"),
        ("and", 1, "unexpected `and`"),
        ("a == 1e999", 11, "this number is too large"),
        ("'{{a}}' == 1", 1, "a template inside quotes is only text here"),
        ("5", 1, "a condition must be true or false"),
        ("{{a", 1, "`{{` is never closed"),
        ("__import__('os')", 11, "unexpected `(`"),
        ("(" * 40 + "a" + ")" * 40, 33, "nested more than 32 deep"),
        ("not " * 10_00 + "a", 128, "nested more than 32 deep"),
        ("a" * 9_000, 8_193, "longer than 8192 characters"),
    ],
)
def test_a_bad_expression_is_refused_at_its_column(text: str, column: int, message: str) -> None:
    with pytest.raises(Malformed) as refused:
        expressions.condition(text)
    assert (refused.value.column, refused.value.message) == (column, f"column {column}: {message}")


def test_a_bad_operator_is_answered_with_the_right_one() -> None:
    with pytest.raises(Malformed) as refused:
        expressions.condition("a || b")
    assert refused.value.hint == "write `or`"
