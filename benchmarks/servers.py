"""The servers that contestants need, on loopback, with every write safe on the disk before it is answered."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import postgres_server
from tests.support.processes import Child, accepts_connections, free_port


@dataclass(frozen=True, slots=True)
class Server:
    """An empty store at `url`, and the process to count if it is known."""

    url: str
    pid: int | None


@contextmanager
def sqlite() -> Iterator[Server]:
    """No server: each contestant makes a file in the folder that it is given."""
    yield Server("", None)


@contextmanager
def postgres() -> Iterator[Server]:
    """A database of its own on PostgreSQL with `fsync` and `synchronous_commit`."""
    with postgres_server(durable=True) as server:
        url = server.create_database()
        try:
            yield Server(url, None if server.child is None else server.child.pid)
        finally:
            server.drop_database(url)


@contextmanager
def redis() -> Iterator[Server]:
    """A Redis that appends to its file and syncs before it answers."""
    with tempfile.TemporaryDirectory(prefix="hengio-redis-") as folder:
        port = free_port()
        settings = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "appendfsync": "always"}
        options = [part for name, value in {**settings, "save": ""}.items() for part in (f"--{name}", str(value))]
        child = Child(["redis-server", *options], log=Path(folder) / "log")
        try:
            child.wait_until(lambda: accepts_connections(port))
            yield Server(f"redis://127.0.0.1:{port}/0", child.pid)
        finally:
            child.stop()


def missing_program(name: str) -> bool:
    """Whether a program is not installed."""
    return shutil.which(name) is None
