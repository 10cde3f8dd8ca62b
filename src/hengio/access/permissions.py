"""The permissions, and a caller with those that hold now (H8)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, get_args

from msgspec import Struct

Permission = Literal[
    "job:read",
    "job:write",
    "job:execute",
    "job:delete",
    "job:import",
    "job:export",
    "execution:read",
    "execution:stop",
    "variable:read",
    "variable:write",
    "variable:encrypt",
    "webhook:read",
    "webhook:write",
    "module:read",
    "module:write",
    "module:grant",
    "connection:read",
    "connection:write",
    "user:manage",
    "role:assign",
    "system:config",
    "system:audit",
    "dashboard:admin",
    "dashboard:user",
]
PERMISSIONS: frozenset[str] = frozenset(get_args(Permission))

Way = Literal["desk", "cookie", "bearer", "token"]


class Caller(Struct, frozen=True, kw_only=True):
    """Who asks, and what they may. `way` is how they proved it: the desk is the command line on this machine, whose
    user has the data folder and may do everything. `address` is where the request came from."""

    id: str
    name: str
    permissions: frozenset[str]
    way: Way
    session_id: str = ""
    address: str = ""

    @property
    def actor(self) -> str:
        """What executions and the audit log keep of them. Nobody else is ever called so."""
        return self.name if self.way == "desk" else f"user:{self.name}"

    def may(self, permission: Permission) -> bool:
        """Whether they have that permission."""
        return permission in self.permissions


def desk(person: str) -> Caller:
    """Who uses the command line: `cli:NAME`."""
    return Caller(id="", name=person, permissions=PERMISSIONS, way="desk")


def unknown(names: Collection[str]) -> list[str]:
    """Those that are no permissions, sorted."""
    return sorted(set(names) - PERMISSIONS)
