"""A local folder as object store.

Reading and listing are obstore's. Writing is ours, because the library's local store writes beside the object and
renames without forcing the bytes to disk (a power cut can leave an empty object under its final name), and never
removes what a killed writer left.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from obstore.store import LocalStore

from hengio.blobs.faults import translated
from hengio.blobs.objects import ObstoreBlobs
from hengio.ids import new_id
from hengio.keys import WRITING, check_key


class FolderBlobs(ObstoreBlobs):
    """`Blobs` in a folder. A file is written aside, forced to disk, then renamed (or linked, for `put_new`).

    Every writer holds a lock on its file aside, which ends with its process: opening the store removes the files that
    nobody holds, and no others.
    """

    def __init__(self, store: LocalStore, *, root: Path, area: str) -> None:
        super().__init__(store, area=area)
        self._root = root
        self._aside = root / WRITING
        self._aside.mkdir(exist_ok=True, mode=0o700)
        self._sweep()

    async def put(self, key: str, data: bytes) -> None:
        check_key(key)
        await asyncio.to_thread(self._put, key, data, new=False)

    async def put_new(self, key: str, data: bytes) -> None:
        check_key(key)
        await asyncio.to_thread(self._put, key, data, new=True)

    async def put_stream(self, key: str, chunks: AsyncIterator[bytes]) -> int:
        check_key(key)
        size = 0
        writing = _Writing(self._aside)
        try:
            async for chunk in chunks:
                with translated("write", key, self._area):
                    await asyncio.to_thread(writing.write, chunk)
                size += len(chunk)
            with translated("write", key, self._area):
                await asyncio.to_thread(writing.commit, self._root / key, new=False)
        finally:
            await asyncio.to_thread(writing.discard)
        return size

    def _put(self, key: str, data: bytes, *, new: bool) -> None:
        writing = _Writing(self._aside)
        try:
            with translated("write", key, self._area):
                writing.write(data)
                writing.commit(self._root / key, new=new)
        finally:
            writing.discard()

    def _is_object(self, key: str) -> bool:
        return not key.startswith(f"{WRITING}/")

    def _sweep(self) -> None:
        for left in self._aside.iterdir():
            with suppress(OSError):  # another process sweeps too, or the writer lives
                handle = os.open(left, os.O_RDWR | os.O_CLOEXEC)
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    left.unlink()
                finally:
                    os.close(handle)


class _Writing:
    """One file being written aside, locked until it is discarded. Blocking: run it in a thread.

    A cancelled task leaves its thread at work, so the methods exclude each other, and nothing is written after
    `discard`: the handle's number may belong to another file by then.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._turn = threading.Lock()
        self._open: tuple[Path, int] | None = None
        self._discarded = False

    def write(self, data: bytes) -> None:
        with self._turn:
            _, handle = self._opened()
            view = memoryview(data)
            while view:
                view = view[os.write(handle, view) :]

    def commit(self, target: Path, *, new: bool) -> None:
        """Make it the object, whole and on disk; `FileExistsError` if `new` and something is there."""
        with self._turn:
            path, handle = self._opened()
            os.fsync(handle)
            _place(path, target, new=new)
            _sync_folder(target.parent)

    def discard(self) -> None:
        """Give the file and its lock back; after a commit only the lock is left."""
        with self._turn:
            self._discarded = True
            if self._open is not None:
                path, handle = self._open
                self._open = None
                path.unlink(missing_ok=True)
                os.close(handle)

    def _opened(self) -> tuple[Path, int]:
        if self._discarded:
            raise OSError(errno.ECANCELED, "the writer was cancelled")
        if self._open is None:
            self._open = _open_locked(self._folder)
        return self._open


def _open_locked(folder: Path) -> tuple[Path, int]:
    """A new file that this process holds; anew when a sweep came between its birth and its lock."""
    while True:
        path = folder / new_id()
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return path, handle
        os.close(handle)


def _place(path: Path, target: Path, *, new: bool) -> None:
    """Move or link `path` to `target`, again if a delete beside us takes the still empty folder away."""
    for last in (False, False, False, True):
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            if new:
                os.link(path, target)
            else:
                path.replace(target)
        except FileNotFoundError:
            if last:
                raise
        else:
            return


def _sync_folder(folder: Path) -> None:
    """Force the new name to disk too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
