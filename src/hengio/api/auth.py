"""`/api/auth`: logging in and out, and who one is (H8.3, H8.4)."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hengio.api.guard import address, caller
from hengio.errors import Forbidden, Unauthenticated
from hengio.service.login import WRONG, Entered, csrf
from hengio.wiring.people import People

_MOST_LETTERS = 1024


class Body(BaseModel):
    """What is sent; names that are not known are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Login(Body):
    """`session` says how it is held: as a bearer token by a program, or in a cookie by a browser."""

    username: str = Field(max_length=_MOST_LETTERS)
    password: str = Field(max_length=_MOST_LETTERS, repr=False)
    session: Literal["bearer", "cookie"] = "bearer"


class Refresh(Body):
    """The token that the last answer gave for this."""

    refresh_token: str = Field(max_length=_MOST_LETTERS, repr=False)


class OwnPassword(Body):
    """Who changes their password shows that they know it."""

    current: str = Field(max_length=_MOST_LETTERS, repr=False)
    password: str = Field(max_length=_MOST_LETTERS, repr=False)


def install(app: FastAPI, people: People, *, cookie: str, secure: bool) -> None:
    """Add the endpoints. `cookie` is its name; one that is `secure` goes over HTTPS only."""
    logins = people.logins

    @app.post("/api/auth/login")
    async def login(given: Login, request: Request) -> Response:
        """Begin a session, always a new one. A cookie that came along ends its session."""
        here = address(request)
        entered = await logins.enter(given.username, given.password, kind=given.session, address=here)
        if before := request.cookies.get(cookie):
            who = await logins.of_cookie(before, address=here)
            if who is not None:
                await logins.leave(who)
        if given.session == "bearer":
            return JSONResponse(_tokens(people, entered))
        answer = JSONResponse({"user": _user(entered), "csrf_token": csrf(entered.secret)})
        answer.set_cookie(
            cookie,
            entered.secret,
            max_age=logins.limits.session_seconds,
            path="/",
            httponly=True,
            samesite="strict",
            secure=secure,
        )
        return answer

    @app.post("/api/auth/refresh")
    async def refresh(given: Refresh, request: Request) -> Response:
        """Another bearer token for the same session, and another token to refresh with."""
        entered = await logins.refresh(given.refresh_token, address=address(request))
        return JSONResponse(_tokens(people, entered))

    @app.post("/api/auth/logout")
    async def logout(request: Request) -> Response:
        """End the session."""
        await logins.leave(caller(request))
        answer = Response(status_code=204)
        answer.delete_cookie(cookie, path="/", httponly=True, samesite="strict", secure=secure)
        return answer

    @app.get("/api/auth/me")
    async def me(request: Request) -> Response:
        """Who asks, and what they may."""
        who = caller(request)
        told: dict[str, Any] = {"id": who.id, "name": who.name, "permissions": sorted(who.permissions), "way": who.way}
        if who.way == "cookie":
            told["csrf_token"] = csrf(request.cookies[cookie])
        return JSONResponse(told)

    @app.put("/api/auth/password")
    async def password(given: OwnPassword, request: Request) -> Response:
        """Another password for oneself; every session of theirs ends, this one as well."""
        who = caller(request)
        if who.way == "token":
            raise Forbidden("a token changes no password", hint="log in")
        if not await logins.is_password(who, given.current):
            raise Unauthenticated(WRONG)
        await people.users.set_password(who, who.id, given.password)
        return Response(status_code=204)


def _tokens(people: People, entered: Entered) -> dict[str, Any]:
    """As RFC 6749, 5.1 names them."""
    bearer = people.logins.bearer
    return {
        "access_token": bearer.made(user_id=entered.user.id, session_id=entered.session.id),
        "token_type": "Bearer",
        "expires_in": bearer.seconds,
        "refresh_token": entered.secret,
        "user": _user(entered),
    }


def _user(entered: Entered) -> dict[str, Any]:
    return {"id": entered.user.id, "name": entered.user.name, "roles": list(entered.user.roles)}
