"""Calls of webhooks: who may start the job, and with what (H2.2-H2.6). No door's own words are in here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TypeVar

from msgspec import Struct

from hengio.clock import Clock
from hengio.definition import places, templates
from hengio.definition.context import Context
from hengio.errors import Forbidden, HengioError, Limited, NotFound, Refused, Unauthenticated
from hengio.ids import new_id
from hengio.lifecycle.start import Starter
from hengio.service import signing
from hengio.service.payload import Headers, webhook
from hengio.service.refusals import Refusals
from hengio.service.webhooks import WebhookService, digest
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.webhooks import Called
from hengio.vault.known import Known

E = TypeVar("E", bound=HengioError)

STARTED_BY = "webhook"
UNSIGNED = "the call is not signed as it must be"
_IDEMPOTENCY_KEY = "idempotency-key"
_LONG_BYTES = 64 << 10
"""A body that is read in a thread, so that others need not wait for it."""


class Call(Struct, frozen=True, kw_only=True):
    """A call as it was received: names of headers in lower case, the body as it came. `sender` is its address."""

    headers: Headers
    query: str
    body: bytes
    sender: str

    def __repr__(self) -> str:
        return f"Call(sender={self.sender!r})"

    def values(self, name: str) -> list[str]:
        """The values of a header, each time that it comes."""
        return [value.strip() for known, value in self.headers if known == name]


class Receipt(Struct, frozen=True):
    """The execution that a call began, or that an earlier one like it did."""

    execution_id: str
    existing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Starts jobs for who calls their URL."""

    storage: Storage
    webhooks: WebhookService
    known: Known
    starter: Starter
    clock: Clock
    refusals: Refusals

    async def find(self, token: str) -> Called:
        """What that token leads to at this moment. `NotFound`, which does not repeat it."""
        called = await self.storage.webhooks.called(digest(token))
        if called is None:
            raise NotFound("there is no such webhook")
        return called

    async def receive(self, called: Called, call: Call) -> Receipt:
        """Start the job, or find what the same call started (H2.6).

        Raises `Unauthenticated`, `Forbidden` for a job or a webhook that is disabled, `Refused` for a body that cannot
        be read, `Limited`, `Conflict` for its overlap, `Unavailable`.
        """
        if reason := await self._fault(called, call):
            raise await self._told(called, call, Unauthenticated(UNSIGNED), reason=reason)
        if not called.job.enabled or not called.job.triggers.webhook.enabled:
            reason = "the job is disabled" if not called.job.enabled else "its webhook is disabled"
            raise await self._told(called, call, Forbidden("this webhook is disabled"), reason=reason)
        try:
            return await self._start(called, call)
        except Limited as error:
            await self._told(called, call, error, reason=error.message)
            raise

    async def _told(self, called: Called, call: Call, error: E, *, reason: str) -> E:
        """The error, once the audit log has its reason, which the caller is not told."""
        await self.refusals.tell(called, error, reason=reason, sender=call.sender)
        return error

    async def _start(self, called: Called, call: Call) -> Receipt:
        wanted = called.job.triggers.webhook.headers
        if len(call.body) > _LONG_BYTES:
            sent = await asyncio.to_thread(webhook, call.body, call.headers, call.query, wanted=wanted)
        else:
            sent = webhook(call.body, call.headers, call.query, wanted=wanted)
        new = new_id()
        execution = await self.starter.start(
            StoredJob(called.job_id, called.version, called.job),
            trigger="webhook",
            execution_id=new,
            idempotency_key=_key(call),
            started_by=STARTED_BY,
            webhook=sent,
        )
        return Receipt(execution.id, existing=execution.id != new)

    async def _fault(self, called: Called, call: Call) -> str:
        secret, problem = await self._secret(called)
        found = signing.fault(
            secret,
            call.body,
            timestamps=call.values(signing.TIMESTAMP),
            signatures=call.values(signing.SIGNATURE),
            now=self.clock.now(),
        )
        return problem or found

    async def _secret(self, called: Called) -> tuple[str, str]:
        """The secret that calls of the job are signed with now, or why there is none."""
        written = called.job.triggers.webhook.secret_key
        if not written:
            return self.webhooks.opened(called.row).secret, ""
        if not templates.is_template(written):
            return written, ""
        await self.known.refresh()
        values = self.known.of(called.job_id)
        try:
            value = places.text(templates.resolve(written, Context(base={}, admin=values.variables)))
        except Refused as error:
            return "", f"there is no secret: {error.message}"
        return value, "" if value else "there is no secret: it is empty"


def _key(call: Call) -> str:
    """The idempotency key that the caller gave, else one that its time and body give: within the time that a signature
    holds, the same call again finds what it began."""
    given = call.values(_IDEMPOTENCY_KEY)
    return given[0] if given else f"webhook:{signing.fingerprint(call.values(signing.TIMESTAMP)[0], call.body)}"
