"""What callers may not do and ask for, in the audit log: found there, and not a way to fill it (H8.10)."""

from __future__ import annotations

from dataclasses import dataclass, field

from hengio.access.permissions import Caller
from hengio.clock import Clock
from hengio.errors import Unavailable
from hengio.ids import new_id
from hengio.log import get_logger
from hengio.model.audit import AuditEntry
from hengio.storage.audit import AuditStore

log = get_logger("access")

EVERY_SECONDS = 60.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Denials:
    """At most one entry a minute for each user and thing in this process."""

    audit: AuditStore
    clock: Clock
    _told: dict[tuple[str, str], float] = field(default_factory=dict)

    async def tell(self, caller: Caller, what: str, *, permission: str) -> None:
        """Write it down, unless it was just written. A database that is away keeps no answer back."""
        now, key = self.clock.monotonic(), (caller.id, what)
        if now - self._told.get(key, -EVERY_SECONDS) < EVERY_SECONDS:
            return
        if len(self._told) > _MOST:
            self._told.clear()
        self._told[key] = now
        entry = AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action="access.denied",
            actor=caller.actor,
            subject=what,
            detail={"permission": permission, "way": caller.way, "from": caller.address},
        )
        try:
            await self.audit.add([entry])
        except Unavailable as away:
            log.warning("denial_not_kept", what=what, error=away.message)
