"""The HTTP client: resolve, check, connect to what was checked; redirects by hand, each hop allowed anew.

httpx does the talking, through a transport for each checked (host, address, port): a connection made for one host is
never used for another. Environment proxies, `.netrc` and cookies do not exist on this path.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx
from msgspec import Struct

from hengio.errors import Refused
from hengio.internet import plain
from hengio.targets.http import redirect, unpack
from hengio.targets.http.message import HttpFailed, Request, Response, TooLate
from hengio.url import Address, Url, literal

MOST_LINES = 64
_KEEP = httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=15.0)
_AGENT = "hengio"

Resolve = Callable[[str, int], Awaitable[list[Address]]]


class Permit(Protocol):
    """Who may go where. Both raise what their owner wants to catch."""

    def hop(self, method: str, url: Url) -> None:
        """Called before anything is done for a request, the first and every redirected one."""
        ...

    def address(self, method: str, url: Url, address: Address) -> None:
        """Called for the address that would be connected to."""
        ...


class Bounds(Struct, frozen=True, kw_only=True):
    """`seconds` for everything together, redirects included; `body_bytes` of an unpacked response."""

    seconds: float
    body_bytes: int = 16 << 20


class HttpClient:
    """Sends requests. One a process; safe to use from many tasks of one event loop."""

    def __init__(self, *, tls: ssl.SSLContext | None = None, resolve: Resolve | None = None) -> None:
        self._tls = tls
        self._resolve = resolve or resolved
        self._lines: OrderedDict[tuple[str, str, str, int], _Line] = OrderedDict()

    async def send(self, request: Request, *, permit: Permit, bounds: Bounds) -> Response:
        """The last response of a chain of at most five redirects. Raises `HttpFailed` and what `permit` raises."""
        sent = False
        try:
            async with asyncio.timeout(bounds.seconds):
                for _ in range(redirect.MOST + 1):
                    permit.hop(request.method, request.url)
                    addresses = await self._addresses(request, permit)
                    sent = True
                    response = await self._exchange(request, addresses, bounds)
                    location = next((value for name, value in response.headers if name == "location"), None)
                    following = redirect.followed(request, response.status, location)
                    if following is None:
                        return response
                    request = following
        except TimeoutError:
            raise TooLate(f"no complete response within {bounds.seconds:.3g} s", sent=sent) from None
        except Refused as error:
            raise HttpFailed(f"a redirect leads nowhere: {error.message}", sent=sent) from error
        raise HttpFailed(f"more than {redirect.MOST} redirects", sent=True)

    async def close(self) -> None:
        """End every connection."""
        while self._lines:
            await self._lines.popitem()[1].transport.aclose()

    async def _addresses(self, request: Request, permit: Permit) -> list[Address]:
        """The host's addresses, if all of them may be reached: a name server's answer can not mix good and bad."""
        url = request.url
        known = literal(url.host)
        addresses = [known] if known is not None else await self._resolve(url.host, url.port)
        if not addresses:
            raise HttpFailed("the host has no address", sent=False)
        for address in addresses:
            permit.address(request.method, url, plain(address))
        return addresses

    async def _exchange(self, request: Request, addresses: list[Address], bounds: Bounds) -> Response:
        """At the first of the addresses that accepts a connection."""
        for address in addresses[:-1]:
            try:
                return await self._at(request, address, bounds)
            except HttpFailed as error:
                if error.sent:
                    raise
        return await self._at(request, addresses[-1], bounds)

    async def _at(self, request: Request, address: Address, bounds: Bounds) -> Response:
        async with self._line(request.url, address) as transport:
            try:
                answer = await transport.handle_async_request(_wire(request, address, bounds.seconds))
                try:
                    return await _read(answer, request, bounds)
                finally:
                    await answer.aclose()
            except httpx.TimeoutException:
                raise TooLate("the server took too long", sent=True) from None
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
                raise HttpFailed(_words(error), sent=not isinstance(error, httpx.ConnectError)) from None

    @asynccontextmanager
    async def _line(self, url: Url, address: Address) -> AsyncIterator[httpx.AsyncHTTPTransport]:
        """The transport for that host at that address; the longest unused ones are closed."""
        key = (url.scheme, url.host, str(address), url.port)
        line = self._lines.pop(key, None)
        if line is None:
            line = _Line(httpx.AsyncHTTPTransport(verify=self._trust(url), limits=_KEEP, trust_env=False))
        self._lines[key] = line
        line.busy += 1
        try:
            yield line.transport
        finally:
            line.busy -= 1
            await self._tidy()

    def _trust(self, url: Url) -> ssl.SSLContext | bool:
        """Which certificates are believed; loaded when first needed, and there are none in the clear."""
        if url.scheme == "http":
            return False
        self._tls = self._tls or httpx.create_ssl_context(trust_env=False)
        return self._tls

    async def _tidy(self) -> None:
        spare = [key for key, line in self._lines.items() if not line.busy][: max(0, len(self._lines) - MOST_LINES)]
        for line in [self._lines.pop(key) for key in spare]:
            await line.transport.aclose()


@dataclass(slots=True)
class _Line:
    """A transport and how many requests are using it."""

    transport: httpx.AsyncHTTPTransport
    busy: int = 0


async def _read(answer: httpx.Response, request: Request, bounds: Bounds) -> Response:
    headers = tuple((name.lower(), value) for name, value in answer.headers.multi_items())
    coding = answer.headers.get("content-encoding", "") if request.method != "HEAD" else ""
    body = await unpack.read(answer.aiter_raw(), encoding=coding, limit=bounds.body_bytes)
    return Response(status=answer.status_code, headers=headers, body=body, url=request.url)


async def resolved(host: str, port: int) -> list[Address]:
    """All addresses of a name, by the system's resolver. Raises `HttpFailed` for one that has none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise HttpFailed("the host's name cannot be resolved", sent=False) from error
    addresses = [literal(str(entry[4][0]).partition("%")[0]) for entry in found]
    return list(dict.fromkeys(address for address in addresses if address is not None))


def _wire(request: Request, address: Address, seconds: float) -> httpx.Request:
    """The request as it goes out: to the checked address, in the name of the host."""
    url = request.url
    host = f"[{address}]" if address.version == 6 else str(address)
    target = (url.path + ("" if url.query is None else f"?{url.query}")).encode()
    headers = [("host", url.origin.partition("://")[2]), ("user-agent", _AGENT), ("accept-encoding", unpack.ACCEPTED)]
    given = {name.lower() for name, _ in request.headers}
    headers = [pair for pair in headers if pair[0] not in given - {"host"}]
    extensions = {
        "timeout": dict.fromkeys(("connect", "read", "write", "pool"), seconds),
        "sni_hostname": url.host,
        "target": target,
    }
    return httpx.Request(
        request.method,
        f"{url.scheme}://{host}:{url.port}/",
        headers=[*headers, *request.headers],
        content=request.body or None,
        extensions=extensions,
    )


def _words(error: Exception) -> str:
    """What happened, without what was sent: messages of libraries may quote it."""
    match error:
        case httpx.ConnectError():
            return "the server cannot be reached" + (": its certificate is not valid" if _tls(error) else "")
        case httpx.ProtocolError():
            return "the server does not speak HTTP as it should"
        case _:
            return "the connection broke"


def _tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError) or "CERTIFICATE" in str(error).upper():
            return True
        error = error.__cause__ or error.__context__
    return False
