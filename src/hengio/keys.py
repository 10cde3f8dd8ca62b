"""What a key of the object store may look like: the same rule in every backend, so that jobs move between them."""

from __future__ import annotations

import re
import unicodedata

from hengio.errors import Refused

KEY_BYTES = 900
SEGMENT_BYTES = 240
WRITING = ".writing"
_INVISIBLE = frozenset({"Cc", "Cf", "Zl", "Zp"})
_TEMPORARY_LOOK = re.compile(r"#\d+$")


def check_key(key: str) -> str:
    """The key itself, or `Refused` with the reason.

    Segments separated by single `/`; no `.`, `..`, backslash, control or invisible format character. At most 900 bytes
    of UTF-8, 240 in a segment: what every file system and S3 (1024 with the prefix) can hold.
    """
    reason = _fault(key)
    if reason:
        raise Refused(f"key {_shown(key)} is not allowed: {reason}", hint="use a relative path such as folder/name.csv")
    return key


def check_prefix(prefix: str) -> str:
    """A prefix of keys, which may be empty or end with `/`; else as `check_key`."""
    if prefix:
        check_key(prefix.removesuffix("/"))
    return prefix


def _fault(key: str) -> str:
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    segments = key.split("/")
    rules = (
        (not key, "it is empty"),
        (size > KEY_BYTES, f"it has {size} bytes, {KEY_BYTES} are the most"),
        ("\\" in key, "it has a backslash"),
        (any(unicodedata.category(letter) in _INVISIBLE for letter in key), "it has a control or invisible character"),
        (segments[0] == WRITING, f"the folder {WRITING} is kept for files that are being written"),
    )
    broken = next((reason for fails, reason in rules if fails), "")
    return broken or next(filter(None, map(_segment_fault, segments)), "")


def _segment_fault(segment: str) -> str:
    if not segment:
        return "it begins or ends with / or has // in it"
    if segment in {".", ".."}:
        return f"it has {segment} as a segment"
    if len(segment.encode()) > SEGMENT_BYTES:
        return f"a segment has more than {SEGMENT_BYTES} bytes"
    if _TEMPORARY_LOOK.search(segment):
        return "a segment ends with # and digits, which the local store takes for an unfinished file"
    return ""


def _shown(key: str) -> str:
    shown = ascii(key) if not key.isprintable() else repr(key)
    return shown if len(shown) <= 120 else f"{shown[:117]}…"
