"""The URLs of jobs: giving a job one, showing it, and another one that ends it (H2.2, H2.5).

A URL has a token of 256 random bits. It is found by its digest and kept sealed, with a secret for signatures.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

import msgspec
from msgspec import Struct

from hengio import codec
from hengio.clock import Clock
from hengio.errors import Corrupt, NotFound
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.vault import Sealer, Stored
from hengio.storage.webhooks import WebhookRow
from hengio.vault import cipher
from hengio.vault.keys import KeyMissing, KeyRing

TOKEN_BYTES = 32
PATH = "/api/webhooks/"


class Access(Struct, frozen=True):
    """What a caller needs: the token of the URL, and the secret that signs where the job names none. Never printed."""

    token: str
    secret: str

    def __repr__(self) -> str:
        return "Access()"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookService:
    """What people ask of webhooks."""

    storage: Storage
    ring: KeyRing
    clock: Clock

    async def ensure(self, stored: StoredJob, *, by: str) -> None:
        """Give the job a URL and a secret, unless it has them. Raises `KeyMissing`."""
        if await self.storage.webhooks.find(stored.id) is not None:
            return
        access = Access(_random(), _random())
        row = self._row(stored, access, by)
        entry = self._entry("webhook.created", stored, by)
        await self.storage.webhooks.add(row, entry=entry, seal=self._sealer(row, access))

    async def regenerate(self, stored: StoredJob, *, by: str, secret: bool = False) -> Access:
        """Give the job another URL, which ends the one it has at once, and with `secret` another secret. One that
        cannot be opened, since its key is lost, gets both. Raises `KeyMissing`."""
        kept = None if secret else await self._kept_secret(stored.id)
        access = Access(_random(), kept or _random())
        row = self._row(stored, access, by)
        entry = self._entry("webhook.regenerated", stored, by, secret=kept is None)
        await self.storage.webhooks.replace(row, entry=entry, seal=self._sealer(row, access))
        return access

    async def access(self, stored: StoredJob) -> tuple[WebhookRow, Access]:
        """Raises `NotFound` for a job without a URL, `KeyMissing` and `Corrupt`."""
        row = await self.storage.webhooks.find(stored.id)
        if row is None:
            hint = (
                "a job has one once it is applied with triggers.webhook.enabled; `hengio webhook regenerate` makes one"
            )
            raise NotFound(f"job '{stored.job.name}' has no webhook", hint=hint)
        return row, self.opened(row)

    async def all(self) -> list[tuple[StoredJob, WebhookRow | None]]:
        """Every job that has a URL or would be called by one, by name."""
        rows = {row.job_id: row for row in await self.storage.webhooks.all()}
        jobs = await self.storage.jobs.all()
        return [(one, rows.get(one.id)) for one in jobs if one.id in rows or one.job.triggers.webhook.enabled]

    def opened(self, row: WebhookRow) -> Access:
        """Raises `KeyMissing` and `Corrupt`."""
        return msgspec.json.decode(cipher.opened(self.ring, row.place, row.stored), type=Access)

    async def _kept_secret(self, job_id: str) -> str | None:
        row = await self.storage.webhooks.find(job_id)
        try:
            return None if row is None else self.opened(row).secret
        except (KeyMissing, Corrupt):
            return None

    def _row(self, stored: StoredJob, access: Access, by: str) -> WebhookRow:
        return WebhookRow(
            job_id=stored.id,
            digest=digest(access.token),
            stored=Stored(""),
            created_at=self.clock.now(),
            created_by=by,
        )

    def _sealer(self, row: WebhookRow, access: Access) -> Sealer:
        return lambda sealing: cipher.seal(self.ring.holding(sealing), row.place, codec.encode(access))

    def _entry(self, action: AuditAction, stored: StoredJob, by: str, **detail: bool) -> AuditEntry:
        return AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=by,
            subject=stored.job.name,
            detail={"job_id": stored.id, **detail},
        )


def digest(token: str) -> str:
    """What a token is found by."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _random() -> str:
    return secrets.token_urlsafe(TOKEN_BYTES)
