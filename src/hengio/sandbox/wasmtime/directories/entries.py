"""The functions of preview 1 on paths (`path_*`): each names a descriptor of a folder and a path below it.

Each takes its arguments as preview 1 has them, and raises `Fault` where it answers with an error.
"""

from __future__ import annotations

from hengio.sandbox.wasmtime.directories import stat
from hengio.sandbox.wasmtime.directories.paths import MOST_BYTES, Path, resolve
from hengio.sandbox.wasmtime.directories.place import How
from hengio.sandbox.wasmtime.directories.table import OpenFile, OpenFolder
from hengio.sandbox.wasmtime.errno import Errno, Fault
from hengio.sandbox.wasmtime.guest import Guest

_CREATE, _FOLDER, _EXCLUSIVE, _TRUNCATE = (1 << bit for bit in range(4))
"""`oflags`."""


def path_open(
    guest: Guest,
    fd: int,
    _lookup: int,
    pointer: int,
    length: int,
    ways: int,
    rights: int,
    _inheriting: int,
    flags: int,
    result: int,
) -> int:
    """Open a file or folder, or create a file. Of the rights asked for, reading and writing count."""
    folder, path, named_folder = _resolve(guest, fd, pointer, length)
    guest.require(result, 4)
    number = guest.directories.free()
    how = How(
        writes=bool(rights & stat.WRITE),
        create=bool(ways & _CREATE),
        exclusive=bool(ways & _EXCLUSIVE),
        truncate=bool(ways & _TRUNCATE),
        folder=named_folder or bool(ways & _FOLDER),
    )
    content = folder.place.open(path, how)
    if content is None:
        guest.directories.add(number, OpenFolder(folder.place, path))
    else:
        opened = OpenFile(folder.place, path, content, reads=bool(rights & stat.READ), writes=how.writes)
        opened.appends = bool(flags & stat.APPEND)
        guest.directories.add(number, opened)
    guest.write(result, number.to_bytes(4, "little"))
    return Errno.SUCCESS


def path_filestat_get(guest: Guest, fd: int, _lookup: int, pointer: int, length: int, result: int) -> int:
    """What is there: a file and its size, or a folder."""
    folder, path, named_folder = _resolve(guest, fd, pointer, length)
    guest.require(result, len(stat.NO_FILESTAT))
    entry = folder.place.find(path)
    if named_folder and not entry.is_folder:
        raise Fault(Errno.NOTDIR)
    guest.write(result, stat.filestat(folder.place, path, entry))
    return Errno.SUCCESS


def path_readlink(guest: Guest, fd: int, pointer: int, length: int, _into: int, _room: int, _result: int) -> int:
    """What is there is no link."""
    folder, path, _ = _resolve(guest, fd, pointer, length)
    folder.place.find(path)
    raise Fault(Errno.INVAL)


def path_create_directory(guest: Guest, fd: int, pointer: int, length: int) -> int:
    """A folder that is there only for this call: the files area has none."""
    folder, path, _ = _resolve(guest, fd, pointer, length)
    folder.place.make_folder(path)
    return Errno.SUCCESS


def path_unlink_file(guest: Guest, fd: int, pointer: int, length: int) -> int:
    """A file that was written by this call is not saved."""
    folder, path, named_folder = _resolve(guest, fd, pointer, length)
    if named_folder:
        raise Fault(Errno.NOTDIR)
    folder.place.remove_file(path)
    return Errno.SUCCESS


def path_remove_directory(guest: Guest, fd: int, pointer: int, length: int) -> int:
    """Only an empty one."""
    folder, path, _ = _resolve(guest, fd, pointer, length)
    folder.place.remove_folder(path)
    return Errno.SUCCESS


def path_rename(
    guest: Guest, fd: int, pointer: int, length: int, new_fd: int, new_pointer: int, new_length: int
) -> int:
    """Within `/out`. Each file that is moved must be one that may be written under its new path."""
    folder, old, _ = _resolve(guest, fd, pointer, length)
    target, new, _ = _resolve(guest, new_fd, new_pointer, new_length)
    if folder.place is not target.place:
        raise Fault(Errno.XDEV)
    folder.place.rename(old, new)
    return Errno.SUCCESS


def _resolve(guest: Guest, fd: int, pointer: int, length: int) -> tuple[OpenFolder, Path, bool]:
    """The folder that `fd` is, the path below its mounted directory, and whether that is written as a folder's."""
    folder = guest.directories.folder(fd)
    guest.require(pointer, length)
    if length > MOST_BYTES:
        raise Fault(Errno.NAMETOOLONG)
    path, named_folder = resolve(folder.path, guest.read(pointer, length))
    return folder, path, named_folder
