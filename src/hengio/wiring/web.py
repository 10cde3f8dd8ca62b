"""HTTP steps, the network guard and the circuits, from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from hengio.clock import Clock
from hengio.model.circuit import Circuit
from hengio.settings import Settings
from hengio.steps.http import HttpStep
from hengio.targets.breaker import BreakerPolicy, Breakers
from hengio.targets.connections import HttpTargets, KnownHttpTargets, http_target, is_http
from hengio.targets.guard import Guard
from hengio.targets.http.client import HttpClient
from hengio.targets.http.tokens import Tokens


def open_guard(settings: Settings) -> Guard:
    """The network guard. `Refused` for an entry of its setting that means nothing."""
    return Guard(settings.network.allow)


def open_breakers(settings: Settings, clock: Clock, *, on_change: Callable[[Circuit], None]) -> Breakers:
    """The circuits that all parts of a process share."""
    chosen = settings.circuits
    policy = BreakerPolicy(failures=chosen.failures, open_seconds=chosen.open_seconds)
    return Breakers(clock, policy, on_change=on_change)


def open_http_targets(settings: Settings) -> HttpTargets:
    """The connections of the settings that are HTTP servers. `Refused` for one that can be none."""
    urls = {name: url.get_secret_value() for name, url in settings.connections.items()}
    return KnownHttpTargets({name: http_target(name, url) for name, url in urls.items() if is_http(url)})


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
