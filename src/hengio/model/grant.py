"""What a module may do outside its execution: permissions, each on certain resources (R4.1-R4.6; ABI: Permissions)."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

Permission = Literal["http:read", "http:write", "database:read", "database:write", "file:read", "file:write"]
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)


class Grant(Struct, frozen=True, order=True, forbid_unknown_fields=True):
    """One permission on the resources that a pattern names. None is held by default.

    `resource` is, by permission: `scheme://host[:port]/path` with wildcards; `connection` or `connection/schema.table`;
    a path or glob of the files area. Whether it can be one is for `hengio.grants` to say.
    """

    permission: Permission
    resource: str

    def __str__(self) -> str:
        return f"{self.permission} {self.resource}"
