"""Paths on a server: checked where a job names them, shown where messages and outputs do (H4.4)."""

from __future__ import annotations

import unicodedata

from hengio.errors import Refused

PATH_BYTES = 4_096
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})


def remote(text: str) -> bytes:
    """A path that a job names, absolute or below the account's own folder. `Refused` for one with `..` in it: parts of
    it may come from what a trigger was given, and those must not lead elsewhere."""
    fault = ""
    if not text:
        fault = "it is empty"
    elif any(unicodedata.category(letter) in _UNPRINTABLE for letter in text):
        fault = "it has a control character"
    elif ".." in text.split("/"):
        fault = "it has .. in it"
    elif len(text.encode()) > PATH_BYTES:
        fault = f"it has more than {PATH_BYTES} bytes"
    if fault:
        raise Refused(f"remote_path {ascii(text)[:100]} is not allowed: {fault}", hint="name it from its beginning")
    return text.encode()


def shown(path: bytes) -> str:
    """A path as text: bytes that are not UTF-8 as `\\xNN`, control characters escaped likewise."""
    text = path.decode(errors="backslashreplace")
    return "".join(
        letter if unicodedata.category(letter) not in _UNPRINTABLE else ascii(letter)[1:-1] for letter in text
    )


def join(folder: bytes, *parts: bytes) -> bytes:
    """The path of something below a folder; an empty one is the account's own."""
    below = b"/".join(parts)
    return below if not folder else folder + below if folder.endswith(b"/") else folder + b"/" + below


def parent(path: bytes) -> bytes:
    """The folder that a path lies in; empty for the account's own."""
    folder, slash, _ = path.rstrip(b"/").rpartition(b"/")
    return folder or slash


def name(path: bytes) -> bytes:
    """The last part of a path."""
    return path.rstrip(b"/").rpartition(b"/")[2]
