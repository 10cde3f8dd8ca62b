"""JSON as Hengio reads and writes it: UTF-8, integers of any size, no NaN, compact output.

`Raw` holds JSON that is already encoded, so that a large output is carried between steps without
being parsed and printed again.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from hengio.errors import Refused

Json = Any
Raw = msgspec.Raw

_decoder = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder(decimal_format="string")
_BYTE = re.compile(r"\(byte (\d+)\)")


class InvalidJson(Refused):
    """Bytes that are not one JSON value. `offset` is the byte at which reading stopped, if known."""

    code = "invalid_json"

    def __init__(self, message: str, *, offset: int | None) -> None:
        super().__init__(message)
        self.offset = offset


def encode(value: Json) -> bytes:
    """Compact UTF-8 JSON. Raises `TypeError` for what JSON cannot hold."""
    return _encoder.encode(value)


def decode(data: bytes | memoryview | Raw) -> Json:
    """One JSON value. Raises `InvalidJson` with the byte offset when the bytes are anything else."""
    try:
        return _decoder.decode(data)
    except UnicodeDecodeError as error:
        offset = _utf8_offset(bytes(data))
        raise InvalidJson(f"not UTF-8: invalid byte at offset {offset}", offset=offset) from error
    except RecursionError as error:
        raise InvalidJson("nested too deeply", offset=None) from error
    except msgspec.DecodeError as error:
        found = _BYTE.search(str(error))
        offset = int(found[1]) if found else len(data)
        raise InvalidJson(str(error), offset=offset) from error


def _utf8_offset(data: bytes) -> int:
    try:
        data.decode()
    except UnicodeDecodeError as error:
        return error.start
    return len(data)
