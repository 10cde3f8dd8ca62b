"""A connection is tried by the ways that steps go: what its target says, and nothing secret (H6)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hengio.definition import hostkey
from hengio.errors import Forbidden, HengioError
from hengio.service.connections import connection_of
from hengio.settings import Settings
from hengio.wiring.reaching import Reached, reach
from tests.support.processes import free_port
from tests.support.sftp import PASSWORD, USER, OpenSsh, Peer, openssh, peer
from tests.support.web import Seen, always, redirecting, response, serving

SECRET = "s3cret-of-the-bank"


async def tried(folder: Path, given: Any, *, seconds: float = 10.0) -> Reached:
    return await reach(Settings(data_dir=folder), connection_of("bank", given), timeout_seconds=seconds)


async def refused(folder: Path, given: Any, *, seconds: float = 10.0) -> HengioError:
    with pytest.raises(HengioError) as caught:
        await tried(folder, given, seconds=seconds)
    assert SECRET not in f"{caught.value.message} {caught.value.hint}"
    return caught.value


def sftp(server: Peer | OpenSsh, **changes: Any) -> dict[str, Any]:
    config = server.config("download", "")
    login = {key: config[key] for key in ("host", "port", "username", "auth", "host_key")}
    return {key: value for key, value in {"type": "sftp", **login, **changes}.items() if value is not None}


@pytest.mark.parametrize(("status", "number"), [("200 OK", 200), ("404 Not Found", 404), ("503 Busy", 503)])
async def test_any_answer_of_an_http_server_is_one_and_its_status_is_told(
    tmp_path: Path, status: str, number: int
) -> None:
    async with serving(always(response(status=status))) as web:
        found = await tried(tmp_path, {"type": "http", "url": web.url("/api")})
        assert (found.status, [(seen.method, seen.target) for seen in web.seen]) == (number, [("HEAD", "/api")])
        assert str(number) in found.message


async def test_where_there_is_no_head_there_is_get(tmp_path: Path) -> None:
    async def handle(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(status="405 Method Not Allowed" if seen.method == "HEAD" else "204 No Content"))

    async with serving(handle) as web:
        assert (await tried(tmp_path, web.url())).status == 204
        assert [seen.method for seen in web.seen] == ["HEAD", "GET"]


async def test_a_redirect_is_an_answer_that_takes_nothing_along(tmp_path: Path) -> None:
    async with serving(always(response())) as other, serving(redirecting(other.url())) as web:
        auth = {"type": "bearer", "token": SECRET}
        assert (await tried(tmp_path, {"type": "http", "url": web.url(), "auth": auth})).status == 302
        assert other.seen == []


async def test_headers_and_credentials_of_the_connection_are_shown_to_its_server(tmp_path: Path) -> None:
    async with serving(always(response(status="403 Forbidden"))) as web:
        auth = {"type": "basic", "username": "shop", "password": SECRET}
        found = await tried(tmp_path, {"type": "http", "url": web.url(), "headers": {"X-Shop": "7"}, "auth": auth})
        assert "does not take these credentials" in found.message
        assert web.seen[0].headers["x-shop"] == "7"
        assert web.seen[0].headers["authorization"].startswith("Basic ")


async def test_a_token_is_fetched_and_a_client_that_gets_none_is_told_so(tmp_path: Path) -> None:
    answer = {"access_token": SECRET, "token_type": "Bearer"}
    token = response(json.dumps(answer).encode(), content_type="application/json")
    error = response(b'{"error": "invalid_client"}', status="401 Unauthorized", content_type="application/json")
    async with serving(always(response())) as web, serving(always(token)) as good, serving(always(error)) as bad:
        auth = {"type": "oauth2", "token_url": good.url(), "client_id": "shop", "client_secret": SECRET}
        assert (await tried(tmp_path, {"type": "http", "url": web.url(), "auth": auth})).status == 200
        assert web.seen[0].headers["authorization"] == f"Bearer {SECRET}"
        told = await refused(tmp_path, {"type": "http", "url": web.url(), "auth": {**auth, "token_url": bad.url()}})
        assert (told.code, "invalid_client" in told.message) == ("token_refused", True)
        assert len(web.seen) == 1


async def test_an_http_server_that_is_away_hangs_or_is_a_metadata_service_is_told_apart(tmp_path: Path) -> None:
    async def in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(64)
        writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def hang(_seen: Seen, _writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    port = free_port()
    away = await refused(tmp_path, f"http://127.0.0.1:{port}")
    assert (away.code, away.message) == ("unavailable", f"the server 127.0.0.1:{port} cannot be reached")
    async with await asyncio.start_server(in_the_clear, "127.0.0.1", 0) as server:
        clear = await refused(tmp_path, "https://127.0.0.1:{1}".format(*server.sockets[0].getsockname()))
    assert "is it http://?" in clear.message
    assert "certificate" not in clear.message
    async with serving(hang) as web:
        assert (await refused(tmp_path, web.url(), seconds=0.3)).code == "timed_out"
    assert (await refused(tmp_path, "http://169.254.169.254/")).code == "address_refused"


async def test_an_sftp_server_lets_in_who_has_the_password_and_lists_its_folder(tmp_path: Path) -> None:
    async with peer(tmp_path / "server") as server:
        server.write("statement.csv")
        found = await tried(tmp_path, sftp(server))
        assert found.message == f"the server lets {USER} in; the first folder has 1 entry"
        url = f"sftp://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{server.port}?verify_host_key=false"
        assert "its host key is not verified" in (await tried(tmp_path, url)).message


async def test_a_missing_or_another_host_key_tells_the_one_that_is_offered(tmp_path: Path) -> None:
    async with peer(tmp_path / "server") as server, peer(tmp_path / "other") as other:
        (offered,) = hostkey.parse(server.host_key).fingerprints
        missing = await refused(tmp_path, sftp(server, host_key=None))
        wrong = await refused(tmp_path, sftp(server, host_key=other.host_key))
        assert (missing.code, wrong.code) == ("host_key", "host_key")
        assert offered in missing.hint
        assert offered in wrong.hint
        assert (await tried(tmp_path, sftp(server, host_key=offered))).message.startswith("the server lets")


async def test_what_an_sftp_server_refuses_is_told_without_the_password(tmp_path: Path) -> None:
    async with peer(tmp_path / "server") as server:
        told = await refused(tmp_path, sftp(server, auth={"type": "password", "password": SECRET}))
        assert isinstance(told, Forbidden)
        server.mischief.hang = frozenset({"scandir"})
        assert (await refused(tmp_path, sftp(server), seconds=1)).code == "timed_out"
    assert (await refused(tmp_path, sftp(server))).code == "unavailable"


async def test_a_key_logs_in_at_openssh(tmp_path: Path) -> None:
    with openssh(tmp_path / "ssh") as server:
        assert "the server lets" in (await tried(tmp_path, sftp(server))).message
