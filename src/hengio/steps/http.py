"""The http step: one request, its authentication, and what came of it (H4.1)."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from hengio import codec
from hengio.clock import Clock
from hengio.codec import Raw
from hengio.definition.configs import HttpConfig, OAuth2Auth
from hengio.errors import HengioError, NotFound
from hengio.model.outcome import Failure
from hengio.steps.outcome import failed
from hengio.steps.protocol import StepRequest, StepResult
from hengio.steps.rehearsal import Rehearsal
from hengio.steps.web import answer
from hengio.steps.web.mask import Mask
from hengio.steps.web.plan import Plan, authorized, configured, credentials, planned
from hengio.targets.guard import Guard
from hengio.targets.http.client import Bounds, HttpClient
from hengio.targets.http.guarded import Guarded
from hengio.targets.http.message import READS, HttpFailed, LeftAlone, Misled, Request, Response, TooLarge, TooLate
from hengio.targets.http.redirect import MOST
from hengio.targets.http.target import HttpTarget, HttpTargets
from hengio.targets.http.tokens import Tokens
from hengio.targets.secrets import HIDDEN

TIMEOUT_SECONDS = 60.0
RESERVE = 0.25
"""Seconds before the step's own limit at which a request ends, at most: then the step tells what it waited for."""
_LARGE = 1 << 20
"""Bytes of a body that is read in a thread."""


_FAULTS: dict[type[HttpFailed], tuple[str, bool]] = {
    TooLarge: ("too_large", False),
    Misled: ("bad_redirect", False),
    LeftAlone: ("circuit_open", True),
    TooLate: ("timed_out", True),
}
"""The code of a step's failure, and whether trying again may help."""


class HttpStep:
    """Sends a job's request to where the network guard allows. Its output is status, headers and body."""

    def __init__(
        self, client: HttpClient, *, guard: Guard, tokens: Tokens, connections: HttpTargets, clock: Clock
    ) -> None:
        self._client = client
        self._guard = guard
        self._tokens = tokens
        self._connections = connections
        self._clock = clock

    async def run(self, request: StepRequest) -> StepResult:
        mask = Mask(request.context, request.mask)
        try:
            config = configured(request.step.config, request.context)
            mask.add(credentials(config.auth))
            target = await self._target(config)
            if target is not None:
                mask.add([*credentials(target.auth), *(value for _, value in target.headers)])
            plan = planned(config, target, key=request.key)
            if request.rehearsal is not None and config.method not in READS:
                return await self._rehearsed(plan, config, request, request.rehearsal, mask)
            response = await self._response(plan, config, request.timeout_seconds, mask)
            return await self._result(response, config, mask)
        except HttpFailed as error:
            return mask.result(_fault(error))
        except HengioError as error:
            return mask.result(failed(error))

    async def _target(self, config: HttpConfig) -> HttpTarget | None:
        if config.connection is None:
            return None
        target = await self._connections.find(config.connection)
        if target is None:
            raise NotFound(f"there is no HTTP connection '{config.connection}'")
        return target

    async def _response(self, plan: Plan, config: HttpConfig, left: float | None, mask: Mask) -> Response:
        """The response; after a 401 that of a second request, if another token can be had for it."""
        end = self._clock.monotonic() + _seconds(config.timeout_seconds, left)
        token = await self._token(plan, end, mask)
        response = await self._sent(plan, config, token, end, mask)
        if response.status == 401 and isinstance(plan.auth, OAuth2Auth):
            another = await self._token(plan, end, mask, refused=token)
            if another != token:
                return await self._sent(plan, config, another, end, mask)
        return response

    async def _sent(self, plan: Plan, config: HttpConfig, token: str, end: float, mask: Mask) -> Response:
        bounds = Bounds(
            seconds=self._left(end),
            body_bytes=config.max_response_bytes,
            redirects=MOST if config.follow_redirects else 0,
        )
        request = _private(authorized(plan.request, plan.auth, token), mask)
        return await self._client.send(request, permit=Guarded(self._guard, named=plan.named), bounds=bounds)

    async def _token(self, plan: Plan, end: float, mask: Mask, *, refused: str | None = None) -> str:
        """The access token, if the authentication needs one; the mask learns it."""
        if not isinstance(plan.auth, OAuth2Auth):
            return ""
        permit = Guarded(self._guard, named=plan.named)
        token = await self._tokens.token(plan.auth, permit=permit, seconds=self._left(end), refused=refused)
        mask.add([token])
        return token

    def _left(self, end: float) -> float:
        return max(0.0, end - self._clock.monotonic())

    async def _result(self, response: Response, config: HttpConfig, mask: Mask) -> StepResult:
        if not answer.succeeds(config, response.status):
            return answer.unsuccessful(response, method=config.method, mask=mask, clock=self._clock)

        def read() -> Raw:
            return mask.output(answer.output(response))

        output = await asyncio.to_thread(read) if len(response.body) > _LARGE else read()
        return StepResult(output=output, detail={"status": response.status, "bytes": len(response.body)})

    async def _rehearsed(
        self, plan: Plan, config: HttpConfig, asked: StepRequest, rehearsal: Rehearsal, mask: Mask
    ) -> StepResult:
        """The request is noted instead of sent; where it would go to is looked up, so that the guard has its say."""
        url = plan.request.url
        await self._guard.addresses(url.host, url.port, named=url.origin in plan.named)
        request = _private(authorized(plan.request, plan.auth, ""), mask)
        body = mask.text(request.body.decode(errors="replace"))
        what: dict[str, Any] = {
            "method": request.method,
            "url": mask.text(str(url)),
            "headers": {name: HIDDEN if name in request.private else value for name, value in request.headers},
            "body": body[: answer.SHOWN] + ("…" if len(body) > answer.SHOWN else "") if request.body else None,
        }
        rehearsal.note("http", step_id=asked.step.id, visit=asked.visit, attempt=asked.attempt, what=what)
        output = {"status": answer.first_success(config), "headers": {}, "body": None}
        return StepResult(output=Raw(codec.encode(output)))


def _private(request: Request, mask: Mask) -> Request:
    """The request, whose headers with a sensitive value in them go to no other origin."""
    held = {name for name, value in request.headers if mask.holds(value)}
    return msgspec.structs.replace(request, private=request.private | held)


def _seconds(asked: float | None, left: float | None) -> float:
    """How long everything may take, a new token included."""
    limit = TIMEOUT_SECONDS if asked is None else asked
    return limit if left is None else min(limit, left - min(RESERVE, left / 20))


def _fault(error: HttpFailed) -> StepResult:
    code, retryable = _FAULTS.get(type(error), ("unavailable", True))
    details = {"hint": error.hint} if error.hint else None
    kind = code if isinstance(error, TooLate) else "failed"
    return StepResult(kind=kind, failure=Failure(code, error.message, details=details), retryable=retryable)
