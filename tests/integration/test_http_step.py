"""The http step against real servers: what it sends, and what it makes of an answer (H4.1)."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from typing import Any

import pytest
import trustme

from hengio.steps.rehearsal import Rehearsal
from hengio.url import Address, literal
from tests.support.requests import Stepping, knowing, run
from tests.support.steps import output_of
from tests.support.web import Seen, always, redirecting, response, serving


@pytest.mark.requirement("H4.1", "R13.2")
async def test_a_request_carries_what_was_written_and_its_answer_is_status_headers_and_body() -> None:
    answer = response(b'{"id": 7, "price": 0.10}', status="201 Created", content_type="application/json", x_a="1")
    async with serving(always(answer)) as web:
        config = {
            "method": "POST",
            "url": web.url("/orders?state={{input.state}}"),
            "headers": {"X-Request": "r-{{input.n}}", "X-Number": "{{input.n}}", "X-None": "{{input.none}}"},
            "body": {"n": "{{input.n}}", "text": "n={{input.n}}"},
        }
        output = output_of(await run(config, context=knowing(given={"state": "a/b&c", "n": 5, "none": None})))
    seen = web.seen[0]
    assert (seen.method, seen.target, seen.body) == ("POST", "/orders?state=a%2Fb%26c", b'{"n":5,"text":"n=5"}')
    assert (seen.headers["x-request"], seen.headers["x-number"], seen.headers["content-type"]) == (
        "r-5",
        "5",
        "application/json",
    )
    assert "x-none" not in seen.headers
    assert (output["status"], output["headers"]["x-a"], output["body"]) == (201, "1", {"id": 7, "price": 0.10})


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
async def test_every_method_is_sent_and_those_that_change_something_carry_a_key(method: str) -> None:
    async with serving(always(response(b"" if method == "HEAD" else b"ok", content_type="text/plain"))) as web:
        for attempt in 1, 2:
            output_of(await run({"method": method, "url": web.url()}, attempt=attempt))
        await run({"method": method, "url": web.url(), "headers": {"Idempotency-Key": "mine"}})
    keys = [seen.headers.get("idempotency-key") for seen in web.seen]
    assert [seen.method for seen in web.seen] == [method] * 3
    assert keys[0] == keys[1] != "mine" == keys[2]
    assert (keys[0] is None) == (method in {"GET", "HEAD"})


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b'{"a": [1, 2.50, 12345678901234567890]}', "application/json", {"a": [1, 2.5, 12345678901234567890]}),
        (b'\xef\xbb\xbf{"a": 1}', "application/problem+json; charset=utf-8", {"a": 1}),
        (b"[1]", "", [1]),
        (b"7", "", 7),
        (b"OK", "application/json", "OK"),
        (b'{"a": "\\ud800"}', "application/json", '{"a": "\\ud800"}'),
        (b"", "application/json", None),
        (b'{"a": 1}', "text/plain", '{"a": 1}'),
        ("Tiếng Việt".encode(), "text/plain", "Tiếng Việt"),
        ("Ünï".encode("latin-1"), "text/plain; charset=ISO-8859-1", "Ünï"),
        ("đồng".encode("utf-16"), 'text/csv; charset="UTF-16"', "đồng"),
        (b"<a/>", "application/xml", "<a/>"),
        (b"plain", "", "plain"),
        (b"plain", "text/plain; charset=no-such-charset", "plain"),
        (b"xn--plain", "text/plain; charset=idna", "xn--plain"),
        (b"7061", "text/plain; charset=hex", "7061"),
    ],
)
async def test_a_body_is_json_where_it_says_so_or_is_and_else_text(body: bytes, kind: str, expected: Any) -> None:
    headers = {"content_type": kind} if kind else {}
    async with serving(always(response(body, **headers))) as web:
        output = output_of(await run({"url": web.url()}))
    assert (output["body"], "body_base64" in output) == (expected, False)


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"\x89PNG\0", "image/png"), (b"%PDF", "application/pdf"), (b"\xff\xfe\xfd", "text/plain"), (b"\0\1", "")],
)
async def test_a_body_that_is_no_text_is_base64(body: bytes, kind: str) -> None:
    import base64

    headers = {"content_type": kind} if kind else {}
    async with serving(always(response(body, **headers))) as web:
        output = output_of(await run({"url": web.url()}))
    assert (output["body"], base64.b64decode(output["body_base64"])) == (None, body)


async def test_repeated_headers_are_joined_and_cookies_stand_on_lines() -> None:
    head = b"HTTP/1.1 200 OK\r\nVary: a\r\nvary: b\r\nSet-Cookie: a=1; x=1, 2\r\nset-cookie: b=2\r\n"
    head += b"content-length: 0\r\n\r\n"
    async with serving(always(head)) as web:
        headers = output_of(await run({"url": web.url()}))["headers"]
    assert (headers["vary"], headers["set-cookie"]) == ("a, b", "a=1; x=1, 2\nb=2")


async def test_answers_before_the_answer_are_passed_by_and_gzip_is_unpacked() -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" * 3
    packed = response(gzip.compress(b'{"a":1}'), content_encoding="gzip", content_type="application/json")
    async with serving(always(hints + packed)) as web:
        assert output_of(await run({"url": web.url()}))["body"] == {"a": 1}


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize(
    ("status", "statuses", "succeeds", "retryable"),
    [
        ("204 No Content", None, True, False),
        ("404 Not Found", None, False, False),
        ("404 Not Found", [404], True, False),
        ("404 Not Found", ["4xx"], True, False),
        ("200 OK", [201, "4xx"], False, False),
        ("408 Request Timeout", None, False, True),
        ("425 Too Early", None, False, True),
        ("429 Too Many Requests", None, False, True),
        ("500 Internal Server Error", None, False, True),
        ("503 Service Unavailable", ["5xx"], True, False),
        ("599 Odd", None, False, True),
    ],
)
async def test_a_status_is_success_a_failure_to_retry_or_a_final_one(
    status: str, statuses: list[Any] | None, succeeds: bool, retryable: bool
) -> None:
    async with serving(always(response(b"why", status=status, content_type="text/plain", retry_after="120"))) as web:
        config = {"url": web.url()} | ({} if statuses is None else {"success_statuses": statuses})
        result = await run(config)
    assert (result.failure is None, result.retryable) == (succeeds, retryable)
    if result.failure is not None:
        details = result.failure.details
        assert (result.failure.code, details["status"], details["body"]) == ("http_status", int(status[:3]), "why")
        assert (details["headers"]["content-type"], details["retry_after_seconds"]) == ("text/plain", 120)


async def test_a_moment_to_retry_after_is_told_in_seconds_and_nonsense_is_not() -> None:
    for text, told in ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0), ("soon", None), ("-1", None), ("9" * 400, None):
        async with serving(always(response(status="503 X", retry_after=text))) as web:
            result = await run({"url": web.url()})
        assert result.failure is not None
        assert result.failure.details.get("retry_after_seconds") == told


@pytest.mark.requirement("H4.1")
async def test_over_tls_the_server_must_prove_its_name() -> None:
    async def resolve(_host: str, _port: int) -> list[Address]:
        address = literal("127.0.0.1")
        assert address is not None
        return [address]

    authority, server, trust = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("api.example").configure_cert(server)
    authority.configure_trust(trust)
    async with serving(always(response(b"proven")), tls=server) as web:
        for host, client_trust, good in (
            ("api.example", trust, True),
            ("other.example", trust, False),
            ("api.example", None, False),
        ):
            result = await run({"url": web.url(host=host, scheme="https")}, tls=client_trust, resolve=resolve)
            assert (result.failure is None) == good
            if result.failure is not None:
                assert (result.failure.code, "certificate" in result.failure.message) == ("unavailable", True)


@pytest.mark.requirement("H4.1")
async def test_redirects_are_followed_unless_they_are_asked_for() -> None:
    async with serving(redirecting("/there")) as web:
        assert output_of(await run({"url": web.url("/here")}))["body"] == "there"
        output = output_of(await run({"url": web.url("/here"), "follow_redirects": False}))
        assert (output["status"], output["headers"]["location"]) == (302, "/there")
        result = await run({"url": web.url("/here"), "follow_redirects": False, "success_statuses": [200]})
        assert result.failure is not None


@pytest.mark.parametrize(
    ("headers", "body", "sent"),
    [
        ({}, '{"a": "{{input}}"}', b'{"a": "x\\"& y"}'),
        ({"Content-Type": "application/json"}, '{"a": {{input}}}', b'{"a": "x\\"& y"}'),
        ({"Content-Type": "application/x-www-form-urlencoded"}, "a={{input}}&b=1", b"a=x%22%26%20y&b=1"),
        ({"Content-Type": "text/plain"}, "Hello {{input}}", b'Hello x"& y'),
        ({}, "Hello {{input}}", b'Hello x"& y'),
        ({}, "{{input}}", b'x"& y'),
        ({}, ["{{input}}", 1], b'["x\\"& y",1]'),
        ({}, False, b"false"),
        ({}, None, b""),
    ],
)
async def test_a_body_takes_values_in_the_way_of_its_content_type(
    headers: dict[str, str], body: Any, sent: bytes
) -> None:
    async with serving(always(response())) as web:
        config = {"method": "POST", "url": web.url(), "headers": headers, "body": body}
        output_of(await run(config, context=knowing(given='x"& y')))
    assert web.seen[0].body == sent


async def test_a_dry_run_reads_and_notes_what_it_would_have_changed() -> None:
    async with serving(always(response(b"read"))) as web:
        rehearsal = Rehearsal()
        assert output_of(await run({"url": web.url()}, rehearsal=rehearsal))["body"] == "read"
        config = {
            "method": "PUT",
            "url": web.url("/x?k=${KEY}"),
            "headers": {"X-Key": "${KEY}", "X-Plain": "p"},
            "body": {"text": "y" * 5_000},
            "auth": {"type": "bearer", "token": "${KEY}"},
            "success_statuses": ["2xx"],
        }
        output = output_of(await run(config, rehearsal=rehearsal, context=knowing(secrets={"KEY": "key-value-1"})))
        assert len(web.seen) == 1
    assert output == {"status": 200, "headers": {}, "body": None}
    (change,) = rehearsal.changes
    assert (change.kind, change.step_id, change.what["method"]) == ("http", "s", "PUT")
    assert change.what["headers"]["x-plain"] == "p"
    assert (change.what["headers"]["x-key"], change.what["headers"]["authorization"]) == ("***", "***")
    assert "key-value-1" not in repr(change.what)
    assert len(change.what["body"]) == 2_001


async def test_a_dry_run_is_refused_what_the_guard_refuses() -> None:
    result = await run({"method": "POST", "url": "http://10.0.0.1/"}, rehearsal=Rehearsal())
    assert result.failure is not None
    assert result.failure.code == "address_refused"


async def test_a_step_that_is_cancelled_ends_at_once_and_its_connection_too() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def drip(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        begun.set()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)
        finally:
            ended.set()

    async with serving(drip) as web, Stepping() as stepping:
        task = asyncio.create_task(stepping.run({"url": web.url()}, timeout_seconds=None))
        await begun.wait()
        task.cancel()
        async with asyncio.timeout(1.0):
            with pytest.raises(asyncio.CancelledError):
                await task
            await ended.wait()


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"url": "x"},
        {"url": "ftp://a.example/"},
        {"url": "http://u:p@a.example/"},
        {"url": "http://127.0.0.1/", "method": "TRACE"},
        {"url": "http://127.0.0.1/", "timeout_seconds": "{{input.zero}}"},
        {"url": "http://127.0.0.1/", "max_response_bytes": 0},
        {"url": "http://127.0.0.1/", "success_statuses": ["{{input.odd}}"]},
        {"url": "http://127.0.0.1/", "success_statuses": [100]},
        {"url": "http://127.0.0.1/", "connection": "missing"},
        {"url": "http://127.0.0.1/", "auth": {"type": "basic", "username": "a:b", "password": "c"}},
        {"url": "http://127.0.0.1/", "auth": {"type": "digest"}},
    ],
)
async def test_a_configuration_that_does_not_fit_is_a_final_failure(config: dict[str, Any]) -> None:
    result = await run(config, context=knowing(given={"zero": 0, "odd": "teapot"}))
    assert result.failure is not None
    assert result.failure.code in {"refused", "not_found"}
    assert not result.retryable
