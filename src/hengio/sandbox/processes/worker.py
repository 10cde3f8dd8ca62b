"""One guest's process, seen from the process that it serves."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from contextlib import suppress
from time import monotonic

import msgspec

from hengio.errors import Unavailable
from hengio.sandbox.processes.wire import Broken, Channel

MODULE = "hengio.sandbox.processes.child"
_START_SECONDS = 30.0
_MOST_BYTES = 96 << 20
"""The longest frame that is taken from it: an output with its log, or a file of `/out`."""


class Worker:
    """No environment, no descriptor but its socket, a session of its own. `memory_bytes` is what it may have."""

    def __init__(self, memory_bytes: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - all of the command is ours
                [sys.executable, "-I", "-m", MODULE, str(memory_bytes)],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        self.channel = Channel(ours, most_bytes=_MOST_BYTES, takes_files=False)
        self.digest: str | None = None
        """The one module that it runs; None if it has run none."""
        self._protections: tuple[str, ...] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def ready(self) -> tuple[str, ...]:
        """Wait until it can take calls; the protections that it has. Raises `Unavailable`."""
        if self._protections is None:
            try:
                frame = self.channel.receive(monotonic() + _START_SECONDS)
                self._protections = msgspec.json.decode(frame.payload, type=tuple[str, ...])
            except (Broken, msgspec.DecodeError) as error:
                self.kill()
                raise Unavailable(f"a process for guests did not start: {error}") from error
        return self._protections

    def ended(self) -> str:
        """How it ended, in words; it has to be dead, or dying."""
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return "it closed its connection"
        if code >= 0:
            return f"it exited with {code}"
        with suppress(ValueError):
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it was ended by signal {-code}"

    def stop(self) -> None:
        """End it at once, from any thread; `kill` must follow."""
        with suppress(ProcessLookupError):
            self._process.kill()

    def kill(self) -> None:
        """End it and let go of what it had."""
        self.stop()
        self._process.wait()
        self.channel.close()
