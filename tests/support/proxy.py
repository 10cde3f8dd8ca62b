"""A TCP proxy on loopback that can be cut: to those who connect through it, the server behind it is away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Proxy:
    """Forwards `port` of 127.0.0.1 to another address."""

    def __init__(self, host: str, port: int) -> None:
        self._behind = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self.port = 0
        self.pieces = 0
        """How many pieces went through it, either way."""

    def swallow(self) -> None:
        """Keep every connection open and pass nothing on, as a network does that drops packets."""
        self._flowing.clear()

    async def restore(self) -> None:
        """Accept connections, on the same port as before."""
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Drop every connection and accept none."""
        self._flowing.set()
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()
        if self._served:
            await asyncio.wait(self._served)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.add(task)
        try:
            behind_reader, behind_writer = await asyncio.open_connection(*self._behind)
            pair = {writer, behind_writer}
            self._writers |= pair
            try:
                await asyncio.gather(self._pump(reader, behind_writer), self._pump(behind_reader, writer))
            finally:
                self._writers -= pair
                behind_writer.transport.abort()
        finally:
            writer.transport.abort()
            self._served.discard(task)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                await self._flowing.wait()
                self.pieces += 1
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    """A proxy to that address, open."""
    proxy = Proxy(host, port)
    await proxy.restore()
    try:
        yield proxy
    finally:
        await proxy.cut()
