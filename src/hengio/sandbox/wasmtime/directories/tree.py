"""Folders and files by name, in memory, as a file system would have them. Pure: it asks nobody."""

from __future__ import annotations

from collections.abc import Iterator

from hengio.keys import KEY_BYTES
from hengio.sandbox.wasmtime.directories.content import Written
from hengio.sandbox.wasmtime.directories.paths import Path
from hengio.sandbox.wasmtime.directories.quota import ENTRY_BYTES, Quota
from hengio.sandbox.wasmtime.errno import Errno, Fault


class Folder:
    """Its members by name."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: dict[str, Folder | Written] = {}


Node = Folder | Written


class Tree:
    """Everything raises `Fault` as a file system would fail, and changes nothing then.

    Unlike one, it makes the folders on the way to something new: the files area has no folders, so that a guest need
    not make them, either.
    """

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._root = Folder()

    def get(self, path: Path) -> Node | None:
        """What is there. `notdir` where the path leads through a file."""
        node: Node = self._root
        for segment in path:
            if isinstance(node, Written):
                raise Fault(Errno.NOTDIR)
            found = node.members.get(segment)
            if found is None:
                return None
            node = found
        return node

    def find(self, path: Path) -> Node:
        """What is there; `noent` if nothing is."""
        node = self.get(path)
        if node is None:
            raise Fault(Errno.NOENT)
        return node

    def folder(self, path: Path) -> Folder:
        """The folder there."""
        node = self.find(path)
        if isinstance(node, Written):
            raise Fault(Errno.NOTDIR)
        return node

    def make_file(self, path: Path) -> Written:
        """A new, empty file."""
        made = Written(self._quota)
        self._add(path, made)
        return made

    def make_folder(self, path: Path) -> None:
        self._add(path, Folder())

    def remove_file(self, path: Path) -> None:
        """Take its name away; who has it open goes on with it."""
        node = self.find(path)
        if isinstance(node, Folder):
            raise Fault(Errno.ISDIR)
        self._drop(path, node)

    def remove_folder(self, path: Path) -> None:
        """Only an empty one."""
        if not path:
            raise Fault(Errno.BUSY)
        folder = self.folder(path)
        if folder.members:
            raise Fault(Errno.NOTEMPTY)
        self._drop(path, folder)

    def rename(self, old: Path, new: Path) -> None:
        """Move a file or folder; what has the new name is replaced if it is of the same kind, a folder if empty."""
        if not old or not new:
            raise Fault(Errno.BUSY)
        node, there = self.find(old), self.get(new)
        if old == new:
            return
        if new[: len(old)] == old:
            raise Fault(Errno.INVAL)
        match node, there:
            case Written(), Folder():
                raise Fault(Errno.ISDIR)
            case Folder(), Written():
                raise Fault(Errno.NOTDIR)
            case Folder(), Folder() if there.members:
                raise Fault(Errno.NOTEMPTY)
        if there is None:
            parent = self._make_way(new, more=0)
        else:
            parent = self.folder(new[:-1])
            self._drop(new, there)
        del self.folder(old[:-1]).members[old[-1]]
        parent.members[new[-1]] = node

    def moved(self, old: Path, new: Path) -> Iterator[Path]:
        """What files would be called after `old` was renamed to `new`. `nametoolong` if anything would not have room
        for its name."""
        node = self.find(old)
        if any(len("/".join(new + path).encode()) > KEY_BYTES for path, _ in _below(node)):
            raise Fault(Errno.NAMETOOLONG)
        return (new + path for path, each in _below(node) if isinstance(each, Written))

    def files(self) -> Iterator[tuple[Path, Written]]:
        """All files, sorted by path."""
        return ((path, each) for path, each in _below(self._root) if isinstance(each, Written))

    def _add(self, path: Path, node: Node) -> None:
        if self.get(path) is not None:
            raise Fault(Errno.EXIST)
        self._make_way(path, more=1).members[path[-1]] = node

    def _make_way(self, path: Path, *, more: int) -> Folder:
        """The folder that `path` is to be in, made if need be. Takes room for it, and for so many names more."""
        there = next(length for length in range(len(path) - 1, -1, -1) if self.get(path[:length]) is not None)
        missing = path[there:-1]
        self._quota.take(ENTRY_BYTES * (len(missing) + more))
        folder = self.folder(path[:there])
        for name in missing:
            folder.members[name] = made = Folder()
            folder = made
        return folder

    def _drop(self, path: Path, node: Node) -> None:
        del self.folder(path[:-1]).members[path[-1]]
        self._quota.give(ENTRY_BYTES)
        if isinstance(node, Written):
            node.close()


def _below(node: Node) -> Iterator[tuple[Path, Node]]:
    """The node itself, under the empty path, and all below it, sorted by path.

    Not recursive, and one path at a time: a guest says how deep it is, and how many names there are that deep.
    """
    yield (), node
    path: list[str] = []
    waiting = [_members(node)]
    while waiting:
        name, each = next(waiting[-1], (None, None))
        if name is None or each is None:
            waiting.pop()
            del path[-1:]
            continue
        path.append(name)
        yield tuple(path), each
        if isinstance(each, Folder):
            waiting.append(_members(each))
        else:
            path.pop()


def _members(node: Node) -> Iterator[tuple[str, Node]]:
    return iter(sorted(node.members.items()) if isinstance(node, Folder) else ())
