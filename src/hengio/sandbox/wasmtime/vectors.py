"""The buffers of one read or write (`iovec` lists of preview 1)."""

from __future__ import annotations

import struct

from hengio.sandbox.wasmtime.errno import Errno, Fault
from hengio.sandbox.wasmtime.guest import Guest

MOST = 1_024
"""Buffers of one read or write, as IOV_MAX elsewhere; also subscriptions of one poll."""
_MOST_BYTES = (1 << 32) - 1
"""What a size can say: buffers may overlap, so that together they are larger than memory."""


def vectors(guest: Guest, pointer: int, count: int) -> tuple[list[tuple[int, int]], int]:
    """The (pointer, length) pairs, all inside guest memory, and their length in all. Raises `Fault`."""
    if count > MOST:
        raise Fault(Errno.INVAL)
    spans: list[tuple[int, int]] = list(struct.iter_unpack("<II", guest.read(pointer, count * 8)))
    total = 0
    for start, length in spans:
        guest.require(start, length)
        total += length
    if total > _MOST_BYTES:
        raise Fault(Errno.INVAL)
    return spans, total
