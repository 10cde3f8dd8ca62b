"""HTTP steps on real servers on loopback, their results masked as a worker does."""

from __future__ import annotations

import ssl
from typing import Any

import msgspec

from hengio.clock import Clock, SystemClock
from hengio.definition.context import Context
from hengio.steps.http import HttpStep
from hengio.steps.protocol import StepResult
from hengio.steps.rehearsal import Rehearsal
from hengio.targets.breaker import Breakers
from hengio.targets.guard import Guard
from hengio.targets.http.client import HttpClient
from hengio.targets.http.target import HttpTarget, KnownHttpTargets
from hengio.targets.http.tokens import Tokens
from hengio.targets.names import Resolve
from hengio.vault import masks
from hengio.worker import masking
from tests.support.steps import step_request

LOOPBACK = ("127.0.0.0/8",)


class Stepping:
    """An HTTP step with everything around it, allowed to reach loopback unless told otherwise."""

    def __init__(
        self,
        *,
        allow: tuple[str, ...] = LOOPBACK,
        connections: dict[str, HttpTarget] | None = None,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve | None = None,
        breakers: Breakers | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or SystemClock()
        self.client = HttpClient(tls=tls, resolve=resolve, breakers=breakers)
        self.step = HttpStep(
            self.client,
            guard=Guard(allow, resolve=resolve),
            tokens=Tokens(self.client, clock),
            connections=KnownHttpTargets(connections or {}),
            clock=clock,
        )

    async def __aenter__(self) -> Stepping:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def run(
        self,
        config: dict[str, Any],
        *,
        context: Context | None = None,
        rehearsal: Rehearsal | None = None,
        timeout_seconds: float | None = 10.0,
        attempt: int = 1,
    ) -> StepResult:
        request = step_request("http", config, context=context, attempt=attempt, timeout_seconds=timeout_seconds)
        mask = masks.NONE.of(request.step, request.context)
        request = msgspec.structs.replace(request, rehearsal=rehearsal, mask=mask)
        return await masking.masked(await self.step.run(request), request, mask)


async def run(config: dict[str, Any], *, context: Context | None = None, **options: Any) -> StepResult:
    """One attempt of a step that is there for it alone."""
    given = {name: options.pop(name) for name in ("rehearsal", "timeout_seconds", "attempt") if name in options}
    async with Stepping(**options) as stepping:
        return await stepping.run(config, context=context, **given)


def knowing(*, secrets: dict[str, Any] | None = None, given: Any = None, **variables: Any) -> Context:
    """A context with the input `given` and variables, of which `secrets` are sensitive."""
    hidden = secrets or {}
    return Context(base={"input": given}, admin={**variables, **hidden}, secret_names=frozenset(hidden))
