"""Roles: two are built in, others are defined by who manages people (H8.5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hengio.access.permissions import PERMISSIONS
from hengio.model.person import Role

ADMIN = "Admin"
REGULAR = "Regular User"

BUILTIN: dict[str, Role] = {
    ADMIN: Role(name=ADMIN, permissions=tuple(sorted(PERMISSIONS)), description="may do everything", builtin=True),
    REGULAR: Role(
        name=REGULAR,
        permissions=(
            "dashboard:user",
            "execution:read",
            "execution:stop",
            "job:execute",
            "job:read",
            "module:read",
            "variable:read",
        ),
        description="starts jobs and sees the executions that they started",
        builtin=True,
    ),
}


def every(custom: Mapping[str, Role]) -> dict[str, Role]:
    """Built-in and custom roles by name."""
    return {**custom, **BUILTIN}


def permissions(names: Iterable[str], custom: Mapping[str, Role]) -> frozenset[str]:
    """What these roles give together. A role that is not there gives nothing."""
    known = every(custom)
    return frozenset(one for name in names if name in known for one in known[name].permissions)
