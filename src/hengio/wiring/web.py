"""HTTP steps, the network guard and the circuits, from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hengio.clock import Clock
from hengio.model.circuit import Circuit
from hengio.settings import Settings
from hengio.steps.http import HttpStep
from hengio.targets.breaker import BreakerPolicy, Breakers
from hengio.targets.guard import Guard
from hengio.targets.http.client import HttpClient
from hengio.targets.http.target import HttpTarget, HttpTargets, http_target
from hengio.targets.http.tokens import Tokens
from hengio.vault.book import Typed
from hengio.vault.known import Known
from hengio.wiring.vault import given_connections


def open_guard(settings: Settings) -> Guard:
    """The network guard. `Refused` for an entry of its setting that means nothing."""
    return Guard(settings.network.allow)


def open_breakers(settings: Settings, clock: Clock, *, on_change: Callable[[Circuit], None]) -> Breakers:
    """The circuits that all parts of a process share."""
    chosen = settings.circuits
    policy = BreakerPolicy(failures=chosen.failures, open_seconds=chosen.open_seconds)
    return Breakers(clock, policy, on_change=on_change)


def open_http_targets(settings: Settings, known: Known) -> HttpTargets:
    """The connections that are HTTP servers, as they are when one is asked for. `Refused` for one of the settings that
    can be none."""
    for name, given in given_connections(settings).items():
        if given.type == "http":
            http_target(name, given.document)
    return LiveHttpTargets(known.connections.typed("http", lambda one: http_target(one.name, one.document)))


class LiveHttpTargets:
    """`HttpTargets` of what a process knows of connections now."""

    def __init__(self, typed: Typed[HttpTarget]) -> None:
        self._typed = typed

    async def find(self, name: str) -> HttpTarget | None:
        return self._typed.find(name)


@asynccontextmanager
async def open_http_step(
    *, guard: Guard, breakers: Breakers, connections: HttpTargets, clock: Clock
) -> AsyncIterator[HttpStep]:
    """The step type. Its connections to servers are not those of guests, and end with it."""
    client = HttpClient(breakers=breakers)
    try:
        tokens = Tokens(client, clock)
        yield HttpStep(client, guard=guard, tokens=tokens, connections=connections, clock=clock)
    finally:
        await client.close()
