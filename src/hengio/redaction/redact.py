"""Takes sensitive values out of a tape: each is replaced by as many other bytes wherever it stands, in plain sight or
in a usual spelling.

A guest that only hands such a value on still repeats itself on the tape, since all places change alike: what it gets,
what it asks with it, what it returns. One that computes with it (a signature, a check digit) does not.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from copy import copy
from typing import Any, NamedTuple

from msgspec import Struct

from hengio import codec
from hengio.model.tape import Redaction
from hengio.redaction import spellings

_LEAST_ENCODED = 4
"""Bytes that a value must have to be looked for inside base64 and hex: shorter ones stand in any of it."""
_LEVELS = 2
"""How many times escaped a value is found."""
_MOST_SPELLED = 16
"""Bytes that one byte of a value takes at most: escaped twice, and in base64."""
_LEAST_CASED = 8
"""Bytes of a value that is found in other letter case, too."""
_LEAST_DIGITS = 6
"""Digits that a number must have to be looked for inside texts of results."""
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_SPACES = bytes.maketrans(b"+", b" ")


class Sensitive(Struct, frozen=True, repr_omit_defaults=True):
    """A value that may stand in no tape, and what it is called. Never printed."""

    name: str
    text: str

    def __repr__(self) -> str:
        return f"Sensitive({self.name!r})"


def sensitive(name: str, value: Any) -> Iterator[Sensitive]:
    """The texts and numbers in a JSON value. True, false and null give nothing away that could be looked for."""
    match value:
        case bool() | None:
            return
        case str():
            if value:
                yield Sensitive(name, value)
        case Mapping():
            for inner in value.values():
                yield from sensitive(name, inner)
        case list() | tuple():
            for inner in value:
                yield from sensitive(name, inner)
        case _:
            yield Sensitive(name, codec.encode(value).decode())


def is_number(text: str) -> bool:
    """Whether the text is a number as JSON has it, or with zeros before it."""
    return text.isascii() and _NUMBER.fullmatch(text) is not None


class _Hidden(NamedTuple):
    """A value as bytes, and as many that stand for it; `alone` finds it only where it is no part of a longer number."""

    name: str
    needle: bytes
    other: bytes
    alone: re.Pattern[bytes] | None = None


class _Search:
    """What data is searched for: each value as it is, in hexadecimal, with its spaces as `+`, and if `folded` and long
    enough in other letter case."""

    def __init__(self, values: list[_Hidden], *, folded: bool = False) -> None:
        self.plain = sorted(values, key=lambda value: len(value.needle), reverse=True)
        self.least = len(self.plain[-1].needle) if values else 0
        self.most = len(self.plain[0].needle) if values else 0
        self.digits = [
            _Hidden(name, needle.hex().encode(), other.hex().encode(), alone and _alone_in_hex(needle))
            for name, needle, other, alone in self.plain
            if len(needle) >= _LEAST_ENCODED
        ]
        self.lower = [*self.digits, *(_lower(value) for value in self.plain if folded and _is_cased(value.needle))]
        self.spaced = [
            value._replace(needle=value.needle.translate(_SPACES)) for value in self.plain if b" " in value.needle
        ]


def _is_cased(needle: bytes) -> bool:
    return len(needle) >= _LEAST_CASED and needle.upper() != needle.lower()


def _lower(value: _Hidden) -> _Hidden:
    return value._replace(needle=value.needle.lower())


class Redactor:
    """Cleans the parts of one tape, and counts.

    With `alone` numbers are left in longer ones, those of fewer than six digits are not looked for, and all that is
    found becomes stars: business data is full of digits, and no number may become another. Values of eight bytes are
    also found in other letter case.
    """

    def __init__(self, values: Iterable[Sensitive], *, alone: bool = False) -> None:
        found: dict[bytes, _Hidden] = {}
        for value in values:
            for hidden in _number(value) if alone and is_number(value.text) else _hidden(value):
                found.setdefault(hidden.needle, hidden)
        self._all = _Search([*found.values()], folded=alone)
        self._inside = _Search([hidden for hidden in found.values() if len(hidden.needle) >= _LEAST_ENCODED])
        self._reach = self._all.most * _MOST_SPELLED
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def idle(self) -> bool:
        """Whether there is nothing to look for."""
        return not self._all.plain

    @property
    def redactions(self) -> tuple[Redaction, ...]:
        """What was replaced so far, in order."""
        return tuple(Redaction(name, place, count) for (name, place), count in self._counts.items())

    def counting(self) -> Redactor:
        """The same, which has not counted anything yet."""
        fresh = copy(self)
        fresh._counts = Counter()
        return fresh

    def clean(self, data: bytes, place: str) -> bytes:
        """The bytes without the values, as many as before."""
        return data if self.idle else self._cleaned(data, place, self._all, levels=_LEVELS)

    def clean_text(self, text: str, place: str) -> str:
        return text if self.idle else self.clean(text.encode(errors="replace"), place).decode(errors="replace")

    def _cleaned(self, data: bytes, place: str, search: _Search, *, levels: int, encoded: bool = True) -> bytes:
        """Without the values, as they are, in base64 if `encoded`, and escaped so many times."""
        if len(data) < search.least:
            return data
        data = self._replaced(data, place, search)
        if encoded and self._inside.plain and len(data) > self._inside.least:
            data = self._decoded(data, place)
        if levels and (b"\\" in data or b"%" in data):
            view = spellings.Unescaped(data, self._reach)
            cleaned = self._cleaned(view.text, place, search, levels=levels - 1, encoded=encoded)
            if cleaned != view.text:
                data = view.back(cleaned)
        return data

    def _decoded(self, data: bytes, place: str) -> bytes:
        """Without the values that are long enough in base64, which may begin at any byte."""
        masked = spellings.masked(data)
        for start in range(4):
            view = spellings.Decoded(data, masked, start)
            cleaned = self._cleaned(view.text, place, self._inside, levels=_LEVELS, encoded=False)
            if cleaned != view.text:
                data = view.back(cleaned)
                masked = spellings.masked(data)
        return data

    def _replaced(self, data: bytes, place: str, search: _Search) -> bytes:
        """Without the values as they are, in hexadecimal, and with `+` for spaces."""
        data = self._overwritten(data, data, place, search.plain)
        if search.lower:
            data = self._overwritten(data, data.lower(), place, search.lower)
        if search.spaced and b"+" in data:
            data = self._overwritten(data, data.translate(_SPACES), place, search.spaced)
        return data

    def _overwritten(self, data: bytes, seen: bytes, place: str, values: list[_Hidden]) -> bytes:
        """The data with other bytes wherever one of the values is `seen` in it."""
        cleaned = seen
        for name, needle, other, alone in values:
            if needle not in cleaned:
                continue
            if alone is None:
                self._counts[name, place] += cleaned.count(needle)
                cleaned = cleaned.replace(needle, other)
            else:
                cleaned, count = alone.subn(other, cleaned)
                if count:
                    self._counts[name, place] += count
        if seen is data or cleaned == seen:
            return cleaned if seen is data else data
        found = bytearray(data)
        for start, end in spellings.changes(seen, cleaned):
            found[start:end] = cleaned[start:end]
        return bytes(found)


def _hidden(value: Sensitive) -> Iterator[_Hidden]:
    """The value, as JSON has it whatever stands before it (a `%` may make an escape of how it begins), and what it
    reads as where something in it is itself taken for an escape."""
    needle = value.text.encode(errors="replace")
    other = _stand_in(value.text)
    for form in (codec.encode(needle.decode())[1:-1], json.dumps(value.text)[1:-1].encode()):
        if form != needle:
            yield _Hidden(value.name, form, b"*" * len(form))
    for _ in range(1 + _LEVELS):
        yield _Hidden(value.name, needle, other[: len(needle)].encode())
        needle, before = spellings.unescaped(needle), needle
        if needle == before or len(needle) < _LEAST_ENCODED:
            return


def _number(value: Sensitive) -> Iterator[_Hidden]:
    """A number that stands alone, if it is long enough."""
    if sum(sign.isdigit() for sign in value.text) >= _LEAST_DIGITS:
        needle = value.text.encode()
        alone = re.compile(rb"(?<![0-9])(?<![0-9]\.)" + re.escape(needle) + rb"(?!\.?[0-9])")
        yield _Hidden(value.name, needle, b"*" * len(needle), alone)


def _alone_in_hex(needle: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?<!3[0-9])" + needle.hex().encode() + rb"(?!3[0-9])")


def _stand_in(text: str) -> str:
    """As many bytes that are not the value: digits for a number, so that JSON stays JSON, else stars."""
    if _NUMBER.fullmatch(text):
        ones, twos = (re.sub(r"\d", digit, text) for digit in "12")
        return ones if ones != text else twos
    size = len(text.encode(errors="replace"))
    return "*" * size if text != "*" * size else "#" * size
