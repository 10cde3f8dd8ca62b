"""The spellings of bytes that a tape is searched in: escapes of JSON and of URLs, and base64.

Each is a view: the bytes that are spelled, and the way back, which writes what was changed in them into the bytes they
came from without changing their length. All of it takes time in proportion to the data, whatever that is.
"""

from __future__ import annotations

import re
from binascii import a2b_base64, b2a_base64, unhexlify
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate

_HEX = rb"[0-9A-Fa-f]"
_PERCENT = rb"%" + _HEX + rb"{2}"
_UNIT = rb"\\u(?:[Dd][89ABab]" + _HEX + rb"{2}\\u[Dd][C-Fc-f]" + _HEX + rb"{2}|" + _HEX + rb"{4})"
_SHORT_FORM = rb'\\["/bfnrt]'
_ESCAPE = re.compile(b"(" + b"|".join([_PERCENT, _UNIT, rb"\\\\", _SHORT_FORM]) + b")")
_RUN = re.compile(
    b"(" + b"|".join(one + b"(?:" + one + b"){0,31}" for one in (_PERCENT, _UNIT, rb"\\\\")) + b"|" + _SHORT_FORM + b")"
)
"""Escapes of one kind in a row: much data is full of them, and read at once they cost less."""
_SHORT = {
    rb"\"": b'"',
    rb"\/": b"/",
    rb"\b": b"\b",
    rb"\f": b"\f",
    rb"\n": b"\n",
    rb"\r": b"\r",
    rb"\t": b"\t",
}
_LONGEST = 32 * len(rb"\ud83d\ude00")
"""Bytes of a run of escapes."""
_PIECE = 1 << 16
"""Bytes that are read at a time: many times `_LONGEST`."""
_CHANGED = re.compile(rb"[^\0]+")
_FILL = b"*"
_GAP = b"\xff"
"""What stands in a view for bytes that are too far from any escape to matter: it is in no text."""
_DIGITS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_"
_NO_DIGITS = bytes(byte for byte in range(256) if byte not in _DIGITS)
_MASK = bytes.maketrans(b"-_" + _NO_DIGITS, b"+/" + b"A" * len(_NO_DIGITS))
_URLSAFE = bytes.maketrans(b"+/", b"-_")


class Unescaped:
    """Data with each escape (`%41`, `\\u0041`, `\\/`) replaced by what it stands for.

    `text` leaves out what is more than `reach` bytes from all escapes. It is made in pieces, so that other threads get
    their turn.
    """

    __slots__ = ("_data", "_found", "_pieces", "_reach", "_starts", "text")

    def __init__(self, data: bytes, reach: int) -> None:
        self._data = data
        self._reach = reach
        self._pieces: list[tuple[int, int]] = []
        self._starts: list[int] = []
        self._found: tuple[int, _Piece] | None = None
        escapes, texts, size, start, any_escape = _Escapes(), [], 0, 0, False
        while start < len(data):
            parts = _split(data, start)
            any_escape = any_escape or len(parts) > 1
            end = start + sum(map(len, parts))
            self._pieces.append((start, end))
            self._starts.append(size)
            texts.append(b"".join(_read(parts, reach, escapes)[1]))
            size, start = size + len(texts[-1]), end
        self.text = b"".join(texts) if any_escape else b""

    def back(self, cleaned: bytes) -> bytes:
        """The data with what is different in `cleaned`; with stars where an escape is in that."""
        found = bytearray(self._data)
        for start, end in changes(self.text, cleaned):
            first, last = self._piece(start).origin(start), self._piece(end - 1).origin_of_end(end)
            same = last - first == end - start
            found[first:last] = cleaned[start:end] if same else _FILL * (last - first)
        return bytes(found)

    def _piece(self, at: int) -> _Piece:
        """The piece that has this byte of the text."""
        place = bisect_right(self._starts, at) - 1
        if self._found is None or self._found[0] != place:
            start, end = self._pieces[place]
            parts, plain = _read(_ESCAPE.split(self._data[start:end]), self._reach, _Escapes())
            self._found = place, _Piece(start, self._starts[place], parts, plain)
        return self._found[1]


class _Piece:
    """Where the bytes of a piece of a view come from."""

    def __init__(self, origin: int, start: int, parts: list[bytes], plain: list[bytes]) -> None:
        self._origins = list(accumulate(map(len, parts), initial=origin))
        self._starts = list(accumulate(map(len, plain), initial=start))

    def origin(self, at: int) -> int:
        """Where in the data the byte at this place of the text begins."""
        place = bisect_right(self._starts, at) - 1
        return self._origins[place] + (at - self._starts[place] if self._literal(place) else 0)

    def origin_of_end(self, end: int) -> int:
        """Where in the data the bytes end that end there in the text."""
        place = bisect_left(self._starts, end) - 1
        return self._origins[place] + end - self._starts[place] if self._literal(place) else self._origins[place + 1]

    def _literal(self, place: int) -> bool:
        origins, starts = self._origins, self._starts
        return origins[place + 1] - origins[place] == starts[place + 1] - starts[place]


def _split(data: bytes, start: int) -> list[bytes]:
    """A piece of the data from `start` on: what is no escape and each escape in turn."""
    end = start + _PIECE
    parts = _RUN.split(data[start:end])
    if end >= len(data):
        return parts
    # What is near the end may be the beginning of an escape that goes on behind it.
    left = _LONGEST
    while len(parts) > 1 and len(parts[-1]) < left:
        left -= len(parts.pop()) + len(parts.pop())
    if left > 0:
        parts[-1] = parts[-1][:-left]
    return parts


def _read(parts: list[bytes], reach: int, escapes: _Escapes) -> tuple[list[bytes], list[bytes]]:
    """The parts, and what each of them reads as. The middle of a long one is a part of its own."""
    plain = parts.copy()
    plain[1::2] = map(escapes.__getitem__, parts[1::2])
    return _near(parts, plain, reach) if max(map(len, parts)) > 2 * reach else (parts, plain)


class _Escapes(dict[bytes, bytes]):
    """What escapes stand for, worked out once each."""

    def __missing__(self, escape: bytes) -> bytes:
        found = self[escape] = _plain(escape)
        return found


def _plain(escapes: bytes) -> bytes:
    """What a run of escapes stands for."""
    match escapes[:2]:
        case b"\\u":
            return unhexlify(escapes.translate(None, b"\\u")).decode("utf-16-be", errors="replace").encode()
        case b"\\\\":
            return escapes[::2]
        case short if short in _SHORT:
            return _SHORT[short]
        case _:
            return unhexlify(escapes.translate(None, b"%"))


def _near(parts: list[bytes], plain: list[bytes], reach: int) -> tuple[list[bytes], list[bytes]]:
    """With the middle of every long part as a part of its own, that counts as one byte."""
    near: list[bytes] = []
    shown: list[bytes] = []
    for part, text in zip(parts, plain, strict=True):
        if len(part) <= 2 * reach:
            near.append(part)
            shown.append(text)
        else:
            near += (part[:reach], part[reach:-reach], part[-reach:])
            shown += (part[:reach], _GAP, part[-reach:])
    return near, shown


class Decoded:
    """Data read as base64 of either alphabet from byte `start` on; what is no digit counts as one that is zero, so that
    the digits of a run which begins anywhere are in step with one start of four."""

    __slots__ = ("_data", "_start", "text")

    def __init__(self, data: bytes, masked: bytes, start: int) -> None:
        self._data = data
        self._start = start
        digits = masked[start:]
        self.text = a2b_base64(digits + b"A" * (-len(digits) % 4))

    def back(self, cleaned: bytes) -> bytes:
        """The data with what is different in `cleaned`, in the alphabet that is used there."""
        found = bytearray(self._data)
        for start, end in changes(self.text, cleaned):
            first, last = start // 3, (end + 2) // 3
            at = self._start + 4 * first
            old = self._data[at : at + 4 * (last - first)]
            new = b2a_base64(cleaned[3 * first : 3 * last], newline=False)
            if b"-" in old or b"_" in old:
                new = new.translate(_URLSAFE)
            found[at : at + len(old)] = bytes(
                fresh if was in _DIGITS else was for was, fresh in zip(old, new, strict=False)
            )
        return bytes(found)


def masked(data: bytes) -> bytes:
    """Data as digits of the one alphabet, for `Decoded`."""
    return data.translate(_MASK)


def unescaped(data: bytes) -> bytes:
    """All of the data with each escape replaced."""
    return Unescaped(data, len(data)).text or data


def changes(one: bytes, other: bytes) -> Iterator[tuple[int, int]]:
    """The spans in which two texts of the same length differ."""
    differ = int.from_bytes(one, "big") ^ int.from_bytes(other, "big")
    for found in _CHANGED.finditer(differ.to_bytes(len(one), "big")):
        yield found.span()
