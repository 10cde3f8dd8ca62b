"""Who is connected to the server: how many at once, and for how long without a request (H11)."""

from __future__ import annotations

import asyncio
from typing import Any

from msgspec import Struct
from uvicorn.protocols.http.h11_impl import H11Protocol

from hengio.log import get_logger

log = get_logger("server")
_TELL_SECONDS = 60.0


class Bounds(Struct, frozen=True, kw_only=True):
    """At most so many connections, and so long from a connection's begin, or from an answer, to the next whole head."""

    connections: int
    head_seconds: float


class Callers:
    """The connections of a server, within bounds.

    Where there are as many as there may be, the one that has waited longest without a whole request makes room for the
    next, so that callers who only hold connections keep nobody out. Where all are being answered, the next is closed.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._open: set[Caller] = set()
        self._waiting: dict[Caller, asyncio.TimerHandle] = {}
        self._told: float | None = None

    def protocol(self, **given: Any) -> Caller:
        """What uvicorn makes of each connection."""
        return Caller(self, **given)

    def came(self, caller: Caller) -> bool:
        """Whether there is room for one more, if need be after another one was closed."""
        if len(self._open) >= self._bounds.connections:
            self._tell(caller.loop.time())
            oldest = next(iter(self._waiting), None)
            if oldest is None:
                return False
            oldest.end()
        self._open.add(caller)
        self.waits(caller)
        return True

    def waits(self, caller: Caller) -> None:
        """From now on it has so long for the head of a request."""
        self.asked(caller)
        if caller in self._open:
            self._waiting[caller] = caller.loop.call_later(self._bounds.head_seconds, caller.end)

    def asked(self, caller: Caller) -> None:
        """A whole head is there."""
        if timer := self._waiting.pop(caller, None):
            timer.cancel()

    def left(self, caller: Caller) -> None:
        """The connection is closed."""
        self.asked(caller)
        self._open.discard(caller)

    def _tell(self, now: float) -> None:
        if self._told is None or now - self._told >= _TELL_SECONDS:
            self._told = now
            log.warning("connections_full", most=self._bounds.connections)


class Caller(H11Protocol):
    """One connection. Who sends half a head, or the rest of a body that nobody wants, is not waited for."""

    def __init__(self, callers: Callers, **given: Any) -> None:
        super().__init__(**given)
        self._callers = callers

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if not self._callers.came(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._callers.left(self)

    def handle_events(self) -> None:
        before = self.cycle
        super().handle_events()
        if self.cycle is not before and not self.cycle.response_complete:
            self._callers.asked(self)

    def on_response_complete(self) -> None:
        self._callers.waits(self)
        super().on_response_complete()

    def end(self) -> None:
        """Close it at once, whatever is still to be sent."""
        self._callers.left(self)
        self.transport.abort()
