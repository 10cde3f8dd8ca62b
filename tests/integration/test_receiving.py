"""Who is let in by a webhook, and what is told of who is not (H2)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hengio import codec
from hengio.clock import SECOND
from hengio.codec import Json
from hengio.errors import Forbidden, NotFound, Unauthenticated, Unavailable
from hengio.model.job import Job, Triggers, Webhook
from hengio.service.executions import Again
from hengio.service.receiving import Call, Receipt, Receiver
from hengio.service.refusals import EVERY_SECONDS, Refusals
from hengio.service.webhooks import Access, WebhookService
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import AuditStore, Storage, StoredJob
from hengio.vault.keys import KeyMissing
from hengio.vault.known import Known
from tests.support.builders import a_job
from tests.support.clock import MovableClock
from tests.support.storages import put_job
from tests.support.vaults import OTHER, SECRET, ring, variables
from tests.support.webhooks import signature
from tests.support.workplace import Workplace, done, working

START = 1_800_000_000


def hooked(**fields: Any) -> Job:
    settings = fields.pop("webhook", {})
    return a_job("a", triggers=Triggers(webhook=Webhook(enabled=True, **settings)), **fields)


class Desk:
    """Somebody who knows a job's URL and secret, and whom the receiver hears."""

    def __init__(self, receiver: Receiver, stored: StoredJob, access: Access) -> None:
        self.receiver, self.stored, self.access = receiver, stored, access

    async def call(self, body: bytes = b"{}", *, at: int = START, secret: str = "", **headers: str) -> Receipt:
        called = await self.receiver.find(self.access.token)
        signed = signature(secret or self.access.secret, str(at), body)
        given = [("x-hengio-timestamp", str(at)), ("x-hengio-signature", signed)]
        given += [(name.replace("_", "-"), value) for name, value in headers.items()]
        return await self.receiver.receive(called, Call(headers=given, query="", body=body, sender="192.0.2.1"))


@asynccontextmanager
async def receiving(
    storage: Storage, place: Workplace, job: Job, clock: MovableClock, *, audit: AuditStore | None = None
) -> AsyncIterator[Desk]:
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
    yield Desk(receiver, stored, (await service.access(stored))[1])


@pytest.mark.requirement("H2.2")
async def test_a_server_whose_clock_is_wrong_lets_in_who_is_within_five_minutes_of_it(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as desk:
        for late in (0, 299, -299):
            await desk.call(b"%d" % late, at=START - late)
        for late in (301, -301):
            with pytest.raises(Unauthenticated):
                await desk.call(at=START - late)
        clock.advance(301)
        with pytest.raises(Unauthenticated):
            await desk.call(b"0")


@pytest.mark.requirement("H2.2")
async def test_refusals_are_written_down_once_a_minute_for_each_kind_with_their_number(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as desk:
        for _ in range(50):
            with pytest.raises(Unauthenticated):
                await desk.call(secret="wrong")
        await storage.jobs.enable(desk.stored.id, enabled=False, at=1)
        with pytest.raises(Forbidden):
            await desk.call()
        clock.advance(EVERY_SECONDS)
        with pytest.raises(Unauthenticated):
            await desk.call(secret="wrong", at=START + 60)
        entries = await storage.audit.find(action="webhook.refused", limit=10)
    told = [(entry.detail["code"], entry.detail["not_told"], entry.detail["from"]) for entry in reversed(entries)]
    assert told == [
        ("unauthenticated", 0, "192.0.2.1"),
        ("forbidden", 0, "192.0.2.1"),
        ("unauthenticated", 49, "192.0.2.1"),
    ]


async def test_an_audit_log_that_is_away_keeps_no_answer_back(storage: Storage) -> None:
    class Away:
        async def add(self, entries: object) -> None:
            raise Unavailable("the database is away")

    clock = MovableClock(START * SECOND)
    away: Any = Away()
    async with working(storage) as place, receiving(storage, place, hooked(), clock, audit=away) as desk:
        with pytest.raises(Unauthenticated):
            await desk.call(secret="wrong")


@pytest.mark.requirement("H2.2")
@pytest.mark.parametrize("value", ["", None, 0, [], "another secret"])
async def test_a_secret_that_is_empty_missing_or_another_one_lets_nobody_in(storage: Storage, value: Json) -> None:
    clock = MovableClock(START * SECOND)
    job = hooked(webhook={"secret_key": "${HOOK}"})
    async with working(storage) as place, receiving(storage, place, job, clock) as desk:
        if value is not None:
            await variables(storage).set("HOOK", value, actor="me")
        for secret in (desk.access.secret, "${HOOK}", " ", "null", "false"):
            with pytest.raises(Unauthenticated):
                await desk.call(secret=secret)
    assert await storage.executions.recent() == []


@pytest.mark.requirement("H2.2", "H6.1")
async def test_a_secret_may_be_written_around_a_variable_and_the_jobs_own_wins(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    job = hooked(webhook={"secret_key": "v1-${HOOK}"})
    async with working(storage) as place, receiving(storage, place, job, clock) as desk:
        await variables(storage).set("HOOK", "of everybody", actor="me", sensitive=True)
        await desk.call(b"1", secret="v1-of everybody")
        await variables(storage).set("HOOK", "of the job", actor="me", sensitive=True, job="job")
        await desk.call(b"2", secret="v1-of the job")
        with pytest.raises(Unauthenticated):
            await desk.call(b"3", secret="v1-of everybody")


@pytest.mark.requirement("H2.2", "H6.2")
async def test_a_url_whose_key_is_lost_is_not_here_until_it_is_regenerated(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as desk:
        lost = WebhookService(storage=storage, ring=ring(OTHER), clock=clock)
        with pytest.raises(KeyMissing):
            await lost.access(desk.stored)
        other = await put_job(storage, hooked(name="other"))
        with pytest.raises(KeyMissing):
            await lost.ensure(other, by="me")
        access = await lost.regenerate(desk.stored, by="me")
        with pytest.raises(NotFound):
            await desk.call()
        assert access.secret != desk.access.secret
        await WebhookService(storage=storage, ring=ring(OTHER, SECRET), clock=clock).ensure(other, by="me")


@pytest.mark.requirement("H2.4", "R1.3")
async def test_steps_see_what_was_sent_and_so_do_those_of_a_rerun(storage: Storage) -> None:
    seen: list[Json] = []

    async def look(request: StepRequest) -> StepResult:
        seen.append(request.context.base.get("webhook"))
        return done()

    clock = MovableClock(START * SECOND)
    body = codec.encode({"order": {"id": 7}, "pad": "x" * 100_000})
    async with working(storage, {"a": look}) as place, receiving(storage, place, hooked(), clock) as desk:
        receipt = await desk.call(body, content_type="application/json", x_id="r")
        execution = await place.end(await storage.executions.load(receipt.execution_id))
        await place.end(await place.executions.rerun(execution.id, Again(whole=True), by="me"))
        await place.run(desk.stored)
    assert seen[0]["payload"]["order"] == {"id": 7}
    assert seen[0]["headers"] == {"content-type": "application/json", "x-id": "r"}
    assert seen == [seen[0], seen[0], None]
