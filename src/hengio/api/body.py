"""The body of a request, read as far as it is wanted, whatever its length is said to be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from hengio.errors import TooLarge

_MOST_DISCARDED = 8 << 20
_DISCARD_SECONDS = 2.0
_LONGEST_NUMBER = 9


class Body:
    """What comes after the head of a request. It is read once."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._said = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        self._receive = receive
        self._more = True

    async def read(self, *, most: int) -> bytes:
        """All of it, as it came. Raises `TooLarge` as soon as it is known to have more bytes, and `ClientDisconnect`
        where the caller goes away."""
        too_large = TooLarge(f"a body has at most {most} bytes")
        if len(self._said) > _LONGEST_NUMBER or (self._said.isdigit() and int(self._said) > most):
            raise too_large
        parts: list[bytes] = []
        size = 0
        async for part in self._parts():
            size += len(part)
            if size > most:
                raise too_large
            parts.append(part)
        return b"".join(parts)

    async def discard(self) -> None:
        """Let the rest go by, within bounds: who still sends when the connection is closed reads no answer."""
        size = 0
        with suppress(ClientDisconnect, TimeoutError):
            async with asyncio.timeout(_DISCARD_SECONDS):
                async for part in self._parts():
                    size += len(part)
                    if size > _MOST_DISCARDED:
                        return

    async def _parts(self) -> AsyncIterator[bytes]:
        while self._more:
            message = await self._receive()
            self._more = bool(message.get("more_body", False))
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            yield message.get("body", b"")
