"""The http step and hostile values, redirects, names and answers (H4.1, H4.6)."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hengio.url import Address, literal
from tests.support.requests import Stepping, knowing, run
from tests.support.steps import failure_of, output_of
from tests.support.web import Seen, always, redirecting, response, serving


@pytest.mark.parametrize(
    "to", ["/again", "http://0x7f.1/", "http://[::1", "file:///etc/passwd", "http://u:p@a.example/"]
)
async def test_redirects_that_lead_nowhere_are_final(to: str) -> None:
    async with serving(redirecting(to)) as web:
        result = await run({"url": web.url("/again")})
    assert result.failure is not None
    assert (result.failure.code, result.retryable) == ("bad_redirect", False)


@pytest.mark.requirement("H4.6")
async def test_a_redirect_to_another_origin_takes_no_credentials_and_no_sensitive_header_along() -> None:
    async with serving(always(response(b"end"))) as other, serving(redirecting(other.url("/end"))) as web:
        config = {
            "url": web.url("/here"),
            "headers": {"X-Key": "k-${KEY}", "X-Plain": "p", "Cookie": "a=b"},
            "auth": {"type": "basic", "username": "u", "password": "${PASSWORD}"},
        }
        context = knowing(secrets={"KEY": "key-value-1", "PASSWORD": "hunter22"})
        output_of(await run(config, context=context))
    assert web.seen[0].headers["authorization"].startswith("Basic ")
    assert web.seen[0].headers["x-key"] == "k-key-value-1"
    assert other.seen[0].headers["x-plain"] == "p"
    assert not {"authorization", "cookie", "x-key"} & set(other.seen[0].headers)


@pytest.mark.requirement("H4.6")
@pytest.mark.parametrize(
    "aim",
    [
        *("http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://[::1]:{port}/", "http://0.0.0.0:{port}/"),
        *("http://[::ffff:127.0.0.1]:{port}/", "http://127.1:{port}/", "http://2130706433:{port}/"),
        *("http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[fd00:ec2::254]/"),
        "http://rebound.example:{port}/",
    ],
)
async def test_no_private_address_is_reached_directly_or_by_a_redirect(aim: str) -> None:
    """A public name, for which the guard's setting opens loopback, redirects to whatever else is on it."""

    async def resolve(host: str, _port: int) -> list[Address]:
        found = literal("127.0.0.1")
        assert found is not None
        return [found]

    async with serving(always(response(b"secret"))) as inner:
        url = aim.format(port=inner.port)
        async with serving(redirecting(url)) as outer:
            options: dict[str, Any] = {"allow": ("public.example",), "resolve": resolve}
            for start in f"http://public.example:{outer.port}/here", url:
                result = await run({"url": start}, **options)
                assert result.failure is not None
                assert not result.retryable
            assert [seen.target for seen in outer.seen] == ["/here"]
        assert inner.seen == []


@pytest.mark.requirement("H4.6")
async def test_a_name_that_is_public_first_and_private_then_is_never_connected_to_inside() -> None:
    """The guard judges the very answer that is connected to."""
    asked: list[str] = []

    async def resolve(host: str, _port: int) -> list[Address]:
        asked.append(host)
        found = literal("192.0.2.1" if len(asked) == 1 else "127.0.0.1")
        assert found is not None
        return [found]

    async with serving(always(response())) as web, Stepping(allow=("192.0.2.0/24",), resolve=resolve) as stepping:
        config = {"url": web.url(host="rebinding.example"), "timeout_seconds": 0.3}
        first, second = await stepping.run(config), await stepping.run(config)
        assert (first.failure is not None, second.failure is not None) == (True, True)
        assert second.failure is not None
        assert second.failure.code == "address_refused"
        assert (asked, web.seen) == (["rebinding.example"] * 2, [])


@pytest.mark.parametrize("value", ["a\r\nX-Evil: 1", "a\nb", "a\0b", "\x7f"])
async def test_a_value_can_not_begin_another_header(value: str) -> None:
    async with serving(always(response())) as web:
        result = await run({"url": web.url(), "headers": {"X": "{{input}}"}}, context=knowing(given=value))
        assert result.failure is not None
        assert (result.failure.code, web.seen) == ("unsafe_value", [])
        auth = {"type": "bearer", "token": "{{input}}"}
        assert "can not be sent" in failure_of(
            await run({"url": web.url(), "auth": auth}, context=knowing(given=value))
        )
        assert web.seen == []


@pytest.mark.parametrize("name", ["Host", "Content-Length", "Transfer-Encoding", "Connection", "X Y", "X:Y", ""])
async def test_headers_of_the_connection_are_not_the_steps_to_set(name: str) -> None:
    async with serving(always(response())) as web:
        assert "config.headers" in failure_of(await run({"url": web.url(), "headers": {name: "1"}}))
        assert web.seen == []


@pytest.mark.parametrize(
    ("value", "target"),
    [
        ("../admin", "/users/..%2Fadmin"),
        ("a/b?c#d", "/users/a%2Fb%3Fc%23d"),
        ("@evil.example", "/users/%40evil.example"),
        ("%2e%2e", "/users/%252e%252e"),
    ],
)
async def test_a_value_stays_one_part_of_the_url(value: str, target: str) -> None:
    async with serving(always(response())) as web:
        result = await run({"url": web.url("/users/{{input}}")}, context=knowing(given=value))
        if result.failure is None:
            assert [seen.target for seen in web.seen] == [target]
        else:
            assert (result.failure.code, web.seen) == ("refused", [])
        result = await run({"url": web.url("/users/{{input}}/x")}, context=knowing(given=".."))
        assert result.failure is not None
        assert result.failure.code == "unsafe_value"


@pytest.mark.requirement("H4.6", "H6.3")
async def test_a_sensitive_variable_that_the_step_does_not_name_changes_nothing_of_its_failure() -> None:
    async with serving(always(response(b"at 127.0.0.1: 2 of 2", status="422 Unprocessable Content"))) as web:
        result = await run({"url": web.url()}, context=knowing(secrets={"N": {"n": 2}, "LONG": "127.0.0.1"}))
    assert result.failure is not None and result.failure.details is not None
    assert "127.0.0.1" in result.failure.message and "answered 422" in result.failure.message
    assert result.failure.details["body"] == "at 127.0.0.1: 2 of 2"


async def test_what_only_the_step_knows_is_taken_out_of_what_the_server_repeats() -> None:
    async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(seen.headers["authorization"]).encode(), content_type="application/json"))

    async with serving(echo) as web:
        config = {"url": web.url(), "auth": {"type": "bearer", "token": "${PLAIN}"}}
        output = output_of(await run(config, context=knowing(PLAIN="not-declared-sensitive")))
    assert output["body"] == "Bearer " + "*" * len("not-declared-sensitive")


@pytest.mark.requirement("H6.3")
async def test_what_an_author_wrote_beside_a_template_is_taken_out_too() -> None:
    async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
        said = [seen.headers["authorization"], seen.target]
        writer.write(response(json.dumps(said).encode(), content_type="application/json"))

    async with serving(echo) as web:
        config = {
            "url": web.url("/x?page=2&api_key=PLANTED${SHOP}"),
            "headers": {"Authorization": "Basic ${SHOP}:HDR-1"},
        }
        output = output_of(await run(config, context=knowing(SHOP="north")))
    assert output["body"] == ["Basic north******", "/x?page=2&api_key=*******north"]


async def test_what_is_sensitive_is_in_no_failure_and_no_output_even_if_the_server_repeats_it() -> None:
    secrets = {"KEY": "key/value 1+", "PASSWORD": 'hun"ter22'}

    async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
        said = {"auth": seen.headers["authorization"], "target": seen.target, "password": secrets["PASSWORD"]}
        status = "400 Bad Request" if seen.target.startswith("/bad") else "200 OK"
        body = json.dumps({**said, "long": "x" * 1_985 + secrets["PASSWORD"]}).encode()
        writer.write(response(body, status=status, content_type="application/json", x_echo=secrets["KEY"]))

    auth = {"type": "basic", "username": "u", "password": "${PASSWORD}"}
    async with serving(echo) as web:
        for path in "/good", "/bad":
            config = {"url": web.url(path + "?key={{variables.KEY}}"), "auth": auth}
            result = await run(config, context=knowing(secrets=secrets))
            shown = repr(result)
            assert web.seen[-1].target == f"{path}?key=key%2Fvalue%201%2B"
            for hidden in "key/value", "key%2Fvalue", "hun", "dTpodW4idGVyMjI":
                assert hidden not in shown
