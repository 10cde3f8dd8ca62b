"""Paths of a guest, which may be anything, as segments below a directory."""

from __future__ import annotations

from hengio.errors import Refused
from hengio.keys import KEY_BYTES, SEGMENT_BYTES, check_key
from hengio.sandbox.wasmtime.errno import Errno, Fault

Path = tuple[str, ...]
"""The segments below a mounted directory; empty for that directory itself."""
MOST_BYTES = 4_096
"""Of a path as it is written, dot segments and all."""


def resolve(base: Path, raw: bytes) -> tuple[Path, bool]:
    """The path, and whether it is written as a folder's (`a/`, `a/.`). `..` never leads above `base`.

    There are no links, so that dot segments mean what they say. Raises `Fault`.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise Fault(Errno.ILSEQ) from None
    if not text:
        raise Fault(Errno.NOENT)
    if text.startswith("/"):
        raise Fault(Errno.NOTCAPABLE)
    segments = text.split("/")
    path = list(base)
    for segment in segments:
        if segment == "..":
            if len(path) == len(base):
                raise Fault(Errno.NOTCAPABLE)
            path.pop()
        elif segment not in {"", "."}:
            path.append(segment)
    return _checked(tuple(path)), segments[-1] in {"", ".", ".."}


def _checked(path: Path) -> Path:
    """The path, if its names are ones that the files area can hold (`hengio.keys`). Raises `Fault`."""
    key = "/".join(path)
    if len(key.encode()) > KEY_BYTES or any(len(segment.encode()) > SEGMENT_BYTES for segment in path):
        raise Fault(Errno.NAMETOOLONG)
    try:
        if path:
            check_key(key)
    except Refused:
        raise Fault(Errno.INVAL) from None
    return path
