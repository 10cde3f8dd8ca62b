"""Child processes of the tests: on loopback, stopped by pid, and gone with the test run even if that is killed."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def free_port(*, twin: int = 0) -> int:
    """A TCP port on 127.0.0.1 that is free now; with `twin`, port + twin is free as well."""
    for _ in range(200):
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + twin if twin else 0))
            except (OSError, OverflowError):
                continue
            return port
    raise RuntimeError("no free port on 127.0.0.1")


class Child:
    """A running program. Its output goes to `log`, which is quoted when it does not come up. `account`, which only root
    may give, is who it runs as."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path,
        environment: Mapping[str, str] | None = None,
        account: pwd.struct_passwd | None = None,
        stop_signal: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.log = log
        self._stop_signal = stop_signal
        self._command = command
        self._environment = {**os.environ, **(environment or {})}
        self._account = account
        self.process = self._started()

    def start(self) -> None:
        """Run the program again, when it has ended. It ends with the thread that calls this: a test calls it itself."""
        self.process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        account = self._account
        with self.log.open("ab") as out:
            return subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=self._environment,
                cwd=self.log.parent,
                start_new_session=True,
                preexec_fn=_end_with_parent(self._stop_signal),  # noqa: PLW1509 (one system call, nothing that locks)
                user=account.pw_uid if account else None,
                group=account.pw_gid if account else None,
                extra_groups=[] if account else None,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until(self, ready: Callable[[], bool], *, seconds: float = 60) -> None:
        """Wait for `ready`; if the program ends first or time runs out, say so with the end of its log."""
        deadline = time.monotonic() + seconds
        while not ready():
            if self.process.poll() is not None:
                raise RuntimeError(f"ended with {self.process.returncode}: {self._story()}")
            if time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"not ready after {seconds} s: {self._story()}")
            time.sleep(0.05)

    def wait_for_success(self, *, seconds: float = 60) -> None:
        """Wait until it has ended, and well."""
        self.wait_until(lambda: self.process.poll() == 0, seconds=seconds)

    def _story(self) -> str:
        return f"{self.process.args!r}\n{self.log.read_text(errors='replace')[-4000:]}"

    def kill(self) -> None:
        """End it as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        """Ask it to end, and kill it when it has not after ten seconds."""
        if self.process.poll() is not None:
            return
        self.process.send_signal(self._stop_signal)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextmanager
def serving_hengio(folder: Path, environment: Mapping[str, str], *, files: int | None = None) -> Iterator[Child]:
    """`hengio serve` on a data folder, ready, until the block is left; with so many open `files` at most."""
    port = free_port()
    command = [sys.executable, "-m", "hengio", "serve", "--port", str(port), "--data-dir", str(folder)]
    if files is not None:
        command = ["sh", "-c", f'ulimit -n {files}; exec "$@"', "sh", *command]
    server = Child(command, log=folder.with_name(f"{folder.name}.log"), environment={**os.environ, **environment})
    try:
        server.wait_until(lambda: accepts_connections(port))
        yield server
    finally:
        server.stop()


def accepts_connections(port: int) -> bool:
    """Whether somebody listens on 127.0.0.1:`port`."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _end_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """On Linux the kernel sends the signal when the test run dies, however it dies."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)

    def ask() -> None:
        library.prctl(_PR_SET_PDEATHSIG, int(stop_signal))

    return ask
