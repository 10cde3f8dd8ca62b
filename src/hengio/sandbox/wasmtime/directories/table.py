"""The descriptors of one call from 3 on: its mounted directories first, then what it opens."""

from __future__ import annotations

from collections.abc import Iterator

from hengio.sandbox.host.entry import Entry
from hengio.sandbox.wasmtime.directories.content import Content, Written
from hengio.sandbox.wasmtime.directories.door import Asking, Door
from hengio.sandbox.wasmtime.directories.paths import Path
from hengio.sandbox.wasmtime.directories.place import Incoming, Outgoing, Place
from hengio.sandbox.wasmtime.directories.quota import ENTRY_BYTES, Quota
from hengio.sandbox.wasmtime.errno import Errno, Fault

FIRST = 3
"""After the standard streams."""
MOST_OPEN = 1_024


class OpenFile:
    """A file with a position."""

    __slots__ = ("appends", "content", "path", "place", "position", "reads", "writes")

    def __init__(self, place: Place, path: Path, content: Content, *, reads: bool, writes: bool) -> None:
        self.place, self.path, self.content = place, path, content
        self.reads, self.writes, self.appends = reads, writes, False
        self.position = 0


class OpenFolder:
    """A folder, by its path. `mount` is the name of a directory that was there from the beginning."""

    __slots__ = ("listing", "mount", "path", "place")

    def __init__(self, place: Place, path: Path, mount: str = "") -> None:
        self.place, self.path, self.mount = place, path, mount
        self.listing: list[Entry] | None = None
        """As it was when reading it began."""


Open = OpenFile | OpenFolder


class Directories:
    """What a guest has open beside its standard streams, and the files it wrote."""

    def __init__(self, asking: Asking) -> None:
        self._quota = Quota(asking.call.limits.file_bytes)
        self._open: dict[int, Open] = {}
        self._out: Outgoing | None = None
        door = Door(asking)
        for name in asking.call.directories:
            place: Place = Incoming(door, self._quota)
            if name == "out":
                place = self._out = Outgoing(door, self._quota)
            self._open[len(self._open) + FIRST] = OpenFolder(place, (), f"/{name}")

    def __contains__(self, fd: int) -> bool:
        return fd in self._open

    def get(self, fd: int) -> Open:
        """Raises `Fault` (`badf`)."""
        found = self._open.get(fd)
        if found is None:
            raise Fault(Errno.BADF)
        return found

    def file(self, fd: int) -> OpenFile:
        """Raises `Fault` (`badf`, `isdir`)."""
        found = self.get(fd)
        if isinstance(found, OpenFolder):
            raise Fault(Errno.ISDIR)
        return found

    def folder(self, fd: int) -> OpenFolder:
        """Raises `Fault` (`badf`, `notdir`)."""
        found = self.get(fd)
        if isinstance(found, OpenFile):
            raise Fault(Errno.NOTDIR)
        return found

    def free(self) -> int:
        """The lowest number that is free. Raises `Fault` (`mfile`)."""
        for fd in range(FIRST, FIRST + MOST_OPEN):
            if fd not in self._open:
                return fd
        raise Fault(Errno.MFILE)

    def add(self, fd: int, opened: Open) -> None:
        """Open under a number that is free."""
        if isinstance(opened, OpenFile):
            opened.content.open()
        self._open[fd] = opened

    def close(self, fd: int) -> None:
        """Raises `Fault` (`badf`)."""
        closed = self.get(fd)
        del self._open[fd]
        if isinstance(closed, OpenFile):
            closed.content.close()
        else:
            self._forget(closed)

    def renumber(self, old: int, new: int) -> None:
        """What `old` is, `new` is from now on; what `new` was is closed."""
        moved, replaced = self.get(old), self.get(new)
        if any(isinstance(each, OpenFolder) and each.mount for each in (moved, replaced)):
            raise Fault(Errno.NOTSUP)
        if old != new:
            self.close(new)
            self._open[new] = self._open.pop(old)

    def members(self, folder: OpenFolder, *, anew: bool) -> list[Entry]:
        """Its members, sorted by name; the same ones until it is read `anew`. They take room while they are kept."""
        if folder.listing is None or anew:
            self._forget(folder)
            found = folder.place.entries(folder.path)
            self._quota.take(ENTRY_BYTES * len(found))
            folder.listing = found
        return folder.listing

    def _forget(self, folder: OpenFolder) -> None:
        if folder.listing is not None:
            self._quota.give(ENTRY_BYTES * len(folder.listing))
            folder.listing = None

    def written(self) -> Iterator[tuple[str, Written]]:
        """The files of `/out` by their paths in the files area, sorted."""
        for path, file in self._out.files() if self._out is not None else ():
            yield "/".join(path), file
