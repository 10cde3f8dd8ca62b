"""The shared strings of a workbook, on disk: a large workbook has millions of them (ECMA-376, 18.4)."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable
from typing import IO

import msgspec

CACHED_BYTES = 8 << 20
_BLOCK = 64
_OVERHEAD = 64  # bytes that a string takes besides its text

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[str]).decode


class Texts:
    """Strings by number, kept in `file` in blocks. Memory holds where each block begins, and those used last."""

    def __init__(self, file: IO[bytes], strings: Iterable[str]) -> None:
        self._file = file
        self._starts = array("Q", [0])
        self._count = 0
        self._cached: OrderedDict[int, list[str]] = OrderedDict()
        self._room = CACHED_BYTES
        block: list[str] = []
        for text in strings:
            block.append(text)
            if len(block) == _BLOCK:
                self._keep(block)
                block.clear()
        self._keep(block)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> str:
        """Raises `IndexError` for a number that no string has."""
        if not 0 <= place < self._count:
            raise IndexError(place)
        number, within = divmod(place, _BLOCK)
        block = self._cached.get(number)
        return (block if block is not None else self._load(number))[within]

    def _keep(self, block: list[str]) -> None:
        self._starts.append(self._starts[-1] + self._file.write(_encode(block)))
        self._count += len(block)

    def _load(self, number: int) -> list[str]:
        self._file.seek(self._starts[number])
        block = _decode(self._file.read(self._size(number)))
        self._cached[number] = block
        self._room -= self._cost(number)
        while self._room < 0 and len(self._cached) > 1:
            oldest, _ = self._cached.popitem(last=False)
            self._room += self._cost(oldest)
        return block

    def _size(self, number: int) -> int:
        return self._starts[number + 1] - self._starts[number]

    def _cost(self, number: int) -> int:
        return self._size(number) + _BLOCK * _OVERHEAD
