"""How a database server is reached: under which name it is spoken of, at which addresses, and with which TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from functools import cached_property

from hengio.definition.server import Server
from hengio.errors import Refused
from hengio.targets import tls
from hengio.url import Address

CONNECT_SECONDS = 10.0
Check = Callable[[str, int], Awaitable[Sequence[Address]]]
"""The addresses of a host that may be connected to (`targets.guard`). Raises `Refused` and `Unavailable`."""


class Reach:
    """The way to one server. With a `check` the connection goes to an address that it allowed, never to the name."""

    connect_seconds = CONNECT_SECONDS

    def __init__(self, server: Server, *, where: str, check: Check | None = None) -> None:
        self._server = server
        self._check = check
        self.where = where

    @property
    def checked(self) -> bool:
        """Whether connections go to addresses that were looked up before."""
        return self._check is not None

    def until(self, latest: float) -> float:
        """By when a connection that is begun now has to be there (the loop's clock)."""
        return min(latest, asyncio.get_running_loop().time() + self.connect_seconds)

    @cached_property
    def context(self) -> ssl.SSLContext | None:
        """Made when first needed, since it reads files."""
        return tls.context(self._server, what=self.where)

    async def addresses(self) -> list[str]:
        """Where to connect to, best first: addresses, or the name itself where nothing is checked."""
        if self._check is None:
            return [self._server.host]
        try:
            return [str(address) for address in await self._check(self._server.host, self._server.port)]
        except Refused as error:
            message = error.message.replace(self._server.host, "its host")
            raise type(error)(f"{self.where}: {message}", hint=error.hint) from None
