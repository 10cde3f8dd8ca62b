"""Calls of webhooks without a server between: who knows a job's URL and secret, and the receiver that hears them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from hengio.model.job import Job, Triggers, Webhook
from hengio.service.receiving import Call, Receipt, Receiver
from hengio.service.refusals import Refusals
from hengio.service.webhooks import Access, WebhookService
from hengio.storage.audit import AuditStore
from hengio.storage.protocol import Storage, StoredJob
from hengio.vault.known import Known
from tests.support.builders import a_job
from tests.support.clock import MovableClock
from tests.support.storages import put_job
from tests.support.vaults import ring
from tests.support.webhooks import signature
from tests.support.workplace import Workplace

START = 1_800_000_000


def hooked(**fields: Any) -> Job:
    """A job of one step with a webhook; `webhook` has more of that."""
    settings = {"enabled": True, **fields.pop("webhook", {})}
    return a_job("a", triggers=Triggers(webhook=Webhook(**settings)), **fields)


class Caller:
    """Somebody who knows a job's URL and secret, and whom the receiver hears."""

    def __init__(self, receiver: Receiver, stored: StoredJob, access: Access) -> None:
        self.receiver, self.stored, self.access = receiver, stored, access

    async def call(self, body: bytes = b"{}", *, at: int = START, secret: str = "", **headers: str) -> Receipt:
        """A call that was signed at that second."""
        called = await self.receiver.find(self.access.token)
        signed = signature(secret or self.access.secret, str(at), body)
        given = [("x-hengio-timestamp", str(at)), ("x-hengio-signature", signed)]
        given += [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await self.receiver.receive(called, Call(headers=given, query="", body=body, sender="192.0.2.1"))


@asynccontextmanager
async def receiving(
    storage: Storage, place: Workplace, job: Job, clock: MovableClock, *, audit: AuditStore | None = None
) -> AsyncIterator[Caller]:
    """A receiver with that clock, and who calls that job through it."""
    service = WebhookService(storage=storage, ring=ring(), clock=clock)
    stored = await put_job(storage, job)
    await service.ensure(stored, by="me")
    receiver = Receiver(
        storage=storage,
        webhooks=service,
        known=Known(storage.vault, ring(), variables={}, connections={}),
        starter=place.starter,
        clock=clock,
        refusals=Refusals(audit or storage.audit, clock),
    )
    yield Caller(receiver, stored, (await service.access(stored))[1])
