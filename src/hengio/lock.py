"""One process a data folder and a database file: what is embedded is nobody else's while we run."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType

from hengio.errors import Conflict, Unavailable


class FileLock:
    """Holds `file` for this process; the lock goes with the process, however it ends. `what` is what it stands for."""

    def __init__(self, file: Path, *, what: str) -> None:
        self._path = file
        self._what = what

    def __enter__(self) -> FileLock:
        """Make the file and lock it. `Conflict` names the process that has it, `Unavailable` what is in the way."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+")
        except OSError as error:
            raise Unavailable(f"{self._what} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise Conflict(
                f"{self._what} is in use by process {holder}",
                hint="stop that process, or choose another (--data-dir)",
            ) from error
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
