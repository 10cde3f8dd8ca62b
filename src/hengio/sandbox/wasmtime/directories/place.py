"""A mounted directory: `/in`, which only reads, or `/out`, which is written in memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeVar

import msgspec

from hengio.sandbox.host.entry import Entry
from hengio.sandbox.wasmtime.directories.content import Content, Fetched, Written
from hengio.sandbox.wasmtime.directories.door import Door
from hengio.sandbox.wasmtime.directories.paths import Path
from hengio.sandbox.wasmtime.directories.quota import Quota
from hengio.sandbox.wasmtime.directories.tree import Folder, Node, Tree
from hengio.sandbox.wasmtime.errno import Errno, Fault

T = TypeVar("T")
_DECODER = msgspec.json.Decoder(Entry)
_LIST_DECODER = msgspec.json.Decoder(list[Entry])
_MOST_SIZE = (1 << 63) - 1
_MOST_TIME = _MOST_SIZE // 1_000
"""Microseconds that fit a time in nanoseconds."""


class How(NamedTuple):
    """How something is opened. `folder`: it must be one."""

    writes: bool = False
    create: bool = False
    exclusive: bool = False
    truncate: bool = False
    folder: bool = False


class Place(Protocol):
    """What is below one directory. Everything raises `Fault`."""

    writable: bool

    def find(self, path: Path) -> Entry: ...

    def entries(self, path: Path) -> list[Entry]:
        """What is in the folder there, sorted by name."""
        ...

    def open(self, path: Path, how: How) -> Content | None:
        """The bytes of the file there; None if it is a folder."""
        ...

    def make_folder(self, path: Path) -> None: ...

    def remove_file(self, path: Path) -> None: ...

    def remove_folder(self, path: Path) -> None: ...

    def rename(self, old: Path, new: Path) -> None: ...


class Incoming:
    """`/in`: the files area as far as the call may read it. Nothing is kept but what is open."""

    writable = False

    def __init__(self, door: Door, quota: Quota) -> None:
        self._door = door
        self._quota = quota

    def find(self, path: Path) -> Entry:
        if not path:
            return Entry("", is_folder=True)
        return _checked([_decoded(_DECODER, self._door.ask("file_find", path))])[0]

    def entries(self, path: Path) -> list[Entry]:
        try:
            reply = self._door.ask("file_list", path)
        except Fault as fault:
            raise Fault(Errno.OVERFLOW) if fault.errno is Errno.FBIG else fault from None
        return _checked(_decoded(_LIST_DECODER, reply))

    def open(self, path: Path, how: How) -> Content | None:
        if how.writes or how.create or how.truncate:
            raise Fault(Errno.ROFS)
        found = self.find(path)
        if found.is_folder:
            return None
        if how.folder:
            raise Fault(Errno.NOTDIR)
        return Fetched(
            self._quota,
            lambda: self._door.ask("file_read", path),
            size=found.size,
            modified_at=found.modified_at,
        )

    def make_folder(self, path: Path) -> None:
        raise Fault(Errno.ROFS)

    def remove_file(self, path: Path) -> None:
        raise Fault(Errno.ROFS)

    def remove_folder(self, path: Path) -> None:
        raise Fault(Errno.ROFS)

    def rename(self, old: Path, new: Path) -> None:
        raise Fault(Errno.ROFS)


class Outgoing:
    """`/out`: empty at first. Whether a file may be written is asked before it is there under that name."""

    writable = True

    def __init__(self, door: Door, quota: Quota) -> None:
        self._door = door
        self._tree = Tree(quota)

    def find(self, path: Path) -> Entry:
        return _entry("", self._tree.find(path))

    def entries(self, path: Path) -> list[Entry]:
        return [_entry(name, node) for name, node in sorted(self._tree.folder(path).members.items())]

    def open(self, path: Path, how: How) -> Content | None:
        node = self._tree.get(path)
        if node is None:
            return self._make(path, how)
        if how.create and how.exclusive:
            raise Fault(Errno.EXIST)
        if isinstance(node, Folder):
            if how.writes or how.truncate:
                raise Fault(Errno.ISDIR)
            return None
        if how.folder:
            raise Fault(Errno.NOTDIR)
        if how.truncate:
            node.resize(0)
        return node

    def _make(self, path: Path, how: How) -> Content:
        if not how.create:
            raise Fault(Errno.NOENT)
        if how.folder:
            raise Fault(Errno.ISDIR)
        self._door.ask("file_admit", path)
        return self._tree.make_file(path)

    def make_folder(self, path: Path) -> None:
        self._tree.make_folder(path)

    def remove_file(self, path: Path) -> None:
        self._tree.remove_file(path)

    def remove_folder(self, path: Path) -> None:
        self._tree.remove_folder(path)

    def rename(self, old: Path, new: Path) -> None:
        for path in self._tree.moved(old, new):
            self._door.ask("file_admit", path)
        self._tree.rename(old, new)

    def files(self) -> Iterator[tuple[Path, Written]]:
        """What there is to save, sorted by path."""
        return self._tree.files()


def _decoded(decoder: msgspec.json.Decoder[T], reply: bytes) -> T:
    """What a reply says. A tape from elsewhere can hold any: what is none is an I/O error to the guest."""
    try:
        return decoder.decode(reply)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise Fault(Errno.IO) from None


def _checked(entries: list[Entry]) -> list[Entry]:
    """The same entries, if a `filestat` can tell of them."""
    if all(0 <= entry.size <= _MOST_SIZE and 0 <= entry.modified_at <= _MOST_TIME for entry in entries):
        return entries
    raise Fault(Errno.IO)


def _entry(name: str, node: Node) -> Entry:
    if isinstance(node, Folder):
        return Entry(name, is_folder=True)
    return Entry(name, size=node.size, modified_at=node.modified_at)
