"""References and conditions: one tokenizer-parser for both. It reads and never evaluates code (H3).

    condition  = both { "or" both }
    both       = negation { "and" negation }
    negation   = "not" negation | comparison
    comparison = value [ ( == | != | < | <= | > | >= | [ "not" ] "in" ) value ]
    value      = primary { "??" primary }
    primary    = number | string | true | false | null | "[" [ value { "," value } ] "]" | "(" condition ")"
               | "{{" condition "}}" | "${" NAME "}" | reference
    reference  = name { "." key | "[" index "]" | "[" string "]" }

Names and keys may hold hyphens; there is no arithmetic, so nothing is ambiguous. In strings `\\` escapes a quote,
itself, `n`, `r` and `t`. The nodes are in `syntax`, their meaning in `evaluation`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Literal, cast

from hengio.codec import Json
from hengio.definition.syntax import (
    Comparison,
    Constant,
    Either,
    Expression,
    Listing,
    Logic,
    Malformed,
    Negation,
    Reference,
    Sign,
)

MAX_LENGTH = 8_192
MAX_DEPTH = 32
_MAX_DIGITS = 400

__all__ = [
    "MAX_DEPTH",
    "MAX_LENGTH",
    "Comparison",
    "Constant",
    "Either",
    "Expression",
    "Listing",
    "Logic",
    "Malformed",
    "Negation",
    "Reference",
    "braced",
    "condition",
    "reference",
]


@lru_cache(maxsize=2_048)
def condition(text: str) -> Expression:
    """A whole condition. Raises `Malformed`, also where it can be seen that the result is not a boolean."""
    if len(text) > MAX_LENGTH:
        raise Malformed(f"longer than {MAX_LENGTH} characters", column=MAX_LENGTH + 1)
    parser = _Parser(text)
    found = parser.condition()
    parser.end()
    if isinstance(found, Listing) or (isinstance(found, Constant) and not isinstance(found.value, bool)):
        raise Malformed("a condition must be true or false", column=1, hint="compare it with something")
    return found


def reference(text: str) -> Reference:
    """A bare path such as `steps.fetch.output.items[0]`. Raises `Malformed`."""
    if len(text) > MAX_LENGTH:
        raise Malformed(f"longer than {MAX_LENGTH} characters", column=MAX_LENGTH + 1)
    parser = _Parser(text)
    found = parser.reference()
    parser.end()
    return found


def braced(text: str, *, start: int) -> tuple[Expression, int]:
    """The value in `text` from the `{{` at `start`, and the place after its `}}`. Raises `Malformed`."""
    parser = _Parser(text, start=start)
    return parser.template(), parser.at


Operand = Callable[[], Expression]

_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"[^\W\d][\w-]*")
_KEY = re.compile(r"\w[\w-]*")
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w.])")
_INDEX = re.compile(r"[0-9]{1,9}(?![0-9])")
_STRING = re.compile(r"\"([^\"\\]*(?:\\.[^\"\\]*)*)\"|'([^'\\]*(?:\\.[^'\\]*)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_SIGN = re.compile(r"==|!=|<=|>=|<|>|in(?![\w-])|not[ \t\r\n]+in(?![\w-])")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_-]{0,63})\}")

_ESCAPED = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "r": "\r", "t": "\t"}
_WORDS: dict[str, Json] = {"true": True, "false": False, "null": None}
_OPERATORS = frozenset({"and", "or", "not", "in"})
_HINTS = {"&": "write `and`", "|": "write `or`", "=": "write `==`", "!": "write `not`", "$": "write `${NAME}`"}
_WORD_ENDS = {word: re.compile(rf"{word}(?![\w-])") for word in ("and", "or", "not")}


class _Parser:
    """One pass over `text` from `start`. Recursion is bounded by `MAX_DEPTH`: no text can exhaust the stack."""

    def __init__(self, text: str, *, start: int = 0) -> None:
        self.text = text
        self.at = start
        self.depth = 0
        self.braces = 0

    def condition(self) -> Expression:
        self._deeper()
        found = self._chain("or", lambda: self._chain("and", self._negation))
        self.depth -= 1
        return found

    def _chain(self, word: Literal["and", "or"], operand: Operand) -> Expression:
        operands = [operand()]
        while self._taken(_WORD_ENDS[word]):
            operands.append(operand())
        return Logic(word, tuple(operands)) if len(operands) > 1 else operands[0]

    def _negation(self) -> Expression:
        if not self._taken(_WORD_ENDS["not"]):
            return self._comparison()
        self._deeper()
        operand = self._negation()
        self.depth -= 1
        return Negation(operand)

    def _comparison(self) -> Expression:
        left = self._value()
        sign = self._taken(_SIGN)
        if sign is None:
            return left
        right = self._value()
        if self._taken(_SIGN):
            raise self._error("comparisons do not chain", hint="join two of them with `and`")
        return Comparison(cast(Sign, " ".join(sign[0].split())), left, right)

    def _value(self) -> Expression:
        operands = [self._primary()]
        while self._sees("??"):
            self.at += 2
            operands.append(self._primary())
        if len(operands) == 1:
            return operands[0]
        first = [replace(each, optional=True) if isinstance(each, Reference) else each for each in operands[:-1]]
        return Either((*first, operands[-1]))

    def _primary(self) -> Expression:
        self._skip()
        openings: dict[str, Operand] = {
            "(": self._grouped,
            "[": self._listing,
            "{": self._expression_in_braces,
            '"': self._constant_text,
            "'": self._constant_text,
        }
        read = openings.get(self.text[self.at : self.at + 1], self._bare)
        return read()

    def _bare(self) -> Expression:
        if number := self._taken(_NUMBER):
            return Constant(self._number(number[0]))
        if variable := self._taken(_VARIABLE):
            return Reference(("variables", variable[1]), variable.start() + 1, braced=True)
        if (word := _NAME.match(self.text, self.at)) and word[0] in _WORDS:
            self.at = word.end()
            return Constant(_WORDS[word[0]])
        return self.reference()

    def _expression_in_braces(self) -> Expression:
        return self._within_braces(self.condition)

    def _grouped(self) -> Expression:
        self.at += 1
        found = self.condition()
        self._expect(")")
        return found

    def _listing(self) -> Expression:
        self._deeper()
        self.at += 1
        items: list[Expression] = []
        while not self._sees("]"):
            if items:
                self._expect(",")
            items.append(self._value())
        self.at += 1
        self.depth -= 1
        if all(isinstance(item, Constant) for item in items):
            return Constant([item.value for item in items if isinstance(item, Constant)])
        return Listing(tuple(items))

    def template(self) -> Expression:
        """`{{` value `}}`, as it stands in a template."""
        return self._within_braces(self._value)

    def _within_braces(self, inner: Operand) -> Expression:
        opened = self.at
        self._expect("{{")
        self.braces += 1
        found = inner()
        self.braces -= 1
        if not self._sees("}}"):
            if self.at >= len(self.text):
                raise Malformed("`{{` is never closed", column=opened + 1, hint="write `{{'{{'}}` for the text itself")
            raise self._unexpected()
        self.at += 2
        return found

    def reference(self) -> Reference:
        name = self._taken(_NAME)
        if name is None or name[0] in _OPERATORS:
            self.at = name.start() if name else self.at
            raise self._unexpected()
        path: list[str | int] = [name[0]]
        while self.at < len(self.text):
            if self.text[self.at] == ".":
                self.at += 1
                path.append(self._key())
            elif self.text[self.at] == "[":
                self.at += 1
                path.append(self._bracketed())
            else:
                break
        return Reference(tuple(path), name.start() + 1, braced=self.braces > 0)

    def _key(self) -> str:
        key = _KEY.match(self.text, self.at)
        if key is None:
            raise self._error("expected a name after `.`", hint='other keys go in brackets: `["a key"]`')
        self.at = key.end()
        return key[0]

    def _bracketed(self) -> str | int:
        if index := self._taken(_INDEX):
            self._expect("]")
            return int(index[0])
        if not (self._sees('"') or self._sees("'")):
            raise self._error("expected an index from 0 or a key in quotes after `[`")
        key = self._text()
        self._expect("]")
        return key

    def _constant_text(self) -> Constant:
        opened = self.at
        text = self._text()
        if not self.braces and ("{{" in text or "${" in text):
            hint = "references stand without quotes in a condition"
            raise Malformed("a template inside quotes is only text here", column=opened + 1, hint=hint)
        return Constant(text)

    def _text(self) -> str:
        found = _STRING.match(self.text, self.at)
        if found is None:
            raise self._error("this quote is never closed")
        for escape in _ESCAPE.finditer(self.text, found.start(), found.end()):
            if escape[1] not in _ESCAPED:
                raise Malformed(f"unknown escape `\\{escape[1]}`", column=escape.start() + 1)
        self.at = found.end()
        inner = found[1] if found[1] is not None else found[2]
        return _ESCAPE.sub(lambda escape: _ESCAPED[escape[1]], inner)

    def _number(self, text: str) -> int | float:
        if len(text) > _MAX_DIGITS:
            raise self._error(f"a number of more than {_MAX_DIGITS} digits")
        if text.lstrip("-").isdigit():
            return int(text)
        value = float(text)
        if not math.isfinite(value):
            raise self._error("this number is too large")
        return value

    def end(self) -> None:
        self._skip()
        if self.at < len(self.text):
            raise self._unexpected()

    def _deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self._error(f"nested more than {MAX_DEPTH} deep")

    def _skip(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at

    def _sees(self, mark: str) -> bool:
        self._skip()
        return self.text.startswith(mark, self.at)

    def _taken(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        self._skip()
        found = pattern.match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    def _expect(self, mark: str) -> None:
        if not self._sees(mark):
            raise self._error(f"expected `{mark}`") if self.at >= len(self.text) else self._unexpected(mark)
        self.at += len(mark)

    def _unexpected(self, wanted: str = "") -> Malformed:
        if self.at >= len(self.text):
            return self._error("it ends where a value should follow")
        name = _NAME.match(self.text, self.at)
        found = name[0][:40] if name else self.text[self.at]
        instead = f", expected `{wanted}`" if wanted else ""
        return self._error(f"unexpected `{found}`{instead}", hint=_HINTS.get(found, ""))

    def _error(self, message: str, *, hint: str = "") -> Malformed:
        return Malformed(message, column=min(self.at, len(self.text)) + 1, hint=hint)
