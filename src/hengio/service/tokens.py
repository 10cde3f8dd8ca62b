"""Personal tokens for programs: made, listed and revoked (H8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hengio.access import roles, rules
from hengio.access.permissions import Caller
from hengio.clock import SECOND, Clock
from hengio.errors import Forbidden, NotFound, Refused
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.person import ApiToken, User
from hengio.service.login import SHOWN, digest, new_token
from hengio.storage.protocol import Storage

MOST_DAYS = 3650
_LONGEST_NAME = 100
_DAY = 24 * 3600 * SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenService:
    """What people ask about tokens."""

    storage: Storage
    clock: Clock

    async def create(
        self, caller: Caller, user: User, *, name: str, scopes: Sequence[str], days: int
    ) -> tuple[ApiToken, str]:
        """A token of that user, and its text, which is nowhere else. None is made with another. Raises `Refused` and
        `Forbidden` for scopes."""
        if caller.way == "token":
            raise Forbidden("a token makes no tokens", hint="log in")
        if not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise Refused(f"a token needs a name of at most {_LONGEST_NAME} letters")
        if not 1 <= days <= MOST_DAYS:
            raise Refused(f"a token counts for 1 to {MOST_DAYS} days")
        everyone = await self.storage.people.everyone()
        rules.check_scopes(scopes, roles.permissions(user.roles, everyone.roles))
        now, text = self.clock.now(), new_token()
        token = ApiToken(
            id=new_id(),
            user_id=user.id,
            name=name.strip(),
            prefix=text[:SHOWN],
            digest=digest(text),
            scopes=tuple(sorted(set(scopes))),
            created_at=now,
            expires_at=now + days * _DAY,
        )
        await self.storage.tokens.add(token, entry=self._entry("token.created", caller, token))
        return token, text

    async def all(self, user_id: str | None) -> list[ApiToken]:
        """Those of a user, or everybody's."""
        return await self.storage.tokens.all(user_id)

    async def revoke(self, caller: Caller, token_id: str) -> ApiToken:
        """End one at once: one's own, or anybody's for who manages users. What is not theirs to see is `NotFound`."""
        found = next((token for token in await self.storage.tokens.all() if token.id == token_id), None)
        seen = found is not None and (found.user_id == caller.id or caller.may("user:manage"))
        entry = None if found is None else self._entry("token.revoked", caller, found)
        if found is None or entry is None or not seen or not await self.storage.tokens.revoke(token_id, entry=entry):
            raise NotFound("there is no such token")
        return found

    def _entry(self, action: AuditAction, caller: Caller, token: ApiToken) -> AuditEntry:
        detail = {"token": token.id, "prefix": token.prefix, "scopes": list(token.scopes), "user": token.user_id}
        return AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=caller.actor,
            subject=token.name,
            detail={**detail, "from": caller.address} if caller.address else detail,
        )
