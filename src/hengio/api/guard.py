"""The guard: before an endpoint runs, or its body is read, it is known who asks and whether they may (H8.3, H8.5).

Somebody is known by a bearer token or by a cookie. What a browser sends by itself proves nobody's will: a request that
changes something and is known by its cookie also has the session's CSRF token, and comes from this site.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, assert_never
from urllib.parse import urlsplit

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from hengio.access.permissions import Caller
from hengio.api import problems
from hengio.api.body import Body
from hengio.api.table import TABLE, Endpoint, Known, Needs, Open
from hengio.errors import Forbidden, HengioError, NotFound, TooLarge, Unauthenticated, Unsupported
from hengio.service.denials import Denials
from hengio.service.login import NOBODY, LoginService, csrf

CSRF_HEADER = "x-csrf-token"
_SAFE = frozenset({"GET", "HEAD"})
_BEARER = "bearer "


def caller(request: Request) -> Caller:
    """Who asks: in an endpoint that is not open."""
    found = request.state.caller
    assert isinstance(found, Caller)
    return found


def address(request: Request) -> str:
    """Where a request comes from."""
    return request.client.host if request.client else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Admits requests to endpoints. `cookie` is what the session's cookie is called, `public_url` what this site is
    reached by, if that is set."""

    logins: LoginService
    denials: Denials
    cookie: str
    public_url: str | None

    async def admit(self, request: Request, endpoint: Endpoint) -> None:
        """Put the caller into `request.state`, or raise `Unauthenticated`, `Forbidden` or `NotFound`."""
        match endpoint.access:
            case Open():
                return
            case Known():
                request.state.caller = await self._known(request)
            case Needs(permission=permission, sees=sees):
                request.state.caller = who = await self._known(request)
                if sees is not None and not who.may(sees):
                    await self._deny(who, endpoint, sees)
                    raise NotFound("there is nothing here")
                if not who.may(permission):
                    await self._deny(who, endpoint, permission)
                    raise Forbidden(f"this needs the permission {permission}")
            case other:
                assert_never(other)

    def route(self) -> type[APIRoute]:
        """What makes the application's routes: each looks its row up once, and asks the guard before a body is read."""
        guard = self

        class Guarded(APIRoute):
            def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
                answer = super().get_route_handler()
                rows = {method: _row(method, self.path) for method in self.methods or ()}

                async def guarded(request: Request) -> Response:
                    endpoint = rows[request.method]
                    try:
                        await guard.admit(request, endpoint)
                        return await answer(await _with_body(request, endpoint))
                    except (HengioError, HTTPException, RequestValidationError):
                        raise
                    except ClientDisconnect:
                        return Response(status_code=400)
                    except Exception as error:  # noqa: BLE001 - the outermost: the server's own log would quote it
                        return problems.fault(error)

                return guarded

        return Guarded

    async def _known(self, request: Request) -> Caller:
        """By the header if there is one: who sends a bad token is not taken for who is in the cookie."""
        given = request.headers.getlist("authorization")
        where = address(request)
        if given:
            found = None
            if len(given) == 1 and given[0][: len(_BEARER)].lower() == _BEARER:
                found = await self.logins.of_bearer(given[0][len(_BEARER) :].strip(), address=where)
        else:
            secret = request.cookies.get(self.cookie, "")
            found = await self.logins.of_cookie(secret, address=where) if secret else None
            if found is not None and request.method not in _SAFE:
                self._check_meant(request, secret)
        if found is None:
            raise Unauthenticated(NOBODY)
        return found

    def _check_meant(self, request: Request, secret: str) -> None:
        shown = request.headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(shown.encode(errors="replace"), csrf(secret).encode()):
            raise Forbidden("the CSRF token is missing or of another session", hint=f"send {CSRF_HEADER}")
        origin = request.headers.get("origin")
        if origin is not None and origin != self._origin(request):
            raise Forbidden("this comes from another site")

    def _origin(self, request: Request) -> str:
        if self.public_url is not None:
            parts = urlsplit(self.public_url)
            return f"{parts.scheme}://{parts.netloc}"
        return f"{request.url.scheme}://{request.headers.get('host', '')}"

    async def _deny(self, who: Caller, endpoint: Endpoint, permission: str) -> None:
        await self.denials.tell(who, f"{endpoint.method} {endpoint.path}", permission=permission)


def _row(method: str, path: str) -> Endpoint:
    if (method, path) not in TABLE:
        raise LookupError(f"{method} {path} is not in the table of endpoints (api/table.py)")
    return TABLE[method, path]


async def _with_body(request: Request, endpoint: Endpoint) -> Request:
    """The same request with its body, if that is not too large and is JSON. Raises `TooLarge` and `Unsupported`. Of one
    that only asks nobody waits for a body."""
    if endpoint.most_bytes is None or endpoint.method == "GET":
        return request
    coming = Body(request.scope, request.receive)
    try:
        body = await coming.read(most=endpoint.most_bytes)
    except TooLarge:
        await coming.discard()
        raise
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != "application/json":
        raise Unsupported("a body is JSON here", hint="send Content-Type: application/json")
    sent = False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return Request(request.scope, receive)
