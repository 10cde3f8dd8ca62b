"""OAuth 2 access tokens of clients: fetched with their own credentials, kept until they expire (RFC 6749, 4.4)."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
from collections import OrderedDict
from typing import Any
from urllib.parse import quote_plus, urlencode

from msgspec import Struct

from hengio import codec
from hengio import url as urls
from hengio.clock import Clock
from hengio.codec import InvalidJson
from hengio.definition import headers as fields
from hengio.definition.configs import OAuth2Auth
from hengio.errors import Refused, Unavailable
from hengio.targets.http.client import Bounds, HttpClient, Permit
from hengio.targets.http.message import HttpFailed, Request, Response

MOST_TOKENS = 1_000
LIFETIME = 300.0
"""Seconds that a token is kept whose server does not say for how long it is good."""
LONGEST = 86_400.0
EARLY = 30.0
"""Seconds before its end at which a token is replaced; of a short life, a tenth."""
ANSWER_BYTES = 256 << 10
_ERROR = re.compile(r"[a-z_]{1,40}")
_LATER = frozenset({408, 425, 429})


class TokenRefused(Refused):
    """The token server gives this client no token."""

    code = "token_refused"


class TokenUnavailable(Unavailable):
    """The token server gives no usable answer now."""

    code = "token_unavailable"


class _Kept(Struct):
    """A token and until when (monotonic seconds); `lock` is held by whoever fetches the next."""

    lock: asyncio.Lock
    token: str = ""
    until: float = 0.0
    waiting: int = 0


class Tokens:
    """The tokens of this process, each fetched once however many ask for it at the same time. Never printed."""

    def __init__(self, client: HttpClient, clock: Clock) -> None:
        self._client = client
        self._clock = clock
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def token(self, auth: OAuth2Auth, *, permit: Permit, seconds: float, refused: str | None = None) -> str:
        """A token for these credentials: the kept one, unless it is over or is the one that was `refused`.

        Raises `TokenRefused`, `TokenUnavailable` (also when `seconds` are over), and what `permit` raises.
        """
        end = self._clock.monotonic() + seconds
        kept = self._entry(_key(auth))
        kept.waiting += 1
        try:
            async with asyncio.timeout(seconds):
                await kept.lock.acquire()
        except TimeoutError:
            raise TokenUnavailable("no token came within the time of the step") from None
        finally:
            kept.waiting -= 1
        try:
            if not kept.token or kept.token == refused or self._clock.monotonic() >= kept.until:
                kept.token = ""
                left = max(0.0, end - self._clock.monotonic())
                kept.token, kept.until = await self._fetch(auth, permit, left)
            return kept.token
        finally:
            kept.lock.release()

    def _entry(self, key: str) -> _Kept:
        """What is kept under the key; the longest unused leaves when there are too many."""
        kept = self._kept.pop(key, None) or _Kept(asyncio.Lock())
        self._kept[key] = kept
        if len(self._kept) > MOST_TOKENS:
            idle = (other for other, each in self._kept.items() if not (each.waiting or each.lock.locked()))
            self._kept.pop(next((other for other in idle if other != key), key))
        return kept

    async def _fetch(self, auth: OAuth2Auth, permit: Permit, seconds: float) -> tuple[str, float]:
        asked_at = self._clock.monotonic()
        bounds = Bounds(seconds=seconds, body_bytes=ANSWER_BYTES, redirects=0)
        try:
            response = await self._client.send(_request(auth), permit=permit, bounds=bounds)
        except HttpFailed as error:
            raise TokenUnavailable(f"the token server: {error.message}", hint=error.hint) from None
        token, lifetime = _read(response)
        return token, asked_at + lifetime - min(EARLY, lifetime / 10)


def _key(auth: OAuth2Auth) -> str:
    """Equal for equal credentials only: who has another secret gets no token by the name of the client."""
    return hashlib.sha256(codec.encode(auth)).hexdigest()


def _request(auth: OAuth2Auth) -> Request:
    form = {"grant_type": "client_credentials", "scope": auth.scope, "audience": auth.audience}
    headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    if auth.credentials_in == "body":
        form |= {"client_id": auth.client_id, "client_secret": auth.client_secret}
    else:  # RFC 6749, 2.3.1: both are form-encoded first
        pair = f"{quote_plus(auth.client_id)}:{quote_plus(auth.client_secret)}"
        headers.append(("authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"))
    body = urlencode({name: value for name, value in form.items() if value is not None}).encode()
    return Request(method="POST", url=urls.parse(auth.token_url), headers=tuple(headers), body=body)


def _read(response: Response) -> tuple[str, float]:
    """The token and its lifetime in seconds (RFC 6749, 5.1 and 5.2). Nothing else of the answer is repeated."""
    try:
        answer = codec.decode(response.body)
    except InvalidJson:
        answer = None
    found: dict[str, Any] = answer if isinstance(answer, dict) else {}
    if response.status != 200:
        raise _refusal(response.status, found)
    token, kind = found.get("access_token"), found.get("token_type", "bearer")
    if not isinstance(token, str) or not token or not fields.acceptable("authorization", f"Bearer {token}"):
        raise TokenUnavailable("the token server answers without a token")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise TokenRefused("the token server gives tokens of another type than bearer")
    return token, _lifetime(found.get("expires_in"))


def _refusal(status: int, found: dict[str, Any]) -> TokenRefused | TokenUnavailable:
    error = found.get("error")
    word = f" ({error})" if isinstance(error, str) and _ERROR.fullmatch(error) else ""
    if status >= 500 or status in _LATER:
        return TokenUnavailable(f"the token server answers {status}{word}")
    hint = "look at client_id, client_secret, scope and token_url; some servers want credentials_in: body"
    return TokenRefused(f"the token server answers {status}{word}", hint=hint)


def _lifetime(given: Any) -> float:
    try:
        seconds = float(given) if isinstance(given, (int, float, str)) else LIFETIME
    except (ValueError, OverflowError):
        return LIFETIME
    return min(seconds, LONGEST) if seconds > 0 else 0.0
