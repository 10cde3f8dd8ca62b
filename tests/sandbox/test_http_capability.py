"""`http_request` against a real server: what is allowed, what is denied at which hop, and what ends in time."""

from __future__ import annotations

import asyncio
import base64
import gzip
import ipaddress
import ssl
import time
from typing import Any

import pytest
import trustme

from hengio import codec
from hengio.model.grant import Grant
from hengio.sandbox.host.http import HttpCapability
from hengio.sandbox.host.outside import Scope
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.targets.breaker import BreakerPolicy, Breakers
from hengio.targets.http.client import HttpClient
from hengio.targets.secrets import KnownSecrets, Secret
from hengio.url import Address
from tests.support.clock import MovableClock
from tests.support.processes import free_port
from tests.support.web import Seen, Web, always, redirecting, response, serving


def granting(*resources: str) -> tuple[Grant, ...]:
    return tuple(Grant(permission, one) for one in resources for permission in ("http:read", "http:write"))  # type: ignore[arg-type]


async def ask(
    request: dict[str, Any],
    *layers: tuple[Grant, ...],
    client: HttpClient | None = None,
    secrets: dict[str, Secret] | None = None,
    seconds: float = 5.0,
    number: int = 1,
    http_bytes: int = 1 << 20,
) -> tuple[Answered, Any]:
    client = client or HttpClient()
    capability = HttpCapability(client, KnownSecrets(secrets or {}))
    scope = Scope(layers=layers or ((),), key="root:step:1", http_bytes=http_bytes)
    asked = Ask(function="http_request", request=codec.encode(request), number=number, seconds_left=seconds)
    try:
        answer = await capability.answer(asked, scope)
    finally:
        await client.close()
    return answer, codec.decode(answer.reply)


def here(web: Web, path: str = "/**") -> tuple[Grant, ...]:
    return granting(f"http://127.0.0.1:{web.port}{path}")


@pytest.mark.requirement("R4.1", "R5.4")
async def test_a_granted_request_is_made_and_its_response_returned() -> None:
    async with serving(always(response(b'{"a":1}', content_type="application/json", x_a="1"))) as web:
        answer, reply = await ask({"url": web.url("/x?y=ü"), "headers": {"X-Given": "z"}}, here(web))
    assert (answer.status, answer.wrote, reply["status"], reply["body"]) == (Status.OK, False, 200, '{"a":1}')
    assert reply["headers"]["x-a"] == ["1"]
    assert (web.seen[0].method, web.seen[0].target) == ("GET", "/x?y=%C3%BC")
    assert web.seen[0].headers["x-given"] == "z"
    assert web.seen[0].headers["host"] == f"127.0.0.1:{web.port}"


@pytest.mark.requirement("R4.7", "R4.8", "R5.6")
async def test_without_a_grant_nothing_is_sent_and_the_missing_one_is_named() -> None:
    async with serving(always(response())) as web:
        answer, reply = await ask({"url": web.url("/x?y=1")}, granting("http://other.example/**"))
        assert web.seen == []
    assert answer.status is Status.PERMISSION_DENIED
    assert answer.denied == Grant("http:read", web.url("/x"))
    assert reply["code"] == "permission_denied"
    assert web.url("/x") in reply["message"]


@pytest.mark.requirement("R4.2", "R4.7")
async def test_reading_does_not_allow_writing() -> None:
    async with serving(always(response())) as web:
        reading = (Grant("http:read", web.url("/**")),)
        answer, _ = await ask({"method": "POST", "url": web.url(), "body": {"a": 1}}, reading)
        assert answer.denied == Grant("http:write", web.url())
        answer, _ = await ask({"method": "POST", "url": web.url(), "body": {"a": 1}}, here(web))
    assert (answer.status, answer.wrote) == (Status.OK, True)
    assert [(seen.method, seen.body, seen.headers["content-type"]) for seen in web.seen] == [
        ("POST", b'{"a":1}', "application/json")
    ]


@pytest.mark.requirement("R4.7")
async def test_every_layer_must_allow_a_request() -> None:
    async with serving(always(response())) as web:
        wide, narrow = here(web), here(web, "/only")
        missing = Grant("http:read", web.url("/x"))
        for layers, left_out in ((wide, narrow), True), ((narrow, wide), False), ((narrow, narrow), False):
            answer, _ = await ask({"url": web.url("/x")}, *layers)
            assert (answer.denied, answer.left_out) == (missing, left_out)
        assert (await ask({"url": web.url("/only")}, wide, narrow))[0].status is Status.OK
        assert (await ask({"url": web.url("/only")}, wide, ()))[0].status is Status.PERMISSION_DENIED


@pytest.mark.requirement("R4.7")
async def test_each_redirect_is_allowed_anew() -> None:
    async with serving(redirecting("/there")) as web:
        answer, reply = await ask({"url": web.url("/here")}, here(web))
        assert (answer.status, reply["body"]) == (Status.OK, "there")
        answer, _ = await ask({"url": web.url("/here")}, here(web, "/here"))
        assert answer.denied == Grant("http:read", web.url("/there"))
        assert [seen.target for seen in web.seen] == ["/here", "/there", "/here"]


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize(
    "target",
    [
        *("http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/"),
        *("http://[::ffff:127.0.0.1]:{port}/", "http://[::ffff:7f00:1]:{port}/", "http://[::]:{port}/"),
        *("http://0x7f.1:{port}/", "http://0177.0.0.1:{port}/", "http://2130706433:{port}/", "http://127.1:{port}/"),
        *("http://public.example@127.0.0.1:{port}/", "http://127.0.0.1.:{port}/", "//127.0.0.1:{port}/"),
        *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/", "http://[fe80::1%25lo]:{port}/"),
        *("http://127。0。0。1:{port}/", "http:\\\\127.0.0.1:{port}/", "file:///etc/passwd", "gopher://127.0.0.1/"),
    ],
)
async def test_no_spelling_of_a_forbidden_address_is_reached_directly_or_by_a_redirect(target: str) -> None:
    """The server stands on loopback as `public.example`, which is granted; everything else on it is not."""

    async def resolve(host: str, _port: int) -> list[Address]:
        return [ipaddress.ip_address("127.0.0.1")] if host in {"public.example", "localhost"} else []

    async with serving(always(response(b"secret"))) as inner:
        aim = target.format(port=inner.port)
        async with serving(redirecting(aim)) as outer:
            grants = granting(f"http://public.example:{outer.port}/**", f"http://[127.0.0.0/8]:{outer.port}/**")
            start = f"http://public.example:{outer.port}/here"
            answer, _ = await ask({"url": start}, grants, client=HttpClient(resolve=resolve))
            assert answer.status is not Status.OK
            answer, _ = await ask({"url": aim}, grants, client=HttpClient(resolve=resolve))
            assert answer.status is not Status.OK
        assert inner.seen == []


@pytest.mark.requirement("R3.4")
async def test_a_name_that_leads_inside_is_denied_and_connected_to_only_with_a_grant_for_the_address() -> None:
    async def resolve(_host: str, _port: int) -> list[Address]:
        return [ipaddress.ip_address("127.0.0.1")]

    async with serving(always(response(b"inside"))) as web:
        url = f"http://name.example:{web.port}/x"
        by_name = granting(f"http://name.example:{web.port}/**")
        answer, _ = await ask({"url": url}, by_name, client=HttpClient(resolve=resolve))
        assert answer.denied == Grant("http:read", f"http://[127.0.0.1/32]:{web.port}/x")
        assert web.seen == []
        opened = (*by_name, *granting(f"http://[127.0.0.1/32]:{web.port}/**"))
        for layers in (by_name, opened), (opened, by_name):
            answer, _ = await ask({"url": url}, *layers, client=HttpClient(resolve=resolve))
            assert (answer.status, answer.left_out) == (Status.PERMISSION_DENIED, layers[0] is opened)
        assert web.seen == []
        answer, reply = await ask({"url": url}, opened, client=HttpClient(resolve=resolve))
    assert (answer.status, reply["body"]) == (Status.OK, "inside")
    assert web.seen[0].headers["host"] == f"name.example:{web.port}"


@pytest.mark.requirement("R3.4")
async def test_a_name_is_resolved_once_and_its_bad_addresses_spoil_the_good_ones() -> None:
    answers = [["93.184.216.34", "127.0.0.1"], ["127.0.0.1"]]
    asked = []

    async def resolve(host: str, _port: int) -> list[Address]:
        asked.append(host)
        return [ipaddress.ip_address(text) for text in answers[len(asked) - 1]]

    async with serving(always(response())) as web:
        url = f"http://rebinding.example:{web.port}/"
        answer, _ = await ask({"url": url}, granting(url), client=HttpClient(resolve=resolve))
        assert answer.status is Status.PERMISSION_DENIED
        assert (asked, web.seen) == (["rebinding.example"], [])


async def test_a_redirect_to_another_origin_takes_no_credentials_along() -> None:
    async with serving(always(response(b"end"))) as other, serving(redirecting(other.url("/end"))) as web:
        secret = Secret("s3cr3t-token", ("127.0.0.1",))
        request = {
            "url": web.url("/here"),
            "headers": {"Cookie": "a=b", "X-Mine": "c"},
            "auth": {"type": "bearer", "secret": "crm"},
        }
        answer, _ = await ask(request, (*here(web), *here(other)), secrets={"crm": secret})
    assert answer.status is Status.OK
    assert web.seen[0].headers["authorization"] == "Bearer s3cr3t-token"
    assert "authorization" not in other.seen[0].headers
    assert "cookie" not in other.seen[0].headers
    assert other.seen[0].headers["x-mine"] == "c"


async def test_a_secret_goes_only_to_hosts_it_is_bound_to_and_never_comes_back() -> None:
    value = "s3cr3t-token"
    echo = f"you sent {value}, {base64.b64encode(value.encode()).decode()}".encode()
    async with serving(always(response(echo, x_echo=value))) as web:
        request = {"url": web.url(), "auth": {"type": "header", "secret": "crm", "header": "X-Key"}}
        answer, reply = await ask(request, here(web), secrets={"crm": Secret(value, ("crm.example",))})
        assert (answer.status, web.seen) == (Status.INVALID_REQUEST, [])
        assert value not in answer.reply.decode()
        answer, reply = await ask(request, here(web), secrets={"crm": Secret(value, ("127.0.0.1",))})
    assert web.seen[0].headers["x-key"] == value
    assert value not in answer.reply.decode()
    assert reply["body"] == "you sent ***, ***"
    assert reply["headers"]["x-echo"] == ["***"]


async def test_write_requests_carry_a_key_that_is_equal_on_retry_and_differs_between_requests() -> None:
    async with serving(always(response())) as web:
        for number in (1, 1, 2):
            await ask({"method": "PUT", "url": web.url()}, here(web), number=number)
        await ask({"method": "GET", "url": web.url()}, here(web))
        await ask({"method": "PUT", "url": web.url(), "headers": {"Idempotency-Key": "own"}}, here(web))
    keys = [seen.headers.get("idempotency-key") for seen in web.seen]
    assert keys[0] == keys[1] != keys[2]
    assert keys[3:] == [None, "own"]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"url": "http://a.example/", "method": "TRACE"},
        {"url": "http://a.example/", "method": "CONNECT"},
        {"url": "http://a.example/", "headers": {"Host": "b.example"}},
        {"url": "http://a.example/", "headers": {"X": "a\r\nHost: b"}},
        {"url": "http://a.example/", "headers": {"Transfer-Encoding": "chunked"}},
        {"url": "http://a.example/", "headers": {"X Y": "1"}},
        {"url": "http://a.example/", "body": 1, "body_base64": "AA=="},
        {"url": "http://a.example/", "body_base64": "???"},
        {"url": "http://a.example/", "timeout_ms": -1},
        {"url": "http://a.example/", "auth": {"type": "bearer", "secret": "missing"}},
        {"url": "http://a.example/", "proxy": "http://b.example"},
    ],
)
async def test_a_request_that_is_not_in_order_is_an_ordinary_answer(request_: dict[str, Any]) -> None:
    answer, reply = await ask(request_, granting("http://a.example/**"))
    assert (answer.status, reply["code"]) == (Status.INVALID_REQUEST, "invalid_request")


async def drip(_seen: Seen, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
    for _ in range(1000):
        writer.write(b".")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silent(_seen: Seen, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(30)


@pytest.mark.requirement("R3.3")
@pytest.mark.parametrize("handler", [drip, silent])
async def test_a_slow_server_does_not_outlast_the_call(handler: Any) -> None:
    async with serving(handler) as web:
        began = time.monotonic()
        answer, _ = await ask({"url": web.url()}, here(web), seconds=0.3)
        assert time.monotonic() - began < 2.0
    assert answer.status is Status.DEADLINE


async def test_timeout_ms_ends_a_request_before_the_call_does() -> None:
    async with serving(silent) as web:
        answer, _ = await ask({"url": web.url(), "timeout_ms": 100, "method": "POST"}, here(web))
    assert (answer.status, answer.wrote) == (Status.DEADLINE, True)


@pytest.mark.parametrize(
    "data",
    [
        response(b"x" * 200_000),
        response(gzip.compress(b"x" * 50_000_000), content_encoding="gzip"),
    ],
    ids=["large", "bomb"],
)
async def test_a_response_over_its_limit_is_not_kept(data: bytes) -> None:
    async with serving(always(data)) as web:
        answer, _ = await ask({"url": web.url()}, here(web), http_bytes=100_000)
    assert answer.status is Status.LIMIT_EXCEEDED


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        response(gzip.compress(b"abc")[:-6], content_encoding="gzip"),
        response(b"abc", content_encoding="br"),
        response(status="302 Found", location="http://0x7f.1/"),
    ],
)
async def test_a_broken_response_is_an_ordinary_answer(data: bytes) -> None:
    async with serving(always(data)) as web:
        answer, reply = await ask({"url": web.url()}, here(web))
    assert (answer.status, reply["code"]) == (Status.UNAVAILABLE, "unavailable")


async def test_endless_redirects_end() -> None:
    async with serving(redirecting("/again")) as web:
        answer, _ = await ask({"url": web.url("/again")}, here(web))
    assert answer.status is Status.UNAVAILABLE
    assert len(web.seen) == 6


@pytest.mark.requirement("H5.5")
async def test_a_server_that_is_away_is_left_alone_by_modules_too() -> None:
    breakers = Breakers(MovableClock(), BreakerPolicy(failures=2))
    async with serving(always(response(status="503 Service Unavailable"))) as web:
        for expected in Status.OK, Status.OK, Status.UNAVAILABLE:
            answer, reply = await ask({"url": web.url()}, here(web), client=HttpClient(breakers=breakers))
            assert answer.status is expected
        assert ("left alone" in reply["message"], len(web.seen)) == (True, 2)


async def test_a_write_counts_as_made_although_what_it_redirects_to_is_away() -> None:
    gone = f"http://127.0.0.1:{free_port()}/"
    async with serving(redirecting(gone, "307 Temporary Redirect")) as web:
        request = {"method": "POST", "url": web.url("/here")}
        answer, _ = await ask(request, (*here(web), *granting(gone)))
    assert (answer.status, answer.wrote) == (Status.UNAVAILABLE, True)


async def test_a_header_with_letters_beyond_ascii_goes_out_as_utf8() -> None:
    async with serving(always(response())) as web:
        answer, _ = await ask({"url": web.url(), "headers": {"X-Name": "Đà Nẵng"}}, here(web))
    assert answer.status is Status.OK
    assert web.seen[0].headers["x-name"].encode("latin-1").decode() == "Đà Nẵng"


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(always(response(b"proxy"))) as proxy, serving(always(response(b"direct"))) as web:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url())
        _, reply = await ask({"url": web.url()}, here(web))
    assert (reply["body"], proxy.seen) == ("direct", [])


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    return context


@pytest.mark.requirement("R3.4")
async def test_over_tls_the_checked_address_must_prove_the_name_that_was_asked_for() -> None:
    async def resolve(_host: str, _port: int) -> list[Address]:
        return [ipaddress.ip_address("127.0.0.1")]

    authority = trustme.CA()
    trust = ssl.create_default_context()
    authority.configure_trust(trust)
    async with serving(always(response(b"proven")), tls=certified(authority, "name.example")) as web:
        grants = granting(f"https://*.example:{web.port}/**", f"https://[127.0.0.0/8]:{web.port}/**")
        client = HttpClient(tls=trust, resolve=resolve)
        good, reply = await ask({"url": f"https://name.example:{web.port}/"}, grants, client=client)
        assert (good.status, reply["body"]) == (Status.OK, "proven")
        client = HttpClient(tls=trust, resolve=resolve)
        bad, reply = await ask({"url": f"https://other.example:{web.port}/"}, grants, client=client)
        assert bad.status is Status.UNAVAILABLE
        assert "certificate" in reply["message"]
