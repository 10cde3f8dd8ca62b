"""The people who use an installation: users, roles, the logins and tokens by which they ask (H8)."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hengio.clock import Micros

SessionKind = Literal["cookie", "bearer"]


class User(Struct, frozen=True, kw_only=True):
    """`password` is an argon2 hash and never printed; None for who can not log in with one. A deleted user stays, so
    that nobody else becomes known by the name that executions and the audit log keep."""

    id: str
    name: str
    password: str | None = None
    roles: tuple[str, ...] = ()
    enabled: bool = True
    deleted: bool = False
    created_at: Micros
    created_by: str

    def __repr__(self) -> str:
        return f"User({self.name!r}, roles={self.roles!r}, enabled={self.enabled})"

    @property
    def active(self) -> bool:
        """Whether they may do anything at all."""
        return self.enabled and not self.deleted


class Role(Struct, frozen=True, kw_only=True):
    """A name for permissions. Those that are built in are in no table."""

    name: str
    permissions: tuple[str, ...]
    description: str = ""
    builtin: bool = False


class Session(Struct, frozen=True, kw_only=True):
    """A login. `digest` is the SHA-256 of the secret that its holder shows, a cookie or a token to refresh with;
    `previous` is that of the one before, which nobody honest shows again."""

    id: str
    user_id: str
    kind: SessionKind
    digest: str
    previous: str = ""
    created_at: Micros
    expires_at: Micros


class ApiToken(Struct, frozen=True, kw_only=True):
    """A token for programs, by the SHA-256 of which it is found; `prefix` is how people tell theirs apart. It is good
    for those of its scopes that its user has."""

    id: str
    user_id: str
    name: str
    prefix: str
    digest: str
    scopes: tuple[str, ...]
    created_at: Micros
    expires_at: Micros
    last_used_at: Micros | None = None


class Everyone(Struct, frozen=True):
    """All users by id and custom roles by name, as of one moment."""

    users: dict[str, User]
    roles: dict[str, Role]

    def named(self, name: str) -> User | None:
        """Who has or had that name."""
        return next((user for user in self.users.values() if user.name == name), None)
