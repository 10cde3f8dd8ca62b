"""OAuth 2 client credentials: fetched once, kept, renewed, and shown to nobody (H4.1)."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.support.clock import MovableClock
from tests.support.requests import Stepping, knowing, run
from tests.support.steps import output_of
from tests.support.web import Seen, Web, redirecting, response, serving

SECRET = "s3cret+&value"


@dataclass
class Bank:
    """An API whose requests need the newest token, and the server that gives tokens out."""

    api: Web
    tokens: Web
    answer: dict[str, Any] = field(default_factory=dict)
    status: str = "200 OK"
    given: int = 0
    good: set[str] = field(default_factory=set)

    def config(self, **more: Any) -> dict[str, Any]:
        auth = {"type": "oauth2", "token_url": self.tokens.url("/token"), "client_id": "me", "client_secret": SECRET}
        return {"url": self.api.url("/data"), "auth": auth | more}


@asynccontextmanager
async def bank(**answer: Any) -> AsyncIterator[Bank]:
    async def give(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.02)
        here.given += 1
        token = f"token-number-{here.given}"
        here.good = {token}
        said = {"access_token": token, "token_type": "Bearer", "expires_in": 100} | here.answer
        writer.write(response(json.dumps(said).encode(), status=here.status, content_type="application/json"))

    async def serve(seen: Seen, writer: asyncio.StreamWriter) -> None:
        good = seen.headers.get("authorization", "").removeprefix("Bearer ") in here.good
        writer.write(response(b"{}" if good else b"no", status="200 OK" if good else "401 Unauthorized"))

    async with serving(serve) as api, serving(give) as tokens:
        here = Bank(api, tokens, answer)
        yield here


@pytest.mark.requirement("H4.1")
async def test_a_token_is_fetched_once_for_all_who_ask_and_again_when_it_is_over() -> None:
    clock = MovableClock()
    async with bank() as here, Stepping(clock=clock) as stepping:
        for result in await asyncio.gather(*(stepping.run(here.config()) for _ in range(5))):
            output_of(result)
        assert here.given == 1
        clock.advance(89)
        output_of(await stepping.run(here.config()))
        assert here.given == 1
        clock.advance(2)
        output_of(await stepping.run(here.config()))
        assert here.given == 2
        output_of(await stepping.run(here.config(scope="other")))
        assert here.given == 3


@pytest.mark.requirement("H4.1")
async def test_a_token_that_is_refused_is_renewed_once() -> None:
    async with bank() as here, Stepping() as stepping:
        output_of(await stepping.run(here.config()))
        here.good = set()
        output_of(await stepping.run(here.config()))
        assert here.given == 2
        here.answer = {"access_token": "never-good-enough"}
        here.good = set()
        result = await stepping.run(here.config())
        assert result.failure is not None
        assert (result.failure.code, result.failure.details["status"], result.retryable) == ("http_status", 401, False)
        assert here.given == 3


async def test_who_has_another_secret_gets_no_kept_token() -> None:
    async with bank() as here, Stepping() as stepping:
        output_of(await stepping.run(here.config()))
        output_of(await stepping.run(here.config(client_secret="guessed")))
        assert here.given == 2


@pytest.mark.parametrize("place", ["header", "body"])
async def test_the_client_proves_itself_in_the_header_or_in_the_form(place: str) -> None:
    async with bank() as here:
        output_of(await run(here.config(credentials_in=place, scope="read write", audience="https://a.example/")))
        seen = here.tokens.seen[0]
    form = {name: values[0] for name, values in parse_qs(seen.body.decode()).items()}
    expected = {"grant_type": "client_credentials", "scope": "read write", "audience": "https://a.example/"}
    if place == "body":
        assert form == {**expected, "client_id": "me", "client_secret": SECRET}
        assert "authorization" not in seen.headers
    else:
        assert form == expected
        pair = base64.b64decode(seen.headers["authorization"].removeprefix("Basic ")).decode()
        assert pair == "me:s3cret%2B%26value"
    assert seen.method == "POST"
    assert "idempotency-key" not in seen.headers


@pytest.mark.requirement("H4.1")
@pytest.mark.parametrize(
    ("status", "answer", "code", "retryable"),
    [
        ("401 Unauthorized", {"error": "invalid_client"}, "token_refused", False),
        ("400 Bad Request", {"error": f"<{SECRET}>"}, "token_refused", False),
        ("302 Found", {}, "token_refused", False),
        ("503 Service Unavailable", {}, "token_unavailable", True),
        ("429 Too Many Requests", {}, "token_unavailable", True),
        ("200 OK", {"access_token": None}, "token_unavailable", True),
        ("200 OK", {"access_token": "a\r\nX: y"}, "token_unavailable", True),
        ("200 OK", {"token_type": "mac"}, "token_refused", False),
    ],
)
async def test_a_token_server_that_gives_none_is_a_failure_of_its_own(
    status: str, answer: dict[str, Any], code: str, retryable: bool
) -> None:
    async with bank(**answer) as here:
        here.status = status
        result = await run(here.config(client_secret="${KEY}"), context=knowing(secrets={"KEY": SECRET}))
        assert here.api.seen == []
    assert result.failure is not None
    assert (result.failure.code, result.retryable) == (code, retryable)
    assert ("invalid_client" in result.failure.message) == (answer == {"error": "invalid_client"})
    assert SECRET not in repr(result)


@pytest.mark.parametrize("lifetime", [None, "100", "soon", 0, -5, 1e400, [], True])
async def test_a_lifetime_of_any_kind_does_no_harm(lifetime: Any) -> None:
    async with bank(expires_in=lifetime if lifetime != 1e400 else 1 << 4_000) as here, Stepping() as stepping:
        for _ in range(2):
            output_of(await stepping.run(here.config()))


async def test_a_silent_token_server_is_waited_for_no_longer_than_the_step_says() -> None:
    async def silent(_seen: Seen, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with serving(silent) as tokens, Stepping() as stepping:
        auth = {"type": "oauth2", "token_url": tokens.url(), "client_id": "me", "client_secret": SECRET}
        config = {"url": "http://127.0.0.1:1/", "auth": auth, "timeout_seconds": 0.3}
        async with asyncio.timeout(5):
            results = await asyncio.gather(*(stepping.run(config) for _ in range(3)))
    for result in results:
        assert result.failure is not None
        assert (result.failure.code, result.retryable) == ("token_unavailable", True)


async def test_who_is_cancelled_while_fetching_leaves_the_fetch_to_the_next() -> None:
    async with bank() as here, Stepping() as stepping:
        first = asyncio.create_task(stepping.run(here.config()))
        await asyncio.sleep(0.01)
        second = asyncio.create_task(stepping.run(here.config()))
        await asyncio.sleep(0)
        first.cancel()
        output_of(await second)


@pytest.mark.requirement("H4.6")
async def test_the_guard_is_asked_for_the_token_server_and_its_redirects_are_not_followed() -> None:
    async with bank() as here:
        result = await run(here.config(token_url="http://169.254.169.254/token"))
        assert result.failure is not None
        assert result.failure.code == "address_refused"
        async with serving(redirecting(here.tokens.url())) as elsewhere:
            result = await run(here.config(token_url=elsewhere.url()))
        assert result.failure is not None
        assert (result.failure.code, here.tokens.seen) == ("token_refused", [])


async def test_a_token_comes_back_in_no_output() -> None:
    async def echo(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(json.dumps(seen.headers).encode(), content_type="application/json"))

    async with bank() as here, serving(echo) as web:
        result = await run({**here.config(), "url": web.url()})
    assert set(output_of(result)["body"]["authorization"].removeprefix("Bearer ")) == {"*"}
