"""How many bytes the directories of a call may hold at a time, in files, names and listings."""

from __future__ import annotations

from hengio.sandbox.wasmtime.errno import Errno, Fault

ENTRY_BYTES = 1_024
"""What a name counts, of a file or folder or in a listing that is held: more than it takes."""


class Quota:
    """Counted before anything is made. The host's memory stays within about twice of it: bytes are moved when a file
    grows, and a file that was cut keeps some room."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, amount: int) -> None:
        """Raises `Fault` (`dquot`) and takes nothing where not all of it is left."""
        if self.used + amount > self.limit:
            raise Fault(Errno.DQUOT)
        self.used += amount

    def give(self, amount: int) -> None:
        """Give back what was taken."""
        self.used -= amount
