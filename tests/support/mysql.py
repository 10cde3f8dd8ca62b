"""A real MariaDB for the tests: the server that `HENGIO_TEST_MYSQL_URL` names, or one started from the system's."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import aiomysql
import pytest
import trustme

from tests.support.processes import Child, accepts_connections, free_port

_PLACES = ("/usr/sbin", "/usr/libexec", "/usr/local/bin", "/opt/homebrew/bin")


@dataclass(frozen=True, slots=True)
class MysqlServer:
    """A server on which the user of `url` may create databases and users. `ca` is the file of the authority that its
    certificate, for `db.test` only, is of; None if that is not known."""

    url: str
    ca: Path | None = None

    def create_database(self) -> str:
        """A fresh, empty database; returns its URL."""
        name = f"test_{secrets.token_hex(8)}"
        self.run(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
        return urlunsplit(urlsplit(self.url)._replace(path=f"/{name}"))

    def drop_database(self, url: str) -> None:
        """Remove it."""
        self.run(f"DROP DATABASE IF EXISTS `{urlsplit(url).path[1:]}`")

    def run(self, *statements: str, url: str | None = None) -> list[Any]:
        """The rows of the last of the statements, each run by itself, in a session of their own."""
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, run(url or self.url, *statements)).result()


async def run(url: str, *statements: str) -> list[Any]:
    """The rows of the last statement, as tuples."""
    parts = urlsplit(url)
    connection = await aiomysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        db=parts.path[1:] or None,
        charset="utf8mb4",
        autocommit=True,
    )
    try:
        cursor = await connection.cursor()
        for statement in statements:
            await cursor.execute(statement)
        return list(await cursor.fetchall())
    finally:
        connection.close()


@contextmanager
def mysql_server() -> Iterator[MysqlServer]:
    """The server for one test run; one that was started here is stopped and its data removed."""
    given = os.environ.get("HENGIO_TEST_MYSQL_URL")
    if given:
        yield MysqlServer(given)
        return
    install, server = program("mariadb-install-db"), program("mariadbd")
    folder = Path(tempfile.mkdtemp(prefix="hengio-mysql-"))
    try:
        child, url = _start(folder, install=install, server=server)
        try:
            yield MysqlServer(url, folder / "ca.pem")
        finally:
            child.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def program(name: str) -> str:
    """Where a server's program is. Without it the test is skipped, or fails where `HENGIO_TEST_SERVERS` is 1."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *_PLACES]))
    if found is not None:
        return found
    reason = f"{name} is not installed (Debian: mariadb-server), and HENGIO_TEST_MYSQL_URL names no server"
    if os.environ.get("HENGIO_TEST_SERVERS") == "1":
        raise RuntimeError(reason)
    pytest.skip(reason)


def _start(folder: Path, *, install: str, server: str) -> tuple[Child, str]:
    """A server of its own data, for loopback only, whose one user has a password."""
    data, log, setup = folder / "data", folder / "log", folder / "setup.sql"
    password, port = secrets.token_hex(16), free_port()
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    installing = [install, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
    Child([*installing, "--skip-test-db", *as_root], log=log).wait_for_success()
    setup.write_text(
        f"CREATE USER tester@'127.0.0.1' IDENTIFIED BY '{password}';\n"
        "GRANT ALL ON *.* TO tester@'127.0.0.1' WITH GRANT OPTION;\n"
    )
    _certify(folder)
    options = (
        *(f"--datadir={data}", f"--socket={folder / 'socket'}", f"--pid-file={folder / 'pid'}", f"--port={port}"),
        *("--bind-address=127.0.0.1", f"--init-file={setup}", f"--secure-file-priv={folder}", "--skip-name-resolve"),
        *("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=16M"),
        *(f"--ssl-cert={folder / 'server.pem'}", f"--ssl-key={folder / 'server.key'}"),
        *("--performance-schema=OFF", "--skip-log-bin", "--loose-innodb-flush-method=nosync", *as_root),
    )
    child = Child([server, "--no-defaults", *options], log=log)
    child.wait_until(lambda: accepts_connections(port))
    return child, f"mysql://tester:{password}@127.0.0.1:{port}/"


def _certify(folder: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    made = authority.issue_cert("db.test")
    made.private_key_pem.write_to_path(folder / "server.key")
    made.cert_chain_pems[0].write_to_path(folder / "server.pem")
