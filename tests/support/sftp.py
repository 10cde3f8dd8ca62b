"""SFTP servers for the tests: OpenSSH's own, and one in this process that can be told to be broken or hostile."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, cast
from urllib.parse import quote

import asyncssh
import pytest

from hengio.blobs.protocol import Blobs
from hengio.clock import SystemClock
from hengio.model.outcome import Failure
from hengio.steps.protocol import StepResult
from hengio.steps.sftp import SftpStep
from hengio.targets.breaker import Breakers
from hengio.targets.sftp.servers import SftpServers
from hengio.targets.sftp.target import KnownSftp, SftpTarget
from hengio.url import Address, literal
from tests.support.processes import Child, free_port
from tests.support.steps import step_request

FOLDER = "jobs/job-1/executions/execution-1/s/1"
"""Where a first attempt's files lie."""
USER, PASSWORD = "hengio", "p4ss-w0rd:/ñ"


@dataclass(slots=True)
class Mischief:
    """What a server does wrong. `hang` names requests that are never answered, nor any that follow; `cut_after` and
    `hang_after` are of all bytes moved; `drip` is the most that one slow answer brings."""

    hang: frozenset[str] = frozenset()
    refuse: dict[str, Exception] = field(default_factory=dict)
    cut_after: int | None = None
    hang_after: int | None = None
    grow: int = 0
    drip: int | None = None
    overfull: bool = False
    lose: int = 0
    listed: tuple[bytes, ...] = ()
    banner: str = ""


@dataclass(slots=True)
class Peer:
    """A server on loopback whose root is `folder`. `mischief` may be changed at any time."""

    folder: Path
    port: int
    host_key: str
    server: asyncssh.SSHAcceptor
    logins: list[Login]
    mischief: Mischief = field(default_factory=Mischief)
    opened: list[IO[bytes]] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    moved: int = 0

    def config(self, operation: str, remote_path: str, **more: Any) -> dict[str, Any]:
        """A step's configuration that logs in here."""
        login = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": USER,
            "auth": {"type": "password", "password": PASSWORD},
            "host_key": self.host_key,
        }
        return {"operation": operation, "remote_path": remote_path, **login, **more}

    def url(self) -> str:
        """A connection's URL that logs in here."""
        password, key = (quote(text, safe="") for text in (PASSWORD, self.host_key))
        return f"sftp://{USER}:{password}@127.0.0.1:{self.port}?host_key={key}"

    def write(self, name: str | bytes, data: bytes = b"x") -> None:
        """A file of the server."""
        path = os.path.join(os.fsencode(self.folder), os.fsencode(name))  # noqa: PTH118 - a name may be no text
        os.makedirs(os.path.dirname(path), exist_ok=True)  # noqa: PTH103, PTH120
        with open(path, "wb") as file:  # noqa: PTH123
            file.write(data)

    def names(self) -> list[str]:
        """Every file, unfinished ones, too."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file())

    def cut(self) -> None:
        """End every connection, as a server that is killed does."""
        for login in self.logins:
            login.connection.abort()


@asynccontextmanager
async def peer(
    folder: Path, *, keys: tuple[str, ...] = ("ssh-ed25519",), login: type[Login] | None = None, **options: Any
) -> AsyncIterator[Peer]:
    """A server in this process; `login` replaces how it lets people in. `host_key` is that of the first kind."""
    await asyncio.to_thread(folder.mkdir, exist_ok=True)
    host_keys = [asyncssh.generate_private_key(kind) for kind in keys]
    known = host_keys[0].export_public_key().decode().strip()
    logins: list[Login] = []
    place: Peer | None = None

    def files(channel: asyncssh.SSHServerChannel[bytes]) -> _Files:
        assert place is not None
        return _Files(channel, place)

    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=lambda: (login or Login)(logins),
        server_host_keys=host_keys,
        sftp_factory=files,
        config=None,
        gss_host=None,
        allow_scp=False,
        **options,
    )
    place = Peer(folder, server.get_port(), known, server, logins)
    try:
        yield place
    finally:
        place.cut()
        server.close()
        await server.wait_closed()
        for file in place.opened:  # those of requests that were never answered
            file.close()


class Login(asyncssh.SSHServer):
    """Lets in who has the password."""

    def __init__(self, logins: list[Login]) -> None:
        self._logins = logins

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self.connection = conn
        self._logins.append(self)

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, PASSWORD)


class _Files(asyncssh.SFTPServer):
    """The files below a folder, with mischief."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], place: Peer) -> None:
        super().__init__(channel, chroot=os.fsencode(place.folder))
        self._place = place

    @property
    def _mischief(self) -> Mischief:
        return self._place.mischief

    async def _asked(self, request: str) -> None:
        self._place.asked.add(request)
        if request in self._mischief.hang:
            await asyncio.Event().wait()
        if (error := self._mischief.refuse.get(request)) is not None:
            raise error

    async def _moved(self, size: int) -> None:
        self._place.moved += size
        if self._mischief.cut_after is not None and self._place.moved >= self._mischief.cut_after:
            self.connection.abort()
        if self._mischief.hang_after is not None and self._place.moved >= self._mischief.hang_after:
            await asyncio.Event().wait()

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        await self._asked("open")
        file = cast("IO[bytes]", super().open(path, pflags, attrs))
        self._place.opened.append(file)
        return file

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        await self._asked("read")
        if self._mischief.drip is not None:
            await asyncio.sleep(0.02)
            size = min(size, self._mischief.drip)
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)
        await self._moved(len(data))
        return data + b"more" if self._mischief.overfull else data

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        await self._asked("write")
        if self._mischief.drip is not None:
            await asyncio.sleep(0.02)
        await self._moved(len(data))
        written = super().write(file_obj, offset, data[: len(data) - self._mischief.lose])
        assert isinstance(written, int)
        return written

    async def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        await self._asked("stat")
        return await self.convert_attrs(super().stat(path))

    async def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        await self._asked("fstat")
        attrs = await self.convert_attrs(super().fstat(file_obj))
        if attrs.size is not None:
            attrs.size += self._mischief.grow
        return attrs

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        await self._asked("scandir")
        async for name in super().scandir(path):
            yield name
        for listed in self._mischief.listed:
            attrs = asyncssh.SFTPAttrs(permissions=0o100644, size=1)
            yield asyncssh.SFTPName(listed, longname=listed, attrs=attrs)

    async def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._asked("posix_rename")
        super().posix_rename(oldpath, newpath)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        await self._asked("rename")
        super().rename(oldpath, newpath)

    async def remove(self, path: bytes) -> None:
        await self._asked("remove")
        super().remove(path)


@dataclass(frozen=True, slots=True)
class OpenSsh:
    """OpenSSH's server with a key that it lets in; the whole machine's files are the account's."""

    port: int
    host_key: str
    private_key: str
    child: Child

    def config(self, operation: str, remote_path: str, **more: Any) -> dict[str, Any]:
        """A step's configuration that logs in here."""
        login = {
            "host": "127.0.0.1",
            "port": self.port,
            "username": getpass.getuser(),
            "auth": {"type": "key", "private_key": self.private_key},
            "host_key": self.host_key,
        }
        return {"operation": operation, "remote_path": remote_path, **login, **more}


@contextmanager
def openssh(folder: Path) -> Iterator[OpenSsh]:
    """The server, with its keys and log under `folder`. Without it the test is skipped, or fails where
    `HENGIO_TEST_SERVERS` is 1."""
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}{os.pathsep}/usr/sbin")
    if program is None:
        assert os.environ.get("HENGIO_TEST_SERVERS") != "1", "OpenSSH's server is not installed"
        pytest.skip("OpenSSH's server is not installed")
    if os.geteuid() == 0:  # where it gives up its rights; a machine that never started it has none
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    folder.mkdir(exist_ok=True)
    server, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    server.write_private_key(folder / "host")
    (folder / "host").chmod(0o600)
    client.write_public_key(folder / "authorized")
    port = free_port()
    (folder / "config").write_text(
        f"ListenAddress 127.0.0.1\nPort {port}\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        "UsePAM no\nStrictModes no\nPasswordAuthentication no\nPidFile none\nPermitRootLogin prohibit-password\n"
        "Subsystem sftp internal-sftp\n"
    )
    child = Child([program, "-D", "-e", "-f", str(folder / "config")], log=folder / "log")
    try:
        child.wait_until(lambda: _answers(port))
        known = server.export_public_key().decode().strip()
        yield OpenSsh(port, known, client.export_private_key().decode(), child)
    finally:
        child.stop()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0 and probe.recv(4) == b"SSH-"


async def anywhere(host: str, port: int, *, named: bool) -> list[Address]:
    """No guard: hosts are addresses, and all of them may be reached."""
    address = literal(host)
    assert address is not None
    return [address]


def sftp_step(files: Blobs, *, stall_seconds: float = 10.0, named: dict[str, SftpTarget] | None = None) -> SftpStep:
    """The step, with a guard that lets everything pass."""
    breakers = Breakers(SystemClock())
    servers = SftpServers(KnownSftp(named or {}), addresses=anywhere, breakers=breakers, stall_seconds=stall_seconds)
    return SftpStep(servers, files)


async def run(step: SftpStep, config: dict[str, Any], **options: Any) -> StepResult:
    """One attempt."""
    return await step.run(step_request("sftp", config, **options))


def failure(result: StepResult, *, retryable: bool) -> Failure:
    """Why it failed."""
    assert result.failure is not None, result.output
    assert result.retryable is retryable, result.failure
    return result.failure
