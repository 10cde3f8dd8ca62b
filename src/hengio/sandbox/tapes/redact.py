"""Takes sensitive values out of a tape: each is replaced by as many other bytes wherever it stands, in plain sight or
in a usual spelling.

A guest that only hands such a value on still repeats itself on the tape, since all places change alike: what it gets,
what it asks with it, what it returns. One that computes with it (a signature, a check digit) does not.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

from msgspec import Struct

from hengio import codec
from hengio.model.tape import Redaction

_LEAST_ENCODED = 4
"""Bytes that a value must have to be looked for inside base64 and hex: shorter ones stand in any of it."""
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{6,}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_URLSAFE = bytes.maketrans(b"-_", b"+/")


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


class Redactor:
    """Cleans the parts of one tape, and counts."""

    def __init__(self, values: Iterable[Sensitive]) -> None:
        self._values = sorted(values, key=lambda value: len(value.text), reverse=True)
        self._forms = [(value.name, form, other) for value in self._values for form, other in _forms(value.text)]
        self._forms.sort(key=lambda form: len(form[1]), reverse=True)
        self._inside = [form for form in self._forms if len(form[1]) >= _LEAST_ENCODED]
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def redactions(self) -> tuple[Redaction, ...]:
        """What was replaced so far, in order."""
        return tuple(Redaction(name, place, count) for (name, place), count in self._counts.items())

    def clean(self, data: bytes, place: str) -> bytes:
        """The bytes without the values, as many as before."""
        if not self._forms or not data:
            return data
        data = self._replaced(data, self._forms, place)
        return _BASE64.sub(lambda found: self._decoded(found[0], place), data) if self._inside else data

    def clean_text(self, text: str, place: str) -> str:
        return self.clean(text.encode(errors="replace"), place).decode(errors="replace") if self._forms else text

    def _replaced(self, data: bytes, forms: list[tuple[str, bytes, bytes]], place: str) -> bytes:
        for name, form, other in forms:
            if count := data.count(form):
                self._counts[name, place] += count
                data = data.replace(form, other)
        return data

    def _decoded(self, run: bytes, place: str) -> bytes:
        """A run of base64 digits, which may begin in the middle of something else: hence each alignment."""
        for start in range(4):
            body = run[start:]
            body = body[: len(body) - (len(body) % 4 == 1)]
            plain = _base64(body)
            if not any(form in plain for _, form, _ in self._inside):
                continue
            encoded = base64.b64encode(self._replaced(plain, self._inside, place)).rstrip(b"=")
            if b"-" in body or b"_" in body:
                encoded = encoded.translate(bytes.maketrans(b"+/", b"-_"))
            run = run[:start] + encoded + run[start + len(body) :]
        return run


def _base64(digits: bytes) -> bytes:
    try:
        return binascii.a2b_base64(digits.translate(_URLSAFE) + b"=" * (-len(digits) % 4))
    except binascii.Error:
        return b""


def _forms(text: str) -> list[tuple[bytes, bytes]]:
    """The spellings of a value, each with as many bytes that stand for it."""
    plain = _stand_in(text)
    forms: dict[bytes, bytes] = {}
    for spell in (_raw, _json, _ascii, _slashes, _twice, _percent, _plus, _lower_percent):
        forms.setdefault(spell(text), spell(plain))
    if len(text.encode(errors="replace")) >= _LEAST_ENCODED:
        for spell in (_hex, _upper_hex):
            forms.setdefault(spell(text), spell(plain))
    return [(form, other if len(other) == len(form) else b"*" * len(form)) for form, other in forms.items()]


def _stand_in(text: str) -> str:
    """As many bytes that are not the value: digits for a number, so that JSON stays JSON, else stars."""
    if _NUMBER.fullmatch(text):
        ones, twos = (re.sub(r"\d", digit, text) for digit in "12")
        return ones if ones != text else twos
    size = len(text.encode(errors="replace"))
    return "*" * size if text != "*" * size else "#" * size


def _raw(text: str) -> bytes:
    return text.encode(errors="replace")


def _json(text: str) -> bytes:
    return codec.encode(text.encode(errors="replace").decode())[1:-1]


def _ascii(text: str) -> bytes:
    return json.dumps(text)[1:-1].encode()


def _slashes(text: str) -> bytes:
    return _json(text).replace(b"/", b"\\/")


def _twice(text: str) -> bytes:
    return _json(_json(text).decode())


def _percent(text: str) -> bytes:
    return quote(text, safe="", errors="replace").encode()


def _plus(text: str) -> bytes:
    return quote_plus(text, errors="replace").encode()


def _lower_percent(text: str) -> bytes:
    return re.sub(rb"%..", lambda found: found[0].lower(), _percent(text))


def _hex(text: str) -> bytes:
    return _raw(text).hex().encode()


def _upper_hex(text: str) -> bytes:
    return _hex(text).upper()
