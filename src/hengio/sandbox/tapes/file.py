"""A tape as bytes: MessagePack under gzip. What is read may come from anywhere, and is held to limits before and after
it is unpacked."""

from __future__ import annotations

import gzip
import zlib

import msgspec
from msgspec import Struct

from hengio.errors import Refused
from hengio.model.tape import FORMAT, Tape

MOST_BYTES = 64 << 20
"""Of a file."""
_MOST_UNPACKED = 96 << 20
_GZIP = 31
"""What zlib calls gzip with the largest window."""
_QUICK = 3
_HINT = "hengio module tape, or hengio module test --record, makes one"


class _Head(Struct):
    """What tapes of all formats have in common."""

    format: int


def pack(tape: Tape) -> bytes:
    """The same bytes for the same tape."""
    return gzip.compress(msgspec.msgpack.encode(tape), compresslevel=_QUICK, mtime=0)


def unpack(data: bytes) -> Tape:
    """Raises `Refused` for what is no tape, one of another format, or one that is too large."""
    plain = _unpacked(data)
    try:
        found = msgspec.msgpack.decode(plain, type=_Head).format
        if found != FORMAT:
            raise Refused(f"the tape has format {found}; this version of Hengio reads {FORMAT}")
        return msgspec.msgpack.decode(plain, type=Tape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(f"this is no tape: {error}", hint=_HINT) from error


def _unpacked(data: bytes) -> bytes:
    if len(data) > MOST_BYTES:
        raise Refused(f"a tape has at most {MOST_BYTES} bytes")
    stream = zlib.decompressobj(_GZIP)
    try:
        plain = stream.decompress(data, _MOST_UNPACKED)
    except zlib.error as error:
        raise Refused("this is no tape", hint=_HINT) from error
    if stream.unconsumed_tail:
        raise Refused(f"the tape has more than {_MOST_UNPACKED} bytes when unpacked")
    if not stream.eof or stream.unused_data:
        raise Refused("the tape is cut off, or something follows it", hint=_HINT)
    return plain
