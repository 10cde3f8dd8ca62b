"""Keys of the authors of modules: registering and revoking them (R14.1)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hengio.clock import Clock, Micros
from hengio.errors import Conflict, NotFound, Refused
from hengio.ids import is_name, new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.author import AuthorKey
from hengio.model.signature import key_id
from hengio.registry.signing import public_key
from hengio.storage.protocol import Storage

_PATTERN = re.compile(r"[A-Za-z0-9_*-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorService:
    """What people do about authors. `changed` tells who remembers modules that one may be refused now."""

    storage: Storage
    clock: Clock
    changed: Callable[[], None] = lambda: None

    async def add(
        self,
        author: str,
        pem: bytes,
        *,
        by: str,
        modules: Sequence[str] = ("*",),
        not_before: Micros | None = None,
        not_after: Micros | None = None,
    ) -> AuthorKey:
        """Register a public key (PEM) of an author, from now on if nothing else is said; audited.

        `Refused` for a bad name, key, pattern or period, `Conflict` for a key that is known.
        """
        now = self.clock.now()
        begins = now if not_before is None else not_before
        _check(author, modules, begins, not_after)
        public = public_key(pem)
        key = AuthorKey(
            id=key_id(public),
            author=author,
            public_key=public,
            modules=tuple(modules),
            not_before=begins,
            not_after=not_after,
            added_at=now,
            added_by=by,
        )
        told = {"key_id": key.id, "modules": key.modules, "not_before": begins, "not_after": not_after}
        await self.storage.authors.add(key, entry=self._entry("author.added", author, by, **told))
        self.changed()
        return key

    async def all(self) -> list[AuthorKey]:
        """Every key, by author."""
        return await self.storage.authors.all()

    async def revoke(self, author_or_key: str, *, by: str, reason: str = "") -> list[AuthorKey]:
        """Revoke one key, or all of an author, for good: within about a second nothing that they signed runs any more;
        audited. `NotFound`, and `Conflict` if all of them were revoked before."""
        known = [key for key in await self.all() if author_or_key in {key.author, key.id}]
        if not known:
            raise NotFound(f"there is no author or key '{author_or_key}'", hint="hengio author list shows them")
        ids = [key.id for key in known if key.revoked_at is None]
        entry = self._entry("author.revoked", known[0].author, by, key_ids=ids, reason=reason)
        revoked = await self.storage.authors.revoke(ids, at=self.clock.now(), by=by, reason=reason, entry=entry)
        if not revoked:
            raise Conflict(f"'{author_or_key}' is revoked already")
        self.changed()
        return revoked

    def _entry(self, action: AuditAction, author: str, by: str, **detail: Any) -> AuditEntry:
        return AuditEntry(id=new_id(), at=self.clock.now(), action=action, actor=by, subject=author, detail=detail)


def _check(author: str, modules: Sequence[str], begins: Micros, ends: Micros | None) -> None:
    if not is_name(author):
        raise Refused(f"'{author}' cannot name an author", hint="a letter, then letters, digits, '-' or '_'")
    for pattern in modules:
        if not _PATTERN.fullmatch(pattern):
            raise Refused(f"'{pattern}' is no pattern of names", hint="a module's name, with * for anything in it")
    if not modules:
        raise Refused("the key would be for no module", hint="* is for every name")
    if ends is not None and ends <= begins:
        raise Refused("the key would end before it begins to count")
