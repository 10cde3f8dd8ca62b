"""How preview 1 lays out in memory what it tells of files and folders, and the rights it names."""

from __future__ import annotations

import hashlib
import struct

from hengio.sandbox.host.entry import Entry
from hengio.sandbox.wasmtime.directories.paths import Path
from hengio.sandbox.wasmtime.directories.place import Place

UNKNOWN, FOLDER, FILE = 0, 3, 4
"""`filetype`."""
APPEND = 1
"""`fdflags`."""
READ, WRITE = 1 << 1, 1 << 6
_READ_FILE = READ | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 21 | 1 << 27
"""Read, seek, set flags, tell, advise, look at, poll."""
_WRITE_FILE = _READ_FILE | WRITE | 1 << 0 | 1 << 4 | 1 << 8 | 1 << 22
"""And write, sync, allocate, set size."""
_READ_FOLDER = 1 << 13 | 1 << 14 | 1 << 15 | 1 << 18 | 1 << 21
"""Open, list, read links, look at, look at itself."""
_WRITE_FOLDER = _READ_FOLDER | 1 << 9 | 1 << 10 | 1 << 16 | 1 << 17 | 1 << 19 | 1 << 25 | 1 << 26
"""And create folders and files, rename from and to, set size, remove folders and files."""
_FDSTAT = struct.Struct("<BxHxxxxQQ")
_FILESTAT = struct.Struct("<QQB7xQQQQQ")
_DIRENT = struct.Struct("<QQIB3x")
_MICROSECOND = 1_000


def fdstat(*, kind: int, flags: int = 0, rights: int = 0, inheriting: int = 0) -> bytes:
    """`fdstat` (24 bytes)."""
    return _FDSTAT.pack(kind, flags, rights, inheriting)


def folder_rights(place: Place) -> tuple[int, int]:
    """Of a folder itself, and of what is opened in it."""
    own, files = (_WRITE_FOLDER, _WRITE_FILE) if place.writable else (_READ_FOLDER, _READ_FILE)
    return own, own | files


def file_rights(*, reads: bool, writes: bool) -> int:
    """Of an open file."""
    rights = _WRITE_FILE if writes else _READ_FILE
    return rights if reads else rights & ~READ


def filestat(place: Place, path: Path, entry: Entry) -> bytes:
    """`filestat` (64 bytes): device, number, type, one link, size, and the times in nanoseconds."""
    kind, time = FOLDER if entry.is_folder else FILE, entry.modified_at * _MICROSECOND
    return _FILESTAT.pack(_device(place), inode(place, path), kind, 1, entry.size, time, time, time)


NO_FILESTAT = bytes(_FILESTAT.size)
"""Of a standard stream: nothing is known."""


def dirent(place: Place, path: Path, name: str, *, is_folder: bool, following: int) -> bytes:
    """`dirent` (24 bytes) and the name. `following` is the cookie of the next one."""
    encoded = name.encode()
    kind = FOLDER if is_folder else FILE
    return _DIRENT.pack(following, inode(place, path), len(encoded), kind) + encoded


def inode(place: Place, path: Path) -> int:
    """A number that is the file's own, the same in each call, and never 0, for which C libraries look again."""
    name = f"{_device(place)}/{'/'.join(path)}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little") | 1


def _device(place: Place) -> int:
    return 2 if place.writable else 1
