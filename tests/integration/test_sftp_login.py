"""The SFTP step logging in: passwords, keys, and the key by which the server is known."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from hengio import log
from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.definition import hostkey
from hengio.errors import Refused
from hengio.targets.sftp import target
from hengio.url import Address
from tests.support.sftp import PASSWORD, USER, Login, Peer, anywhere, failure, peer, run, sftp_step
from tests.support.steps import failure_of, output_of

pytestmark = pytest.mark.requirement("H4.4")

USERS_KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


class WithKey(Login):
    """Lets in who has the key."""

    def password_auth_supported(self) -> bool:
        return False

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == USERS_KEY.public_data


class Asking(Login):
    """Asks for the password in a dialogue, as PAM does."""

    def password_auth_supported(self) -> bool:
        return False

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Any:
        return "", "", "", [("Password: ", False)]

    def validate_kbdint_response(self, username: str, responses: Any) -> bool:
        return list(responses) == [PASSWORD]


@pytest.fixture
def files() -> Blobs:
    return open_blobs("memory://", area="files")


async def fetched(files: Blobs, server: Peer, **config: Any) -> Any:
    server.write("a.csv", b"data")
    given = {**server.config("download", "a.csv"), **config}
    return await run(sftp_step(files), {key: value for key, value in given.items() if value is not None})


def _encrypted(form: str) -> str:
    return USERS_KEY.export_private_key(form, passphrase="pass phrase").decode()


@pytest.mark.parametrize(
    "auth",
    [
        {"private_key": USERS_KEY.export_private_key().decode()},
        {"private_key": USERS_KEY.export_private_key("pkcs8-pem").decode()},
        {"private_key": f"\n  {USERS_KEY.export_private_key().decode()}"},
        {"private_key": _encrypted("pkcs8-pem"), "passphrase": "pass phrase"},
        {"private_key": _encrypted("openssh"), "passphrase": "pass phrase"},
    ],
    ids=["OpenSSH", "PEM", "with blanks around", "encrypted PEM", "encrypted OpenSSH"],
)
async def test_a_private_key_logs_in(files: Blobs, tmp_path: Path, auth: dict[str, str]) -> None:
    async with peer(tmp_path / "server", login=WithKey) as server:
        output_of(await fetched(files, server, auth={"type": "key", **auth}))


@pytest.mark.parametrize(
    ("auth", "words"),
    [
        ({"private_key": _encrypted("pkcs8-pem"), "passphrase": "wrong"}, "with this passphrase"),
        ({"private_key": _encrypted("pkcs8-pem")}, "cannot be read"),
        ({"private_key": "-----BEGIN nothing"}, "cannot be read"),
        ({"private_key": OTHER}, "cannot be read"),
    ],
)
async def test_a_key_that_cannot_be_opened_is_final(
    files: Blobs, tmp_path: Path, auth: dict[str, str], words: str
) -> None:
    async with peer(tmp_path / "server", login=WithKey) as server:
        assert words in failure(await fetched(files, server, auth={"type": "key", **auth}), retryable=False).message
        assert server.logins == []


async def test_a_password_is_also_given_in_a_dialogue(files: Blobs, tmp_path: Path) -> None:
    async with peer(tmp_path / "server", login=Asking) as server:
        output_of(await fetched(files, server))


async def test_a_wrong_password_or_key_is_final_and_said_nowhere(
    files: Blobs, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other = asyncssh.generate_private_key("ssh-ed25519").export_private_key().decode()
    async with peer(tmp_path / "server") as server:
        wrong = await fetched(files, server, auth={"type": "password", "password": "not-the-pa55word"})
        assert failure(wrong, retryable=False).code == "forbidden"
        assert "not-the-pa55word" not in f"{wrong}{caplog.text}{capsys.readouterr()}"
    async with peer(tmp_path / "server", login=WithKey) as server:
        wrong = await fetched(files, server, auth={"type": "key", "private_key": other})
        assert failure(wrong, retryable=False).code == "forbidden"
        assert other[100:140] not in f"{wrong}{caplog.text}{capsys.readouterr()}"
    assert "asyncssh" not in {record.name for record in caplog.records}


async def test_a_server_whose_key_is_another_never_gets_the_password(files: Blobs, tmp_path: Path) -> None:
    asked: list[str] = []

    class Curious(Login):
        def begin_auth(self, username: str) -> bool:
            asked.append(username)
            return True

    async with peer(tmp_path / "server", login=Curious) as server:
        told = failure(await fetched(files, server, host_key=OTHER), retryable=False)
        offered = hostkey.parse(server.host_key).fingerprints
        assert told.code == "host_key"
        assert all(fingerprint in str(told.details) for fingerprint in offered)
        unknown = failure(await fetched(files, server, host_key=None), retryable=False)
        assert unknown.code == "host_key"
        assert all(fingerprint in str(unknown.details) for fingerprint in offered)
    assert asked == []


@pytest.mark.parametrize(
    "form", ["{key}", "{host} {key}", "[{host}]:2222,other {key} comment", "{print}", "# a\n{key}"]
)
async def test_a_host_key_is_written_in_any_usual_form(files: Blobs, tmp_path: Path, form: str) -> None:
    async with peer(tmp_path / "server") as server:
        (fingerprint,) = hostkey.parse(server.host_key).fingerprints
        written = form.format(key=server.host_key, host="127.0.0.1", print=fingerprint)
        output_of(await fetched(files, server, host_key=written))


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp384", "ssh-ed25519"])
async def test_of_several_keys_that_a_server_has_any_one_is_enough(files: Blobs, tmp_path: Path, kind: str) -> None:
    kinds = sorted({"ssh-rsa", "ecdsa-sha2-nistp384", "ssh-ed25519"}, key=lambda each: each != kind)
    async with peer(tmp_path / "server", keys=tuple(kinds)) as server:
        output_of(await fetched(files, server))
        (fingerprint,) = hostkey.parse(server.host_key).fingerprints
        output_of(await fetched(files, server, host_key=fingerprint))


async def test_an_unverified_server_is_accepted_only_when_told_so_and_logged(
    files: Blobs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log.configure()
    async with peer(tmp_path / "server") as server:
        output_of(await fetched(files, server, host_key=None, options={"verify_host_key": False}))
        assert "sftp_host_key_not_verified" in capsys.readouterr().err
        given = await fetched(files, server, host_key=OTHER, options={"verify_host_key": False})
        assert failure(given, retryable=False).code == "host_key"


async def test_a_named_connection_brings_all_that_logs_in(files: Blobs, tmp_path: Path) -> None:
    async with peer(tmp_path / "server") as server:
        server.write("a.csv", b"data")
        document = {
            "type": "sftp",
            "host": "127.0.0.1",
            "port": server.port,
            "username": USER,
            "auth": {"type": "password", "password": PASSWORD},
            "host_key": server.host_key,
        }
        unknown = {key: value for key, value in document.items() if key != "host_key"}
        named = {"bank": target.stored("bank", document), "other": target.stored("other", unknown)}
        step = sftp_step(files, named=named)
        config = {"operation": "download", "remote_path": "a.csv", "connection": "bank"}
        output_of(await run(step, config))
        trusting = {**config, "connection": "other", "options": {"verify_host_key": False}}
        assert failure(await run(step, trusting), retryable=False).code == "host_key"
        assert "not defined" in failure_of(await run(step, {**config, "connection": "none"}))
        assert "exclude" in failure_of(await run(step, {**config, "username": "me"}))


@pytest.mark.requirement("H4.6")
async def test_only_addresses_that_the_guard_gave_are_connected_to(files: Blobs, tmp_path: Path) -> None:
    from hengio.clock import SystemClock
    from hengio.steps.sftp import SftpStep
    from hengio.targets.breaker import Breakers
    from hengio.targets.sftp.servers import SftpServers
    from hengio.targets.sftp.target import KnownSftp

    asked: list[tuple[str, bool]] = []

    async def guard(host: str, port: int, *, named: bool) -> list[Address]:
        asked.append((host, named))
        if host == "forbidden.example":
            raise Refused("not that one")
        return await anywhere("127.0.0.1", port, named=named)

    async with peer(tmp_path / "server") as server:
        server.write("a.csv", b"data")
        servers = SftpServers(KnownSftp({}), addresses=guard, breakers=Breakers(SystemClock()))
        step = SftpStep(servers, files)
        config = server.config("download", "a.csv")
        output_of(await run(step, {**config, "host": "files.example"}))
        assert failure_of(await run(step, {**config, "host": "forbidden.example"})) == "not that one"
        assert asked == [("files.example", False), ("forbidden.example", False)]
        assert len(server.logins) == 1


async def test_nothing_of_the_account_that_runs_us_takes_part(
    files: Blobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its keys, its known hosts and its configuration would all have let us in here."""
    home = tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    USERS_KEY.write_private_key(home / ".ssh" / "id_ed25519")
    async with peer(tmp_path / "server", login=WithKey) as server:
        (home / ".ssh" / "known_hosts").write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
        (home / ".ssh" / "config").write_text(f"Host *\n  IdentityFile {home}/.ssh/id_ed25519\n  User {USER}\n")
        monkeypatch.setenv("HOME", str(home))
        assert failure(await fetched(files, server), retryable=False).code == "forbidden"
        key = {"type": "key", "private_key": USERS_KEY.export_private_key().decode()}
        assert failure(await fetched(files, server, auth=key, host_key=None), retryable=False).code == "host_key"


async def test_a_server_that_cuts_the_line_for_want_of_a_key_is_asked_for_another_kind(
    tmp_path: Path, files: Blobs
) -> None:
    async with peer(tmp_path / "server", keys=("ecdsa-sha2-nistp256",)) as server:
        server.write("a.csv", b"data")
        lines: list[asyncio.Task[None] | None] = []

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            lines.append(asyncio.current_task())
            if len(lines) == 1:
                writer.close()
                return
            there, back = await asyncio.open_connection("127.0.0.1", server.port)
            await asyncio.gather(_pass(reader, back), _pass(there, writer))

        (fingerprint,) = hostkey.parse(server.host_key).fingerprints
        front = await asyncio.start_server(accept, "127.0.0.1", 0)
        async with front:
            port = front.sockets[0].getsockname()[1]
            config = server.config("download", "a.csv", port=port, host_key=fingerprint)
            output_of(await run(sftp_step(files), config))
            await asyncio.wait(filter(None, lines), timeout=10)
        assert len(lines) == 2


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
