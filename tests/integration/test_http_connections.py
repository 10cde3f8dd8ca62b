"""HTTP connections: what a step sends below an administrator's URL, and where it can not get to (H6)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.errors import Refused
from hengio.steps.rehearsal import Rehearsal
from hengio.targets.http.target import HttpTarget, http_target
from tests.support.requests import run
from tests.support.steps import failure_of, output_of
from tests.support.web import always, redirecting, response, serving


def target(url: str = "https://api.example/v1", **more: Any) -> HttpTarget:
    return http_target("erp", {"type": "http", "url": url, **more})


@pytest.mark.parametrize(
    ("base", "text", "url"),
    [
        ("https://a.example/v1", "/orders?x=1#f", "https://a.example/v1/orders?x=1"),
        ("https://a.example/v1/", "orders", "https://a.example/v1/orders"),
        ("https://a.example/v1", "", "https://a.example/v1"),
        ("https://a.example/v1", "?x=1", "https://a.example/v1?x=1"),
        ("https://a.example", "/a/../b", "https://a.example/b"),
        ("https://a.example/v1", "https://A.example:443/v1/x", "https://a.example/v1/x"),
        ("https://a.example/v1", "@evil.example/x", "https://a.example/v1/@evil.example/x"),
        ("https://a.example/v1", "/https://evil.example/", "https://a.example/v1/https://evil.example/"),
        ("https://a.example", ".evil.example/", "https://a.example/.evil.example/"),
        ("https://a.example", ":8443/", "https://a.example/:8443/"),
    ],
)
def test_a_path_is_put_behind_the_connections_url(base: str, text: str, url: str) -> None:
    assert str(target(base).below(text)) == url


@pytest.mark.parametrize(
    "text",
    [
        *("https://evil.example/v1/x", "http://a.example/v1/x", "//evil.example/v1", "https://a.example:8443/v1/x"),
        *("/../admin", "../v2/x", "/..", "%2e%2e/admin", "/x/../../admin", "..%2fadmin", "\\\\evil.example", "/..\\x"),
        *(
            "https://a.example/v10/x",
            "https://a.example/",
            "https://u@a.example/v1/x",
            "/a b",
            "/\r\nx",
            "ftp://a.example/v1",
        ),
    ],
)
def test_nothing_else_is_below_it(text: str) -> None:
    with pytest.raises(Refused):
        target("https://a.example/v1").below(text)


@pytest.mark.parametrize(
    "stored",
    [
        "https://u:hunter22@a.example/",
        "https://a.example/?key=hunter22",
        "postgresql://u:hunter22@a.example/x",
        {"type": "sftp", "url": "https://a.example/", "password": "hunter22"},
        {
            "type": "http",
            "url": "https://a.example/",
            "auth": {"type": "basic", "username": "u", "password": ["hunter22"]},
        },
        {"type": "http", "url": "https://a.example/", "auth": {"type": "hunter22"}},
        {"type": "http", "url": "https://a.example/", "headers": {"Host": "hunter22"}},
        {"type": "http", "url": "https://a.example/", "headers": {"X": "hunter22\r\n"}},
        {"type": "http", "hunter22": 1},
        ["hunter22"],
        None,
    ],
)
def test_what_describes_no_server_is_refused_and_not_repeated(stored: Any) -> None:
    with pytest.raises(Refused, match="connection 'erp'") as refused:
        http_target("erp", stored)
    assert "hunter22" not in refused.value.message + refused.value.hint


def test_a_connection_is_never_printed_with_its_secrets() -> None:
    shown = target(headers={"X-Key": "hunter22"}, auth={"type": "bearer", "token": "hunter22"})
    assert repr(shown) == f"{shown}" == "HttpTarget('https://api.example')"


@pytest.mark.requirement("H4.6")
async def test_a_connection_brings_its_headers_and_credentials_and_may_be_private() -> None:
    async with serving(always(response(b"ok x-key-1234", content_type="text/plain"))) as web:
        headers = {"X-Key": "x-key-1234", "X-Mine": "theirs"}
        erp = target(web.url("/base"), headers=headers, auth={"type": "bearer", "token": "token-1234"})
        options: dict[str, Any] = {"connections": {"erp": erp}, "allow": ()}
        config = {"connection": "erp", "url": "/orders", "headers": {"X-Mine": "mine", "Authorization": "mine"}}
        output = output_of(await run(config, **options))
        assert output["body"] == "ok " + "*" * len("token-1234")
        seen = web.seen[0]
        assert (seen.target, seen.headers["authorization"], seen.headers["x-key"], seen.headers["x-mine"]) == (
            "/base/orders",
            "Bearer token-1234",
            "x-key-1234",
            "theirs",
        )
        result = await run({"url": web.url("/base/orders")}, **options)
        assert result.failure is not None
        assert result.failure.code == "address_refused"
        assert len(web.seen) == 1


@pytest.mark.requirement("H4.6")
async def test_a_connection_that_redirects_takes_nothing_along_and_opens_nothing() -> None:
    async with serving(always(response(b"end"))) as other, serving(redirecting(other.url("/end"))) as web:
        erp = target(web.url(), headers={"X-Key": "key"}, auth={"type": "basic", "username": "u", "password": "p"})
        result = await run({"connection": "erp", "url": "/here"}, connections={"erp": erp}, allow=())
        assert result.failure is not None
        assert (result.failure.code, other.seen) == ("address_refused", [])
        output_of(await run({"connection": "erp", "url": "/here"}, connections={"erp": erp}))
    assert not {"x-key", "authorization"} & set(other.seen[0].headers)


async def test_the_metadata_service_is_no_connection_either() -> None:
    erp = target("http://169.254.169.254/")
    result = await run({"connection": "erp", "url": "/latest"}, connections={"erp": erp})
    assert result.failure is not None
    assert result.failure.code == "address_refused"


async def test_a_connection_that_is_not_there_or_has_its_own_authentication_is_told() -> None:
    assert "no HTTP connection 'erp'" in failure_of(await run({"connection": "erp", "url": "/"}))
    erp = target(auth={"type": "bearer", "token": "token-1234"})
    config = {"connection": "erp", "url": "/", "auth": {"type": "bearer", "token": "mine"}}
    assert "its own authentication" in failure_of(await run(config, connections={"erp": erp}))


async def test_a_dry_run_shows_nothing_that_a_connection_adds() -> None:
    rehearsal = Rehearsal()
    erp = target("http://127.0.0.1:1", headers={"X-Key": "key"}, auth={"type": "bearer", "token": "token-1234"})
    config = {"connection": "erp", "url": "/", "method": "DELETE"}
    output_of(await run(config, connections={"erp": erp}, rehearsal=rehearsal))
    headers = rehearsal.changes[0].what["headers"]
    assert (headers["x-key"], headers["authorization"]) == ("***", "***")
