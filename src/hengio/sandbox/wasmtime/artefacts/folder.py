"""Artefacts in a private folder of this machine, within a number of bytes."""

from __future__ import annotations

import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path

import structlog

log = structlog.get_logger("hengio.sandbox")
_WRITING = ".writing-"
_ABANDONED_SECONDS = 600
"""A file that is still being written after so long has lost its writer."""
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Folder:
    """Files of at most `max_bytes` together; those longest unused leave first.

    Promises: a file is there whole or not at all, and nothing is raised: what can not be kept is not kept, which is
    logged once until it works again. Does not promise that bytes survive a power cut, or that they are those that were
    written: whoever reads them checks them.
    """

    where = "folder"

    def __init__(self, path: Path, *, max_bytes: int) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._complained = False

    def read(self, name: str) -> bytes | None:
        """The file, which becomes the most recently used one; None if there is none that can be read."""
        try:
            handle = os.open(self._path / name, _READ)
        except OSError:
            return None
        try:
            about = os.fstat(handle)
            if not stat.S_ISREG(about.st_mode) or about.st_size > self._max_bytes:
                return None
            with suppress(OSError):  # a disk that is read only
                os.utime(handle)
            with open(handle, "rb", closefd=False) as file:
                return file.read(about.st_size)
        except OSError:
            return None
        finally:
            os.close(handle)

    def write(self, name: str, data: bytes) -> None:
        """Keep it, and let others go until the limit holds. What is larger than the limit is not kept."""
        if len(data) > self._max_bytes:
            return
        aside = self._path / f"{_WRITING}{secrets.token_hex(8)}"
        try:
            self._make_private()
            with os.fdopen(os.open(aside, _WRITE, 0o600), "wb") as file:
                file.write(data)
            aside.replace(self._path / name)
            self._trim()
            self._complained = False
        except OSError as error:
            with suppress(OSError):
                aside.unlink()
            self._complain(error)

    def remove(self, name: str) -> None:
        with suppress(OSError):
            (self._path / name).unlink()

    def _make_private(self) -> None:
        self._path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if stat.S_IMODE(self._path.stat().st_mode) != 0o700:
            self._path.chmod(0o700)

    def _trim(self) -> None:
        total = 0
        for path, about in self._newest_first():
            total += about.st_size
            if total > self._max_bytes:
                path.unlink(missing_ok=True)

    def _newest_first(self) -> list[tuple[Path, os.stat_result]]:
        """The artefacts; what a killed writer left is removed on the way."""
        found = []
        with os.scandir(self._path) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):  # another process trims, too
                    about = entry.stat(follow_symlinks=False)
                    if not entry.name.startswith(_WRITING):
                        found.append((Path(entry.path), about))
                    elif time.time() - about.st_mtime > _ABANDONED_SECONDS:
                        Path(entry.path).unlink()
        return sorted(found, key=lambda one: one[1].st_mtime_ns, reverse=True)

    def _complain(self, error: OSError) -> None:
        if not self._complained:
            self._complained = True
            log.warning("artefacts_not_kept", where=self.where, folder=str(self._path), reason=error.strerror)
