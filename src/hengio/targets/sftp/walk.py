"""Which files a folder on a server holds, by pattern and depth (H4.4)."""

from __future__ import annotations

from contextlib import aclosing
from fnmatch import fnmatchcase

from msgspec import Struct

from hengio.errors import NotFound, Refused
from hengio.targets.sftp.paths import join, shown
from hengio.targets.sftp.session import Facts, Session

MOST_FILES = 10_000
MOST_ENTRIES = 100_000
MOST_DEPTH = 32
UNFINISHED = (b".hengio-", b".part")
"""How a file begins and ends that Hengio itself is writing there."""


class Found(Struct, frozen=True):
    """A file: where it lies, and the folders and its name below the folder that was asked for."""

    path: bytes
    parts: tuple[bytes, ...]
    facts: Facts


class Wanted(Struct, frozen=True):
    """Which files: by name, if there is a `pattern` (`*.csv`, as shells have it), and those in folders, too."""

    pattern: str | None = None
    recursive: bool = False

    def takes(self, name: bytes) -> bool:
        """A name that begins with a dot is meant only by a pattern that does, and what is being written never."""
        if name.startswith(UNFINISHED[0]) and name.endswith(UNFINISHED[1]):
            return False
        if self.pattern is None:
            return True
        hidden = name.startswith(b".") and not self.pattern.startswith(".")
        return not hidden and fnmatchcase(shown(name), self.pattern)


async def files(session: Session, folder: bytes, wanted: Wanted) -> list[Found]:
    """The files of a folder by path. A link to a file is one; a link to a folder is not gone into, so that there is no
    way round in circles; what leads nowhere, and devices, are left out.

    Raises `Refused` for more than 10 000 files, 100 000 names or 32 levels, and for a name that can not be one.
    """
    found: list[Found] = []
    waiting: list[tuple[bytes, ...]] = [()]
    seen = 0
    while waiting:
        parts = waiting.pop()
        async with aclosing(session.names(join(folder, *parts))) as names:
            async for name, facts in names:
                seen += 1
                _check(name, folder, seen)
                below = (*parts, name)
                if facts.kind == "folder" and wanted.recursive:
                    waiting.append(_deeper(below, folder))
                elif facts.kind != "folder" and wanted.takes(name):
                    found += await _file(session, folder, below, facts)
                if len(found) > MOST_FILES:
                    raise Refused(f"{shown(folder)} has more than {MOST_FILES} files that are meant", hint=_NARROW)
    return sorted(found, key=lambda file: file.parts)


_NARROW = "narrow remote_path or wildcard_pattern"


def _check(name: bytes, folder: bytes, seen: int) -> None:
    if not name or b"/" in name or b"\0" in name:
        raise Refused(
            f"the server lists a file in {shown(folder)} under a name that can not be one: {ascii(name)[:100]}"
        )
    if seen > MOST_ENTRIES:
        raise Refused(f"{shown(folder)} holds more than {MOST_ENTRIES} names", hint=_NARROW)


def _deeper(parts: tuple[bytes, ...], folder: bytes) -> tuple[bytes, ...]:
    if len(parts) > MOST_DEPTH:
        raise Refused(f"{shown(folder)} has folders more than {MOST_DEPTH} levels deep", hint=_NARROW)
    return parts


async def _file(session: Session, folder: bytes, parts: tuple[bytes, ...], facts: Facts) -> list[Found]:
    """The file at that place, if it is one. What a link leads to, only the server can say."""
    path = join(folder, *parts)
    if facts.kind in {"link", "unknown"}:
        try:
            facts = await session.facts(path)
        except NotFound:
            return []
    return [Found(path, parts, facts)] if facts.kind == "file" else []
