"""What may lie between Hengio and a MySQL server, or say that it is one: TLS, passwords, and any bytes at all."""

from __future__ import annotations

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pymysql.constants import CLIENT

from hengio.errors import HengioError, Refused, Unavailable
from hengio.targets.connections import ConnectionString
from hengio.targets.databases import Databases
from hengio.targets.reply import SqlError
from hengio.url import Address
from tests.support.mysql import MysqlServer

Behave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
PASSWORD = "hunter22-and-more"
CAPABILITIES = CLIENT.CAPABILITIES | CLIENT.CONNECT_WITH_DB


@pytest.fixture
def authority(mysql_server: MysqlServer) -> Path:
    if mysql_server.ca is None:
        pytest.skip("the certificate of the server that HENGIO_TEST_MYSQL_URL names is not known")
    return mysql_server.ca


async def cipher(databases: Databases, connection: str | ConnectionString = "db") -> str:
    reply = await databases.execute(connection, "SHOW STATUS LIKE 'Ssl_cipher'")
    return str(reply.rows[0]["Value"])


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(("ssl", "secure"), [("", True), ("require", True), ("disable", False), ("verify-ca", True)])
async def test_tls_is_as_the_url_says(mysql_url: str, authority: Path, tmp_path: Path, ssl: str, secure: bool) -> None:
    options = f"?ssl={ssl}&ssl_ca={authority}" if ssl else ""
    databases = Databases({"db": mysql_url + options}, folder=tmp_path)
    assert bool(await cipher(databases)) is secure
    await databases.close()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("ssl", ["verify-full&ssl_ca={ca}", "verify-ca", "true"])
async def test_a_certificate_that_is_not_the_servers_is_refused(
    mysql_url: str, authority: Path, tmp_path: Path, ssl: str
) -> None:
    databases = Databases({"db": f"{mysql_url}?ssl={ssl.format(ca=authority)}"}, folder=tmp_path)
    with pytest.raises(Refused, match="certificate"):
        await cipher(databases)
    await databases.close()


@pytest.mark.requirement("H4.2")
async def test_the_certificate_is_asked_for_by_name_at_a_checked_address(
    mysql_url: str, authority: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check(host: str, port: int) -> Sequence[Address]:
        return [ipaddress.ip_address("127.0.0.1")]

    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    databases = Databases({}, folder=tmp_path, check=check)
    named = mysql_url.replace("127.0.0.1", "db.test") + "?ssl=verify-full"
    assert await cipher(databases, ConnectionString(named))
    with pytest.raises(Refused, match="certificate"):
        await cipher(databases, ConnectionString(named.replace("db.test", "other.test")))
    await databases.close()


@asynccontextmanager
async def server(behave: Behave) -> AsyncIterator[int]:
    """Somebody who listens; the port."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await behave(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()


def packet(payload: bytes, number: int) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def greeting(plugin: bytes = b"mysql_native_password", *, capabilities: int = CAPABILITIES) -> bytes:
    head = b"\x0a10.11.0-MariaDB\x00" + struct.pack("<I", 7) + b"12345678\x00"
    tail = struct.pack("<HBHHB", capabilities & 0xFFFF, 45, 2, capabilities >> 16, 21) + b"\x00" * 10
    return packet(head + tail + b"123456789012\x00" + plugin + b"\x00", 0)


OK = b"\x00\x00\x00\x02\x00\x00\x00"


class Stranger:
    """Says it is MySQL, and asks for the password in some way. `heard` is all that it was told."""

    def __init__(self, hello: bytes, *answers: bytes) -> None:
        self._hello = hello
        self._answers = answers
        self.heard = b""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._hello)
        for answer in self._answers:
            self.heard += await reader.read(4096)
            writer.write(answer)
        while more := await reader.read(4096):
            self.heard += more


OWNER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = OWNER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SWITCH = b"\xfe%s\x00" + b"12345678901234567890\x00"
ASKING = {
    "in its greeting": (greeting(b"mysql_clear_password"),),
    "later": (greeting(), packet(SWITCH % b"mysql_clear_password", 2)),
    "in the old way": (greeting(), packet(SWITCH % b"mysql_old_password", 2)),
    "as if it were very old": (greeting(capabilities=CAPABILITIES & ~CLIENT.PLUGIN_AUTH), packet(b"\xfe", 2)),
    "with a key of its own": (greeting(b"sha256_password"), packet(b"\x01" + KEY, 2)),
    "with a key, later": (
        greeting(),
        packet(SWITCH % b"sha256_password", 2),
        packet(b"\x01" + KEY, 4),
    ),
    "with a key for the cache": (greeting(b"caching_sha2_password"), packet(b"\x01\x04", 2), packet(b"\x01" + KEY, 4)),
    "with a key for the cache, later": (
        greeting(),
        packet(SWITCH % b"caching_sha2_password", 2),
        packet(b"\x01\x04", 4),
        packet(b"\x01" + KEY, 6),
    ),
}


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("how", ASKING)
async def test_who_asks_for_the_password_does_not_get_it(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hengio.targets.mysql import wire

    monkeypatch.setattr(wire, "_is_here", lambda address: False)
    stranger = Stranger(*ASKING[how])
    async with server(stranger) as port:
        databases = Databases({"db": f"mysql://bob:{PASSWORD}@127.0.0.1:{port}/shop"}, folder=tmp_path)
        with pytest.raises(HengioError) as caught:
            await databases.execute("db", "SELECT 1", timeout_seconds=5)
        await databases.close()
    assert "wants the password" in caught.value.message if "key" in how else not isinstance(caught.value, SqlError)
    assert PASSWORD.encode() not in stranger.heard
    assert len(stranger.heard) < 250, "something as long as an encrypted password was sent"
    assert PASSWORD not in f"{caught.value}{caught.value.hint}"


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("ssl", ["require", "verify-ca", "verify-full"])
async def test_a_server_without_tls_hears_nothing_where_tls_is_asked_for(tmp_path: Path, ssl: str) -> None:
    stranger = Stranger(greeting(), packet(OK, 2))
    async with server(stranger) as port:
        databases = Databases({"db": f"mysql://bob:{PASSWORD}@127.0.0.1:{port}/shop?ssl={ssl}"}, folder=tmp_path)
        with pytest.raises(Refused, match="no TLS"):
            await databases.execute("db", "SELECT 1", timeout_seconds=5)
        await databases.close()
    assert stranger.heard == b""


async def garbage(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 50)
    await writer.drain()


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(10)


async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(greeting())
    await reader.read(10)


async def odd(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(packet(b"\x0a", 0))
    await reader.read(10)


async def file_wanted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers the first statement with: send me a file."""
    writer.write(greeting())
    await reader.read(4096)
    writer.write(packet(OK, 2))
    await reader.read(4096)
    writer.write(packet(b"\xfb/etc/hostname", 1))
    assert not await reader.read(4096)


async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One packet that never ends."""
    writer.write(greeting())
    await reader.read(4096)
    writer.write(packet(OK, 2))
    await reader.read(4096)
    for number in range(1, 100):
        writer.write(b"\xff\xff\xff" + bytes([number]) + b"x" * 0xFFFFFF)
        await writer.drain()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("behave", [garbage, nothing, goodbye, odd, file_wanted, endless])
async def test_a_server_that_is_none_is_unavailable(tmp_path: Path, behave: Behave) -> None:
    async with server(behave) as port:
        databases = Databases({"db": f"mysql://bob:{PASSWORD}@127.0.0.1:{port}/shop?ssl=disable"}, folder=tmp_path)
        with pytest.raises(Unavailable) as caught:
            await databases.execute("db", "SELECT 1", timeout_seconds=20)
        assert PASSWORD not in f"{caught.value}{caught.value.hint}"
        await databases.close()


async def test_a_server_that_hangs_is_given_up_in_time_and_when_cancelled(tmp_path: Path) -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(100):
            pass

    async with server(hang) as port:
        databases = Databases({"db": f"mysql://bob:{PASSWORD}@127.0.0.1:{port}/shop"}, folder=tmp_path)
        with pytest.raises(Unavailable):
            await databases.execute("db", "SELECT 1", timeout_seconds=0.3)
        task = asyncio.create_task(databases.execute("db", "SELECT 1"))
        await asyncio.sleep(0.2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await databases.close()


def test_the_driver_is_only_loaded_for_a_server() -> None:
    import subprocess
    import sys

    code = "import sys, hengio.targets.databases; print([m for m in ('aiomysql', 'oracledb') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
