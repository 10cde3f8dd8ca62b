"""Identifiers: UUID version 7 (RFC 9562), so that ids sort by the time they were made, to the microsecond."""

from __future__ import annotations

import os
import re
import time
from uuid import UUID

NAME = "[A-Za-z_][A-Za-z0-9_-]{0,63}"
"""What a name looks like, as a regular expression."""

_SAFE_NAME = re.compile(NAME)


def new_id() -> str:
    """A fresh UUIDv7 in its canonical text form (36 characters).

    The twelve bits after the version hold the fraction of the millisecond (RFC 9562, 6.2, method 3): executions begun
    in one millisecond keep their order.
    """
    millis, nanos = divmod(time.time_ns(), 1_000_000)
    fraction = (nanos << 12) // 1_000_000
    noise = int.from_bytes(os.urandom(8), "big") & (1 << 62) - 1
    value = (millis & (1 << 48) - 1) << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | noise
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Whether `text` is a UUID in any of its usual spellings."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def is_name(text: str) -> bool:
    """Whether `text` may name a step, a variable or an entry: a letter, then letters, digits, `_` or `-`."""
    return _SAFE_NAME.fullmatch(text) is not None
