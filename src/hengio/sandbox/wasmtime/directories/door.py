"""How directories reach the files area: by the same requests as the host functions, within the same limits."""

from __future__ import annotations

from typing import Protocol

from hengio.sandbox.protocol import Answered, Call, OutsideFunction, Status
from hengio.sandbox.wasmtime.directories.paths import Path
from hengio.sandbox.wasmtime.errno import Errno, Fault

_ERRNO = {
    Status.NOT_FOUND: Errno.NOENT,
    Status.PERMISSION_DENIED: Errno.ACCES,
    Status.INVALID_REQUEST: Errno.INVAL,
    Status.DEADLINE: Errno.TIMEDOUT,
    Status.LIMIT_EXCEEDED: Errno.FBIG,
    Status.UNAVAILABLE: Errno.IO,
    Status.FAILED: Errno.IO,
}


class Asked(Protocol):
    """Who is asked: the guest's world."""

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered: ...


class Asking(Protocol):
    """Who asks: the guest."""

    call: Call
    host_calls: int

    @property
    def world(self) -> Asked: ...


class Door:
    """Requests of one guest about paths."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    def ask(self, function: OutsideFunction, path: Path) -> bytes:
        """The reply; any status but `OK` is a `Fault`. Counts as a host call, of which there are only so many."""
        asking = self._asking
        asking.host_calls += 1
        if asking.host_calls > asking.call.limits.host_calls:
            raise Fault(Errno.DQUOT)
        answer = asking.world.ask(function, "/".join(path).encode())
        if answer.status is not Status.OK:
            raise Fault(_ERRNO[answer.status])
        return answer.reply
