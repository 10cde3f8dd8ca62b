"""One process a data folder: the embedded database and queue are nobody else's while we run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from hengio.errors import Conflict, Unavailable


class FolderLock:
    """Holds `folder` for this process; the lock goes with the process, however it ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "hengio.lock"

    def __enter__(self) -> FolderLock:
        """Make the folder and lock it. `Conflict` names the process that has it, `Unavailable` what is in the way."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+")
        except OSError as error:
            raise Unavailable(f"the data folder {self._path.parent} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise Conflict(
                f"the data folder {self._path.parent} is in use by process {holder}",
                hint="stop that process, or use another folder (--data-dir)",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
