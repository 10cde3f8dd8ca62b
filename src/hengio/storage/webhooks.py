"""What Hengio asks of its database for webhooks (H2). This layer knows no token: they come as digests, and sealed."""

from __future__ import annotations

from typing import Protocol

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.audit import AuditEntry
from hengio.model.job import Job
from hengio.storage.vault import Place, Sealer, Stored


class WebhookRow(Struct, frozen=True, kw_only=True):
    """The URL of a job as it is kept. `digest` is the SHA-256 of its token in hexadecimal; the token and the secret of
    the installation's own are sealed together."""

    job_id: str
    digest: str
    stored: Stored
    created_at: Micros
    created_by: str

    @property
    def place(self) -> Place:
        return Place("webhooks", "", self.job_id)


class Called(Struct, frozen=True):
    """What a token leads to: a job at its latest version, and its webhook."""

    row: WebhookRow
    job_id: str
    version: int
    job: Job


class WebhookStore(Protocol):
    """One URL a job. Every change counts the vault's revision up and writes its audit entry, in one transaction."""

    async def add(self, row: WebhookRow, *, entry: AuditEntry, seal: Sealer) -> bool:
        """Keep what `seal` returns as the job's; False, and nothing changed, if it has one."""
        ...

    async def replace(self, row: WebhookRow, *, entry: AuditEntry, seal: Sealer) -> None:
        """The same in the place of the one that is there, whose digest leads nowhere from then on. Webhooks that are
        sealed do not count for `seal`: those whose key is lost are replaced one by one."""
        ...

    async def find(self, job_id: str) -> WebhookRow | None: ...

    async def called(self, digest: str) -> Called | None:
        """What that digest leads to now; None for one that is of no job, or of one that was deleted."""
        ...

    async def all(self) -> list[WebhookRow]:
        """By the id of the job."""
        ...
