"""`POST /api/webhooks/{token}` (H2): an ASGI application of its own, as it is asked more often than all others."""

from __future__ import annotations

import asyncio
from collections import Counter

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from hengio import codec
from hengio.api import problems
from hengio.api.body import Body
from hengio.errors import HengioError
from hengio.service.receiving import Call, Receiver
from hengio.service.webhooks import PATH

BODY_SECONDS = 30.0
"""How long the body of a call may take to arrive."""
_FRESH_SECONDS = 0.05
"""A URL may have ended while a body came that took longer: it is looked up once more."""
_CLOSE = {"connection": "close"}
"""Of a body that nobody reads to its end."""


class WebhookDoor:
    """Answers calls. `results` counts the answers: `accepted`, `existing`, or the code of the error."""

    def __init__(self, receiver: Receiver, *, most_bytes: int, body_seconds: float = BODY_SECONDS) -> None:
        self._receiver = receiver
        self._most_bytes = most_bytes
        self._body_seconds = body_seconds
        self.results: Counter[str] = Counter()

    @property
    def route(self) -> Route:
        """Where it answers, whatever the method."""
        return Route(f"{PATH}{{token}}", endpoint=self)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one call. Nothing of a token, a signature or a body is logged, whatever happens."""
        request, body = Request(scope), Body(scope, receive)
        try:
            result, response = await self._answer(request, body)
        except HengioError as error:
            result, response = error.code, problems.of(error, challenge="Signature")
        except ClientDisconnect:
            self.results["disconnected"] += 1
            return
        except Exception as error:  # noqa: BLE001 - the outermost of the call: the server's own log would quote the error
            result, response = "internal", problems.fault(error)
        self.results[result] += 1
        if result in {"not_found", "too_large"}:
            await body.discard()
            response.headers.update(_CLOSE)
        await response(scope, receive, send)

    async def _answer(self, request: Request, body: Body) -> tuple[str, Response]:
        if request.method != "POST":
            return "method_not_allowed", problems.problem(405, headers={"allow": "POST", **_CLOSE})
        token = request.path_params["token"]
        called, clock = await self._receiver.find(token), asyncio.get_running_loop().time
        began = clock()
        try:
            async with asyncio.timeout(self._body_seconds):
                sent = await body.read(most=self._most_bytes)
        except TimeoutError:
            return "timed_out", problems.problem(408, headers=_CLOSE)
        if clock() - began > _FRESH_SECONDS:
            called = await self._receiver.find(token)
        call = Call(
            headers=[(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw],
            query=request.scope["query_string"].decode("latin-1"),
            body=sent,
            sender=request.client.host if request.client else "",
        )
        receipt = await self._receiver.receive(called, call)
        answer = codec.encode({"execution_id": receipt.execution_id, "existing": receipt.existing})
        return "existing" if receipt.existing else "accepted", Response(answer, 202, media_type="application/json")
