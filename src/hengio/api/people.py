"""`/api/users`, `/api/roles` and `/api/tokens` (H8.4, H8.5)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from hengio.access import roles
from hengio.access.permissions import Caller
from hengio.access.roles import REGULAR
from hengio.api.auth import Body
from hengio.api.guard import caller
from hengio.clock import to_iso
from hengio.errors import NotFound
from hengio.model.person import ApiToken, Role, User
from hengio.wiring.people import People

_MOST_LETTERS = 1024
_MOST_ITEMS = 100


class NewUser(Body):
    """Somebody who may log in."""

    name: str = Field(max_length=_MOST_LETTERS)
    password: str = Field(max_length=_MOST_LETTERS, repr=False)
    roles: list[str] = Field(default_factory=lambda: [REGULAR], max_length=_MOST_ITEMS)


class UserChange(Body):
    """Whether they may log in."""

    enabled: bool


class Password(Body):
    """Another password."""

    password: str = Field(max_length=_MOST_LETTERS, repr=False)


class Roles(Body):
    """All roles that they have from now on."""

    roles: list[str] = Field(max_length=_MOST_ITEMS)


class RoleBody(Body):
    """What a custom role gives."""

    permissions: list[str] = Field(max_length=_MOST_ITEMS)
    description: str = Field("", max_length=_MOST_LETTERS)


class NewToken(Body):
    """A token for a program."""

    name: str = Field(max_length=_MOST_LETTERS)
    scopes: list[str] = Field(max_length=_MOST_ITEMS)
    days: int = 90


def install(app: FastAPI, people: People) -> None:
    """Add the endpoints."""
    _users(app, people)
    _roles(app, people)
    _tokens(app, people)


def _users(app: FastAPI, people: People) -> None:
    users = people.users

    @app.get("/api/users")
    async def listed() -> Response:
        """Everybody who was not deleted, by name."""
        everyone = await users.everyone()
        return JSONResponse({"items": [_user(user) for user in everyone.users.values() if not user.deleted]})

    @app.post("/api/users")
    async def create(given: NewUser, request: Request) -> Response:
        """Let somebody log in."""
        made = await users.create(caller(request), given.name, password=given.password, given=given.roles)
        return JSONResponse(_user(made), status_code=201, headers={"location": f"/api/users/{made.id}"})

    @app.get("/api/users/{user}")
    async def show(user: str) -> Response:
        """One of them, by id or name."""
        return JSONResponse(_user(await users.find(user)))

    @app.patch("/api/users/{user}")
    async def change(user: str, given: UserChange, request: Request) -> Response:
        """Let them in, or keep them out at once."""
        return JSONResponse(_user(await users.enable(caller(request), user, enabled=given.enabled)))

    @app.delete("/api/users/{user}")
    async def delete(user: str, request: Request) -> Response:
        """For good."""
        await users.delete(caller(request), user)
        return Response(status_code=204)

    @app.put("/api/users/{user}/password")
    async def password(user: str, given: Password, request: Request) -> Response:
        """Another password; their sessions end."""
        await users.set_password(caller(request), user, given.password)
        return Response(status_code=204)

    @app.get("/api/users/{user}/roles")
    async def roles_of(user: str) -> Response:
        """The names of their roles."""
        return JSONResponse({"roles": list((await users.find(user)).roles)})

    @app.put("/api/users/{user}/roles")
    async def assign(user: str, given: Roles, request: Request) -> Response:
        """These roles instead of theirs; their sessions end."""
        return JSONResponse(_user(await users.assign(caller(request), user, given.roles)))

    @app.get("/api/users/{user}/tokens")
    async def tokens_of(user: str) -> Response:
        """Their tokens."""
        found = await people.tokens.all((await users.find(user)).id)
        return JSONResponse({"items": [_token(token) for token in found]})


def _roles(app: FastAPI, people: People) -> None:
    @app.get("/api/roles")
    async def listed() -> Response:
        """Built-in and custom ones, by name."""
        known = roles.every((await people.users.everyone()).roles)
        return JSONResponse({"items": [_role(known[name]) for name in sorted(known)]})

    @app.get("/api/roles/{role}")
    async def show(role: str) -> Response:
        """One of them."""
        known = roles.every((await people.users.everyone()).roles)
        if role not in known:
            raise NotFound("there is no such role")
        return JSONResponse(_role(known[role]))

    @app.put("/api/roles/{role}")
    async def put(role: str, given: RoleBody, request: Request) -> Response:
        """Create or replace a custom one."""
        permissions = tuple(sorted(set(given.permissions)))
        made = Role(name=role, permissions=permissions, description=given.description)
        return JSONResponse(_role(await people.users.set_role(caller(request), made)))

    @app.delete("/api/roles/{role}")
    async def delete(role: str, request: Request) -> Response:
        """Take a custom one away from everybody."""
        await people.users.delete_role(caller(request), role)
        return Response(status_code=204)


def _tokens(app: FastAPI, people: People) -> None:
    @app.get("/api/tokens")
    async def listed(request: Request) -> Response:
        """One's own."""
        found = await people.tokens.all(caller(request).id)
        return JSONResponse({"items": [_token(token) for token in found]})

    @app.post("/api/tokens")
    async def create(given: NewToken, request: Request) -> Response:
        """A token of one's own; `token` is its text, and nowhere else."""
        who: Caller = caller(request)
        user = await people.users.find(who.id)
        made, text = await people.tokens.create(who, user, name=given.name, scopes=given.scopes, days=given.days)
        return JSONResponse({**_token(made), "token": text}, status_code=201)

    @app.delete("/api/tokens/{token}")
    async def revoke(token: str, request: Request) -> Response:
        """End one at once."""
        await people.tokens.revoke(caller(request), token)
        return Response(status_code=204)


def _user(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "name": user.name,
        "roles": list(user.roles),
        "enabled": user.enabled,
        "created_at": to_iso(user.created_at),
        "created_by": user.created_by,
    }


def _role(role: Role) -> dict[str, Any]:
    return {
        "name": role.name,
        "permissions": list(role.permissions),
        "description": role.description,
        "builtin": role.builtin,
    }


def _token(token: ApiToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "user_id": token.user_id,
        "name": token.name,
        "prefix": token.prefix,
        "scopes": list(token.scopes),
        "created_at": to_iso(token.created_at),
        "expires_at": to_iso(token.expires_at),
        "last_used_at": None if token.last_used_at is None else to_iso(token.last_used_at),
    }
