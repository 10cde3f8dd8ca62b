"""Every endpoint and what it takes to use it: the one table of who may do what over HTTP (H8.5).

To add an endpoint, add its row here and write its function with `@app.get("/api/…")` in the `install` of its module; an
endpoint without a row does not start. The caller is `guard.caller(request)`.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hengio.access.permissions import Permission

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
JSON = 64 << 10
"""Bytes of a JSON body, where the row names no other number."""


class Open(Struct, frozen=True):
    """Anybody may use it, known or not, and why that is right."""

    reason: str


class Known(Struct, frozen=True):
    """Everybody who is known may use it: it is about themselves."""


class Needs(Struct, frozen=True):
    """What it takes. Who lacks `sees` may not even know that there is such a thing: for them it is not found. Who sees
    it and lacks `permission` is told so."""

    permission: Permission
    sees: Permission | None = None


class Endpoint(Struct, frozen=True, kw_only=True):
    """A row. `most_bytes` is how large a body may be; None leaves that to the endpoint, which reads it by itself."""

    method: Method
    path: str
    access: Open | Known | Needs
    most_bytes: int | None = JSON


def _row(method: Method, path: str, access: Open | Known | Permission, *, sees: Permission | None = None) -> Endpoint:
    given = access if isinstance(access, Open | Known) else Needs(access, sees)
    return Endpoint(method=method, path=path, access=given)


_PROBES = Open("whoever runs the machine asks whether it works, and learns nothing else")
_LOGIN = Open("who logs in is not known yet; attempts are limited")
_REFRESH = Open("the token in the body is what proves who asks")
_SELF = Known()

ENDPOINTS: tuple[Endpoint, ...] = (
    _row("GET", "/health/live", _PROBES),
    _row("GET", "/health/ready", _PROBES),
    _row("GET", "/metrics", Open("Prometheus collects numbers, and no names or texts are among them")),
    _row("POST", "/api/auth/login", _LOGIN),
    _row("POST", "/api/auth/refresh", _REFRESH),
    _row("POST", "/api/auth/logout", _SELF),
    _row("GET", "/api/auth/me", _SELF),
    _row("PUT", "/api/auth/password", _SELF),
    _row("GET", "/api/users", "user:manage"),
    _row("POST", "/api/users", "user:manage"),
    _row("GET", "/api/users/{user}", "user:manage", sees="user:manage"),
    _row("PATCH", "/api/users/{user}", "user:manage", sees="user:manage"),
    _row("DELETE", "/api/users/{user}", "user:manage", sees="user:manage"),
    _row("PUT", "/api/users/{user}/password", "user:manage", sees="user:manage"),
    _row("GET", "/api/users/{user}/roles", "user:manage", sees="user:manage"),
    _row("PUT", "/api/users/{user}/roles", "role:assign", sees="user:manage"),
    _row("GET", "/api/users/{user}/tokens", "user:manage", sees="user:manage"),
    _row("GET", "/api/roles", _SELF),
    _row("GET", "/api/roles/{role}", _SELF),
    _row("PUT", "/api/roles/{role}", "role:assign"),
    _row("DELETE", "/api/roles/{role}", "role:assign"),
    _row("GET", "/api/tokens", _SELF),
    _row("POST", "/api/tokens", _SELF),
    _row("DELETE", "/api/tokens/{token}", _SELF),
    _row("GET", "/api/audit", "system:audit"),
    _row("GET", "/api/audit/verify", "system:audit"),
)

ELSEWHERE: dict[str, str] = {
    "/api/webhooks/{token}": "its callers are known by its token and their signature; an application of its own",
}
"""Paths that do not go through the guard, and why."""

TABLE: dict[tuple[str, str], Endpoint] = {(row.method, row.path): row for row in ENDPOINTS}
