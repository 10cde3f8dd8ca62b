"""A request and a response, as plain values."""

from __future__ import annotations

from msgspec import Struct

from hengio.errors import HengioError
from hengio.url import Url

READS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that change nothing (RFC 9110, 9.2.1)."""


class Request(Struct, frozen=True, kw_only=True):
    """`headers` are the sender's; those of the connection itself are added. `private` names (lower case) the headers
    that must not follow a redirect to another origin."""

    method: str
    url: Url
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    private: frozenset[str] = frozenset()


class Response(Struct, frozen=True, kw_only=True):
    """Header names are in lower case. `body` is decompressed."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    url: Url


class HttpFailed(HengioError):
    """No usable response. `sent` is true once the request, or one that was redirected to it, may have reached a server.

    Trying again may help, but for `TooLarge` and `Misled`."""

    code = "unavailable"

    def __init__(self, message: str, *, sent: bool, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.sent = sent


class LeftAlone(HttpFailed):
    """The server failed so often that it is left alone for now; this request was not sent to it."""

    code = "circuit_open"


class Misled(HttpFailed):
    """Redirects lead nowhere: to no acceptable URL, or round and round."""

    code = "bad_redirect"


class TooLarge(HttpFailed):
    """The response, or what it unpacks to, is over its limit."""

    code = "limit_exceeded"


class TooLate(HttpFailed):
    """The time was over before the response was complete."""

    code = "deadline"
