"""A small HTTP server on loopback that does what a test tells it, byte for byte."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Seen:
    """A request as it arrived. Header names are in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Handler = Callable[[Seen, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Web:
    """A running server: where it is and what it has seen."""

    port: int
    seen: list[Seen] = field(default_factory=list)

    def url(self, path: str = "/", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


def response(body: bytes = b"", *, status: str = "200 OK", **headers: str) -> bytes:
    """A whole response; `content_type="text/plain"` is the header Content-Type."""
    given = {"content-length": str(len(body)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


@asynccontextmanager
async def serving(handler: Handler, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Web]:
    """Serve on a free port until the block is left, which ends what is still being answered; each connection answers
    one request."""
    web = Web(0)
    answering: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(answer(reader, writer))
        answering.add(task)
        task.add_done_callback(answering.discard)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = head[0].split(" ")
            web.seen.append(Seen(method, target, headers, body))
            await handler(web.seen[-1], writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()
        left = [*answering]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await asyncio.sleep(0)  # for transports to close


def always(data: bytes) -> Handler:
    """Answer every request with these bytes."""

    async def handle(_seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(data)

    return handle


def redirecting(to: str, status: str = "302 Found") -> Handler:
    """Redirect every request there, but for those to `/there`."""

    async def handle(seen: Seen, writer: asyncio.StreamWriter) -> None:
        writer.write(response(b"there") if seen.target == "/there" else response(status=status, location=to))

    return handle
