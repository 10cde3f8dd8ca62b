"""What passes between a process and its compiling child: a word of one byte, a length, and bytes."""

from __future__ import annotations

import struct
from typing import BinaryIO, get_args

from hengio.sandbox.wasmtime.config import Tier

_HEAD = struct.Struct("<BQ")
COMPILED, FAILED = 0, 1
TIERS = get_args(Tier)


def write(stream: BinaryIO, word: int, data: bytes) -> None:
    stream.write(_HEAD.pack(word, len(data)))
    stream.write(data)
    stream.flush()


def read(stream: BinaryIO) -> tuple[int, bytes] | None:
    """None at the end of the stream, also in the middle of a frame."""
    head = stream.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    word, length = _HEAD.unpack(head)
    data = stream.read(length)
    return (word, data) if len(data) == length else None
