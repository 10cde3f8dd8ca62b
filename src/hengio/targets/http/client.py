"""The HTTP client: resolve, check, connect to what was checked; redirects by hand, each hop allowed anew.

httpx does the talking, through a transport for each checked (host, address, port): a connection made for one host is
never used for another. Environment proxies, `.netrc` and cookies do not exist on this path.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

import httpx
from msgspec import Struct

from hengio.clock import SystemClock
from hengio.errors import Refused, Unavailable
from hengio.internet import plain
from hengio.targets.breaker import Breakers, CircuitOpen
from hengio.targets.http import excess, redirect, unpack
from hengio.targets.http.message import HttpFailed, LeftAlone, Misled, Request, Response, TooLarge, TooLate
from hengio.targets.names import Resolve, resolved
from hengio.url import Address, Url, literal

MOST_LINES = 64
_KEEP = httpx.Limits(max_connections=16, max_keepalive_connections=4, keepalive_expiry=15.0)
_AGENT = "hengio"

_AWAY = frozenset({502, 503, 504})
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})
"""Statuses by which a server, or the one before it, says that it can not serve now."""
PATIENCE = 1.0
"""Seconds that a server must have been given before its silence says something of it: a caller in a hurry can not keep
others from it."""


class Permit(Protocol):
    """Who may go where. Both raise what their owner wants to catch."""

    def hop(self, method: str, url: Url) -> None:
        """Called before anything is done for a request, the first and every redirected one."""
        ...

    def address(self, method: str, url: Url, address: Address) -> None:
        """Called for the address that would be connected to."""
        ...


class Bounds(Struct, frozen=True, kw_only=True):
    """`seconds` for everything together, redirects included; `body_bytes` of an unpacked response; so many `redirects`
    are followed, and with none of them a response that redirects is the last."""

    seconds: float
    body_bytes: int = 16 << 20
    redirects: int = redirect.MOST


class HttpClient:
    """Sends requests; safe to use from many tasks of one event loop. Without `breakers` it has circuits of its own."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        breakers: Breakers | None = None,
    ) -> None:
        self._tls = tls
        self._resolve = resolve or resolved
        self._breakers = breakers or Breakers(SystemClock())
        self._lines: OrderedDict[tuple[str, str, str, int], _Line] = OrderedDict()

    async def send(self, request: Request, *, permit: Permit, bounds: Bounds) -> Response:
        """The last response of a chain of redirects. Raises `HttpFailed` and what `permit` raises."""
        end = asyncio.get_running_loop().time() + bounds.seconds
        sent = False
        try:
            for _ in range(bounds.redirects + 1):
                permit.hop(request.method, request.url)
                async with _by(end, bounds):
                    addresses = await self._addresses(request, permit)
                response = await self._asked(request, addresses, bounds, end)
                sent = True
                following = _following(request, response) if bounds.redirects else None
                if following is None:
                    return response
                request = following
        except HttpFailed as error:
            error.sent = error.sent or sent
            raise
        raise Misled(f"more than {bounds.redirects} redirects", sent=True)

    async def close(self) -> None:
        """End every connection."""
        while self._lines:
            await self._lines.popitem()[1].transport.aclose()

    async def _addresses(self, request: Request, permit: Permit) -> list[Address]:
        """The host's addresses, if all of them may be reached: a name server's answer can not mix good and bad."""
        url = request.url
        known = literal(url.host)
        try:
            addresses = [known] if known is not None else await self._resolve(url.host, url.port)
        except Unavailable as error:
            raise HttpFailed(f"{error.message}: {url.host}", sent=False) from error
        if not addresses:
            raise HttpFailed(f"the host {url.host} has no address", sent=False)
        for address in addresses:
            permit.address(request.method, url, plain(address))
        return addresses

    async def _asked(self, request: Request, addresses: list[Address], bounds: Bounds, end: float) -> Response:
        """One exchange within the server's circuit (H5.5)."""
        patient = end - asyncio.get_running_loop().time() >= PATIENCE
        try:
            with self._breakers.asking(target(request.url)) as asked:
                try:
                    async with _by(end, bounds):
                        response = await self._exchange(request, addresses, bounds)
                except TooLate as error:
                    asked.unavailable(error.message) if patient else asked.unknown()
                    raise
                except TooLarge:
                    raise
                except HttpFailed as error:
                    asked.unavailable(error.message)
                    raise
                if response.status in _AWAY:
                    asked.unavailable(f"it answered {response.status}")
                return response
        except CircuitOpen as error:
            raise LeftAlone(error.message, sent=False, hint=error.hint) from None

    async def _exchange(self, request: Request, addresses: list[Address], bounds: Bounds) -> Response:
        """At the first of the addresses that accepts a connection; each is given its share of the time for that."""
        share = bounds.seconds / len(addresses)
        for address in addresses[:-1]:
            try:
                return await self._at(request, address, bounds, connect=share)
            except HttpFailed as error:
                if error.sent:
                    raise
        return await self._at(request, addresses[-1], bounds, connect=share)

    async def _at(self, request: Request, address: Address, bounds: Bounds, *, connect: float) -> Response:
        async with self._line(request.url, address) as transport:
            try:
                answer = await transport.handle_async_request(_wire(request, address, bounds.seconds, connect))
                try:
                    response = await _read(answer, request, bounds)
                    if not await excess.ended(transport, answer) and not _bodiless(response, request):
                        raise HttpFailed("the server sent more than it said it would", sent=True)
                    return response
                finally:
                    await answer.aclose()
            except httpx.ConnectTimeout:
                raise TooLate("the server does not accept a connection", sent=False) from None
            except httpx.TimeoutException:
                raise TooLate("the server took too long", sent=True) from None
            except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
                raise HttpFailed(_words(error, request.url), sent=not isinstance(error, httpx.ConnectError)) from None

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
    assert isinstance(answer.stream, httpx.AsyncByteStream)
    body = await unpack.read(aiter(answer.stream), encoding=coding, limit=bounds.body_bytes)
    return Response(status=answer.status_code, headers=headers, body=body, url=request.url)


def _bodiless(response: Response, request: Request) -> bool:
    """Whether the response has no body whatever it says (RFC 9112, 6.3); many a server sends one nevertheless."""
    return request.method == "HEAD" or response.status in {204, 304}


def target(url: Url) -> str:
    """What a server's circuit is called."""
    return f"http {f'[{url.host}]' if ':' in url.host else url.host}:{url.port}"


def _following(request: Request, response: Response) -> Request | None:
    location = next((value for name, value in response.headers if name == "location"), None)
    try:
        return redirect.followed(request, response.status, location)
    except (Refused, ValueError) as error:  # urljoin can not read everything
        reason = f": {error.message}" if isinstance(error, Refused) else ""
        raise Misled(f"a redirect leads nowhere{reason}", sent=True) from None


@asynccontextmanager
async def _by(end: float, bounds: Bounds) -> AsyncIterator[None]:
    """What is inside ends by then (the event loop's time), or `TooLate` is raised."""
    try:
        async with asyncio.timeout_at(end):
            yield
    except TimeoutError:
        raise TooLate(f"no complete response within {bounds.seconds:.3g} s", sent=True) from None


def _wire(request: Request, address: Address, seconds: float, connect: float) -> httpx.Request:
    """The request as it goes out: to the checked address, in the name of the host."""
    url = request.url
    host = f"[{address}]" if address.version == 6 else str(address)
    target = (url.path + ("" if url.query is None else f"?{url.query}")).encode()
    headers = [("host", url.origin.partition("://")[2]), ("user-agent", _AGENT), ("accept-encoding", unpack.ACCEPTED)]
    given = {name.lower() for name, _ in request.headers}
    headers = [pair for pair in headers if pair[0] not in given - {"host"}]
    extensions = {
        "timeout": {"connect": connect, **dict.fromkeys(("read", "write", "pool"), seconds)},
        "sni_hostname": url.host,
        "target": target,
    }
    return httpx.Request(
        request.method,
        f"{url.scheme}://{host}:{url.port}/",
        headers=[(name.encode(), value.encode()) for name, value in (*headers, *request.headers)],
        content=request.body or None,
        extensions=extensions,
    )


def _words(error: Exception, url: Url) -> str:
    """What happened, without what was sent: messages of libraries may quote it."""
    match error:
        case httpx.ConnectError():
            return f"the server {target(url).removeprefix('http ')} cannot be reached{_tls(error)}"
        case httpx.ProtocolError():
            return "the server does not speak HTTP as it should"
        case _:
            return "the connection broke"


def _tls(error: BaseException | None) -> str:
    """What was wrong with TLS, if anything."""
    while error is not None:
        if "CERTIFICATE_VERIFY_FAILED" in str(error).upper():
            return ": its certificate is not valid"
        if isinstance(error, ssl.SSLError):
            return f": it does not agree on TLS{' (is it http://?)' if error.reason in _NO_TLS else ''}"
        error = error.__cause__ or error.__context__
    return ""
