"""The functions of preview 1 on descriptors of files and folders (`fd_*`). Those of standard streams are in `streams`.

Each takes its arguments as preview 1 has them, and raises `Fault` where it answers with an error.
"""

from __future__ import annotations

import struct

from hengio.sandbox.host.entry import Entry
from hengio.sandbox.wasmtime.directories import stat
from hengio.sandbox.wasmtime.directories.table import OpenFile, OpenFolder
from hengio.sandbox.wasmtime.errno import Errno, Fault
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.vectors import vectors

_MOST_OFFSET = (1 << 63) - 1
_SET, _CURRENT, _END = range(3)
"""`whence`."""
_PRESTAT = struct.Struct("<B3xI")
_IS_DIRECTORY = 0


def fd_prestat_get(guest: Guest, fd: int, result: int) -> int:
    """`prestat`: that it is a directory, and the length of its name."""
    name = _mount(guest, fd)
    guest.write(result, _PRESTAT.pack(_IS_DIRECTORY, len(name)))
    return Errno.SUCCESS


def fd_prestat_dir_name(guest: Guest, fd: int, pointer: int, length: int) -> int:
    """The name of a mounted directory."""
    name = _mount(guest, fd)
    if length < len(name):
        raise Fault(Errno.NAMETOOLONG)
    guest.write(pointer, name)
    return Errno.SUCCESS


def _mount(guest: Guest, fd: int) -> bytes:
    found = guest.directories.get(fd)
    if isinstance(found, OpenFile) or not found.mount:
        raise Fault(Errno.BADF)
    return found.mount.encode()


def fd_read(guest: Guest, fd: int, pointer: int, count: int, result: int) -> int:
    """From the position on, which moves."""
    file = _readable(guest, fd)
    file.position += _read(guest, file, file.position, pointer, count, result)
    return Errno.SUCCESS


def fd_pread(guest: Guest, fd: int, pointer: int, count: int, offset: int, result: int) -> int:
    """From an offset on."""
    _read(guest, _readable(guest, fd), offset, pointer, count, result)
    return Errno.SUCCESS


def _read(guest: Guest, file: OpenFile, at: int, pointer: int, count: int, result: int) -> int:
    guest.require(result, 4)
    spans, _ = vectors(guest, pointer, count)
    total = 0
    for start, length in spans:
        data = file.content.read(at + total, length)
        guest.write(start, data)
        total += len(data)
        if len(data) < length:
            break
    guest.write(result, total.to_bytes(4, "little"))
    return total


def fd_write(guest: Guest, fd: int, pointer: int, count: int, result: int) -> int:
    """At the position, which moves; at the end if the descriptor appends."""
    file = _writable(guest, fd)
    at = file.content.size if file.appends else file.position
    file.position = at + _write(guest, file, at, pointer, count, result)
    return Errno.SUCCESS


def fd_pwrite(guest: Guest, fd: int, pointer: int, count: int, offset: int, result: int) -> int:
    """At an offset."""
    _write(guest, _writable(guest, fd), offset, pointer, count, result)
    return Errno.SUCCESS


def _write(guest: Guest, file: OpenFile, at: int, pointer: int, count: int, result: int) -> int:
    """All or nothing: room is taken before a byte is copied."""
    guest.require(result, 4)
    spans, total = vectors(guest, pointer, count)
    content = file.content
    if total and at + total > content.size:
        content.resize(at + total)
    for start, length in spans:
        content.write(at, guest.read(start, length))
        at += length
    guest.write(result, total.to_bytes(4, "little"))
    return total


def fd_seek(guest: Guest, fd: int, offset: int, whence: int, result: int) -> int:
    """A position beyond the end is none yet: only writing there makes the file longer."""
    file = guest.directories.file(fd)
    if whence > _END:
        raise Fault(Errno.INVAL)
    base = {_SET: 0, _CURRENT: file.position, _END: file.content.size}[whence]
    position = base + (offset if offset <= _MOST_OFFSET else offset - (1 << 64))
    if not 0 <= position <= _MOST_OFFSET:
        raise Fault(Errno.INVAL)
    guest.write(result, position.to_bytes(8, "little"))
    file.position = position
    return Errno.SUCCESS


def fd_tell(guest: Guest, fd: int, result: int) -> int:
    """The position."""
    guest.write(result, guest.directories.file(fd).position.to_bytes(8, "little"))
    return Errno.SUCCESS


def fd_close(guest: Guest, fd: int) -> int:
    """A mounted directory can be closed, too."""
    guest.directories.close(fd)
    return Errno.SUCCESS


def fd_renumber(guest: Guest, old: int, new: int) -> int:
    """Both must be open; neither a standard stream nor a mounted directory moves."""
    guest.directories.renumber(old, new)
    return Errno.SUCCESS


def fd_fdstat_get(guest: Guest, fd: int, result: int) -> int:
    """What it is and what may be done with it."""
    found = guest.directories.get(fd)
    if isinstance(found, OpenFolder):
        rights, inheriting = stat.folder_rights(found.place)
        told = stat.fdstat(kind=stat.FOLDER, rights=rights, inheriting=inheriting)
    else:
        rights = stat.file_rights(reads=found.reads, writes=found.writes)
        told = stat.fdstat(kind=stat.FILE, flags=stat.APPEND if found.appends else 0, rights=rights)
    guest.write(result, told)
    return Errno.SUCCESS


def fd_fdstat_set_flags(guest: Guest, fd: int, flags: int) -> int:
    """Only appending means anything: nothing here waits, and all of it is saved at the end."""
    guest.directories.file(fd).appends = bool(flags & stat.APPEND)
    return Errno.SUCCESS


def fd_filestat_get(guest: Guest, fd: int, result: int) -> int:
    """As `path_filestat_get`, also of a file that has no name any more."""
    found = guest.directories.get(fd)
    if isinstance(found, OpenFile):
        content = found.content
        entry = Entry("", size=content.size, modified_at=content.modified_at)
    else:
        entry = Entry("", is_folder=True)
    guest.write(result, stat.filestat(found.place, found.path, entry))
    return Errno.SUCCESS


def fd_filestat_set_size(guest: Guest, fd: int, size: int) -> int:
    """Cut off, or filled up with zeros."""
    _writable(guest, fd).content.resize(size)
    return Errno.SUCCESS


def fd_allocate(guest: Guest, fd: int, offset: int, length: int) -> int:
    """The file has at least that length then."""
    content = _writable(guest, fd).content
    if offset + length > content.size:
        content.resize(offset + length)
    return Errno.SUCCESS


def fd_sync(guest: Guest, fd: int) -> int:
    """Also `fd_datasync`: files are saved at the end of the call, not before."""
    guest.directories.get(fd)
    return Errno.SUCCESS


def fd_advise(guest: Guest, fd: int, _offset: int, _length: int, _advice: int) -> int:
    """Advice is not needed."""
    guest.directories.file(fd)
    return Errno.SUCCESS


def fd_readdir(guest: Guest, fd: int, pointer: int, length: int, cookie: int, result: int) -> int:
    """The folder's members from the cookie on, sorted, after `.` and `..`; the last one may be cut off.

    Cookie 0 looks anew; the others go on with what was seen then.
    """
    guest.require(pointer, length)
    folder = guest.directories.folder(fd)
    listed = guest.directories.members(folder, anew=cookie == 0)
    data = bytearray()
    for index in range(min(cookie, len(listed) + 2), len(listed) + 2):
        if len(data) >= length:
            break
        data += _member(folder, listed, index)
    guest.write(pointer, bytes(data[:length]))
    guest.write(result, min(len(data), length).to_bytes(4, "little"))
    return Errno.SUCCESS


def _member(folder: OpenFolder, listed: list[Entry], index: int) -> bytes:
    if index < 2:
        path = folder.path[: len(folder.path) - index] if folder.path else ()
        return stat.dirent(folder.place, path, "." * (index + 1), is_folder=True, following=index + 1)
    entry = listed[index - 2]
    path = (*folder.path, entry.name)
    return stat.dirent(folder.place, path, entry.name, is_folder=entry.is_folder, following=index + 1)


def _readable(guest: Guest, fd: int) -> OpenFile:
    file = guest.directories.file(fd)
    if not file.reads:
        raise Fault(Errno.NOTCAPABLE)
    return file


def _writable(guest: Guest, fd: int) -> OpenFile:
    file = guest.directories.file(fd)
    if not file.writes:
        raise Fault(Errno.NOTCAPABLE)
    return file
