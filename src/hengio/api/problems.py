"""Errors over HTTP: one table from `hengio.errors` to statuses, and `application/problem+json` (RFC 9457).

`code` is stable and tells the reader's program which error it is. What is ours to mend is told by its code alone: its
message may name files and servers, and belongs in the log.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from http import HTTPStatus

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from hengio import codec
from hengio.errors import (
    Conflict,
    Corrupt,
    Forbidden,
    HengioError,
    Limited,
    NotFound,
    Problem,
    Refused,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from hengio.log import get_logger, place

log = get_logger("api")

STATUSES: dict[type[HengioError], int] = {
    Refused: 400,
    TooLarge: 413,
    Unsupported: 415,
    Unauthenticated: 401,
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Limited: 429,
    Corrupt: 500,
    Unavailable: 503,
    HengioError: 500,
}
_CODES = {404: "not_found", 405: "method_not_allowed", 408: "timed_out", 500: "internal"}
MEDIA_TYPE = "application/problem+json"


def status_of(error: HengioError) -> int:
    """That of its class, or of the nearest class above it that has one."""
    return next(STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES)


def of(error: HengioError, *, challenge: str = "Bearer") -> Response:
    """The answer to who met the error. `challenge` is how somebody would become known (RFC 9110, 11.6.1)."""
    status = status_of(error)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request_failed", code=error.code, error=error.message)
        return problem(status, code=error.code)
    told = {"detail": error.message, "hint": error.hint, "problems": [asdict(one) for one in error.problems]}
    headers = {"www-authenticate": challenge} if status == HTTPStatus.UNAUTHORIZED else {}
    if isinstance(error, Limited):
        headers["retry-after"] = str(math.ceil(error.retry_after_seconds))
    return problem(status, code=error.code, headers=headers, **told)


def fault(error: Exception) -> Response:
    """The answer to who met a fault of ours, which the log tells by its kind and place: its text may quote anything."""
    log.error("request_fault", kind=type(error).__name__, place=place(error).strip())
    return problem(500)


def problem(status: int, *, code: str = "", headers: dict[str, str] | None = None, **told: object) -> Response:
    """A problem of that status. Members that are empty are left out."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code or _CODES.get(status, "refused"),
        **{name: value for name, value in told.items() if value},
    }
    return Response(codec.encode(document), status_code=status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Let the application answer so whatever its routes raise, and for addresses and methods that it does not have."""

    async def ours(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HengioError)
        return of(error)

    async def theirs(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return problem(error.status_code, headers=dict(error.headers or {}))

    async def unread(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        found = [Problem(_path(one["loc"]), str(one["msg"])) for one in error.errors()]
        return of(Refused("the request can not be read", problems=found))

    app.add_exception_handler(HengioError, ours)
    app.add_exception_handler(RequestValidationError, unread)
    app.add_exception_handler(HTTPException, theirs)


def _path(loc: tuple[int | str, ...]) -> str:
    """Where in the request: `$.steps[2].name` of its body, or the name of a parameter."""
    place, *rest = loc
    if place != "body":
        return str(rest[-1]) if rest else str(place)
    return "$" + "".join(f"[{part}]" if isinstance(part, int) else f".{part[:100]}" for part in rest)
