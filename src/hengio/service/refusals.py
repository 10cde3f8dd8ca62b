"""Refused calls of webhooks in the audit log: found there, and not a way to fill it."""

from __future__ import annotations

from dataclasses import dataclass, field

from hengio.clock import Clock
from hengio.errors import HengioError, Unavailable
from hengio.ids import new_id
from hengio.log import get_logger
from hengio.model.audit import AuditEntry
from hengio.storage.audit import AuditStore
from hengio.storage.webhooks import Called

log = get_logger("webhooks")

EVERY_SECONDS = 60.0


@dataclass(slots=True)
class _Told:
    """When an entry was written last, and how many calls were refused since."""

    at: float
    since: int = 0


@dataclass(frozen=True, slots=True)
class Refusals:
    """At most one entry a minute for each job and kind of refusal in this process; the next one has the number of those
    that had none."""

    audit: AuditStore
    clock: Clock
    _told: dict[tuple[str, str], _Told] = field(default_factory=dict)

    async def tell(self, called: Called, error: HengioError, *, reason: str, sender: str) -> None:
        """Write it down, unless one like it was just written. A database that is away keeps no answer back."""
        now, key = self.clock.monotonic(), (called.job_id, error.code)
        last = self._told.get(key)
        if last is not None and now - last.at < EVERY_SECONDS:
            last.since += 1
            return
        self._told[key] = _Told(now)
        detail = {"job_id": called.job_id, "code": error.code, "reason": reason, "from": sender}
        entry = AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action="webhook.refused",
            actor="webhook",
            subject=called.job.name,
            detail={**detail, "not_told": 0 if last is None else last.since},
        )
        try:
            await self.audit.add([entry])
        except Unavailable as away:
            log.warning("webhook_refusal_not_kept", job=called.job.name, code=error.code, error=away.message)
