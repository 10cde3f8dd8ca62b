"""A key by which an author of modules is known (R14.1)."""

from __future__ import annotations

from fnmatch import fnmatchcase

from msgspec import Struct

from hengio.clock import Micros


class AuthorKey(Struct, frozen=True, kw_only=True):
    """A public key of Ed25519 (32 bytes) that an administrator registered for an author, who may have several.

    It counts from `not_before` until before `not_after`, for modules whose name one of the patterns of `modules` fits
    (`*` for anything), and not at all once it was revoked: also not for what it signed before.
    """

    id: str
    author: str
    public_key: bytes
    modules: tuple[str, ...] = ("*",)
    not_before: Micros
    not_after: Micros | None = None
    added_at: Micros
    added_by: str
    revoked_at: Micros | None = None
    revoked_by: str = ""
    reason: str = ""

    def is_for(self, name: str) -> bool:
        """Whether it may sign modules of that name."""
        return any(fnmatchcase(name, pattern) for pattern in self.modules)
