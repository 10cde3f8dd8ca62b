"""What an expression means, given where to find its references. Strict: nothing is converted, nothing is executed.

Equality is that of JSON: `1 == 1.0`, but `true != 1` and `"1" != 1`. Order exists between two numbers and between two
strings (by code point). `in` looks for an item of a list, a part of a string or a key of an object.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, assert_never

from hengio.codec import Json
from hengio.definition import words
from hengio.definition.expressions import (
    Comparison,
    Constant,
    Either,
    Expression,
    Listing,
    Logic,
    Negation,
    Reference,
)
from hengio.errors import Refused

Find = Callable[[Reference], Json]


class Missing(Refused):
    """A reference to something that is not there. The message names the path and what is there, never a value."""

    code = "missing_reference"
    reference = ""
    """All of the reference, where the message is about a part of it."""


class Mismatch(Refused):
    """An operation on types for which it has no meaning."""

    code = "type_mismatch"


def holds(condition: Expression, find: Find) -> bool:
    """Whether the condition is true. Raises `Mismatch` if it is not a boolean, and what `find` raises."""
    return _truth(condition, evaluate(condition, find), "a condition")


def evaluate(expression: Expression, find: Find) -> Json:  # noqa: PLR0911 - one return a case
    """The value of an expression; `find` yields the value of a reference or raises `Missing`."""
    match expression:
        case Reference():
            return find(expression)
        case Constant(value):
            return value
        case Listing(items):
            return [evaluate(item, find) for item in items]
        case Either(operands):
            return _first_present(operands, find)
        case Negation(operand):
            return not _truth(operand, evaluate(operand, find), "`not`")
        case Logic(word, operands):
            stop = word == "or"
            return (
                stop if any(_truth(each, evaluate(each, find), f"`{word}`") is stop for each in operands) else not stop
            )
        case Comparison(sign, left, right):
            return compare(sign, evaluate(left, find), evaluate(right, find))
        case _:
            assert_never(expression)


def compare(sign: str, left: Json, right: Json) -> bool:
    """One comparison. Raises `Mismatch` where the types have no such relation."""
    match sign:
        case "==":
            return same(left, right)
        case "!=":
            return not same(left, right)
        case "in":
            return _contains(right, left)
        case "not in":
            return not _contains(right, left)
        case _:
            return _ordered(sign, left, right)


def same(left: Json, right: Json) -> bool:
    """Equality as JSON has it, at every depth: a boolean is never a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == right
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    return type(left) is type(right) and bool(left == right)


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _ordered(sign: str, left: Json, right: Json) -> bool:
    if not (_is_number(left) and _is_number(right)) and not (isinstance(left, str) and isinstance(right, str)):
        hint = "give a default with `??`" if left is None or right is None else ""
        raise Mismatch(f"cannot compare {words.kind(left)} with {words.kind(right)} by `{sign}`", hint=hint)
    return _ORDERS[sign](left, right)


def _is_number(value: Json) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _contains(whole: Json, part: Json) -> bool:
    match whole:
        case list():
            return any(same(part, item) for item in whole)
        case str() if isinstance(part, str):
            return part in whole
        case dict() if isinstance(part, str):
            return part in whole
        case _:
            raise Mismatch(f"cannot look for {words.kind(part)} in {words.kind(whole)}")


def _truth(expression: Expression, value: Json, where: str) -> bool:
    if isinstance(value, bool):
        return value
    subject = f"`{expression}` is" if isinstance(expression, Reference) else "this is"
    raise Mismatch(f"{where} needs a boolean, but {subject} {words.kind(value)}", hint="compare it with something")


def _first_present(operands: tuple[Expression, ...], find: Find) -> Json:
    for operand in operands[:-1]:
        try:
            value = evaluate(operand, find)
        except Missing:
            continue
        if value is not None:
            return value
    return evaluate(operands[-1], find)
