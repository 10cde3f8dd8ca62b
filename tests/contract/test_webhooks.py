"""What the store of webhooks promises, and what bounds how many executions they begin, on each database (H2)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from hengio.clock import SECOND
from hengio.codec import Raw
from hengio.errors import Conflict, Limited
from hengio.model.execution import Execution, ExecutionState
from hengio.model.job import RateLimit
from hengio.model.outcome import Failure
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.vault import Place, Sealing, Stored
from hengio.storage.webhooks import WebhookRow
from tests.support.builders import NOON, a_job, an_execution
from tests.support.storages import begun, claimed, heard, opened, put_job
from tests.support.vaults import a_connection, an_entry

SEALED = Stored("c2VhbGVk", "first")
WHY = Failure("cancelled", "another took its place", retryable=False)


def a_row(of: StoredJob, digest: str = "d1", **fields: Any) -> WebhookRow:
    row = WebhookRow(job_id=of.id, digest=digest, stored=SEALED, created_at=NOON, created_by="me")
    return replace(row, **fields)


async def add(storage: Storage, row: WebhookRow) -> bool:
    return await storage.webhooks.add(row, entry=an_entry("webhook.created"), seal=lambda _: row.stored)


async def put_anew(storage: Storage, row: WebhookRow) -> None:
    await storage.webhooks.replace(row, entry=an_entry("webhook.regenerated"), seal=lambda _: row.stored)


@pytest.mark.requirement("H2.2")
async def test_a_digest_leads_to_its_job_at_the_latest_version(storage: Storage) -> None:
    stored = await put_job(storage)
    assert await add(storage, a_row(stored))
    await storage.jobs.put(a_job("a", "b"), at=NOON)
    await storage.jobs.enable(stored.id, enabled=False, at=NOON)
    found = await storage.webhooks.called("d1")
    assert found is not None
    assert (found.row, found.job_id, found.version) == (a_row(stored), stored.id, 2)
    assert (len(found.job.steps), found.job.enabled) == (2, False)
    assert await storage.webhooks.called("d2") is None


@pytest.mark.requirement("H2.2")
async def test_a_job_that_has_a_url_keeps_it_whoever_adds_another(storage: Storage) -> None:
    stored = await put_job(storage)
    added = await asyncio.gather(*(add(storage, a_row(stored, f"d{number}")) for number in range(5)))
    assert sorted(added) == [False, False, False, False, True]
    assert [entry.action for entry in await storage.audit.find(limit=10)] == ["webhook.created"]
    assert len(await storage.webhooks.all()) == 1


@pytest.mark.requirement("H2.5")
async def test_a_new_url_ends_the_old_one(storage: Storage) -> None:
    stored = await put_job(storage)
    await add(storage, a_row(stored))
    await put_anew(storage, a_row(stored, "d2"))
    assert await storage.webhooks.called("d1") is None
    assert await storage.webhooks.find(stored.id) == a_row(stored, "d2")


async def test_the_url_of_a_job_that_is_deleted_leads_nowhere(storage: Storage) -> None:
    stored = await put_job(storage)
    await add(storage, a_row(stored))
    await storage.jobs.delete(stored.id, at=NOON)
    assert await storage.webhooks.called("d1") is None
    assert await storage.webhooks.all() == []


@pytest.mark.requirement("H6.2")
async def test_webhooks_are_sealed_anew_with_everything_else(storage: Storage) -> None:
    stored = await put_job(storage)
    await storage.connections.put(a_connection(stored=SEALED), entry=an_entry("connection.set"))
    await add(storage, a_row(stored))
    seen: list[Place] = []

    def change(place: Place, before: Stored) -> Stored:
        seen.append(place)
        return Stored(f"{before.text}+", "second")

    assert await storage.vault.reseal("second", change, entry=an_entry("secrets.rotated")) == 2
    assert seen[1] == Place("webhooks", "", stored.id)
    found = await storage.webhooks.find(stored.id)
    assert found == a_row(stored, stored=Stored("c2VhbGVk+", "second"))
    assert await storage.vault.sealing() == Sealing("second", 2)


async def test_who_replaces_a_url_is_not_held_up_by_others_whose_key_is_lost(storage: Storage) -> None:
    told: list[Sealing] = []

    def seal(sealing: Sealing) -> Stored:
        told.append(sealing)
        return Stored("bmV3", "second")

    first = await put_job(storage)
    other = await put_job(storage, a_job("a", name="other"))
    await storage.webhooks.add(a_row(first), entry=an_entry("webhook.created"), seal=lambda _: SEALED)
    await storage.webhooks.add(a_row(other, "d2"), entry=an_entry("webhook.created"), seal=seal)
    await storage.webhooks.replace(a_row(first, "d3"), entry=an_entry("webhook.regenerated"), seal=seal)
    assert told[0].sealed == 1
    assert told[1].sealed == 0
    assert (await storage.vault.sealing()).key_id == "second"


def sent(stored: StoredJob, at: int, **fields: Any) -> Execution:
    return an_execution(stored, trigger="webhook", created_at=at, due_at=at, **fields)


LIMIT = RateLimit(max_requests=3, window_seconds=10)


async def begin(storage: Storage, execution: Execution) -> Execution:
    return await storage.interventions.begin_within(execution, limit=LIMIT)


@pytest.mark.requirement("H2.3")
async def test_past_the_rate_limit_one_is_told_when_there_is_room_again(storage: Storage) -> None:
    stored = await put_job(storage)
    for second in (0, 2, 4):
        await begin(storage, sent(stored, NOON + second * SECOND))
    for second, wait in ((4.5, 6), (9, 1), (9.999999, 1)):
        with pytest.raises(Limited) as refused:
            await begin(storage, sent(stored, NOON + int(second * SECOND)))
        assert refused.value.retry_after_seconds == wait
    await begin(storage, sent(stored, NOON + 10 * SECOND))
    with pytest.raises(Limited):
        await begin(storage, sent(stored, NOON + 11 * SECOND))
    await begin(storage, sent(stored, NOON + 12 * SECOND))


@pytest.mark.requirement("H2.3")
async def test_only_what_webhooks_begin_for_the_same_job_counts(storage: Storage) -> None:
    stored = await put_job(storage)
    other = await put_job(storage, a_job("a", name="other"))
    for _ in range(3):
        await begun(storage, stored=stored)
        await begun(storage, stored=stored, trigger="rerun")
        await begin(storage, sent(other, NOON))
        await begin(storage, sent(stored, NOON))
    with pytest.raises(Limited):
        await begin(storage, sent(stored, NOON))


@pytest.mark.requirement("H2.3", "H2.6")
async def test_who_repeats_a_key_is_answered_past_the_limit_too_and_does_not_count(storage: Storage) -> None:
    stored = await put_job(storage)
    first = await begin(storage, sent(stored, NOON, idempotency_key="k"))
    for _ in range(5):
        assert (await begin(storage, sent(stored, NOON, idempotency_key="k"))).id == first.id
    for _ in range(2):
        await begin(storage, sent(stored, NOON))
    assert (await begin(storage, sent(stored, NOON, idempotency_key="k"))).id == first.id


@pytest.mark.requirement("H2.3")
async def test_of_many_that_come_at_once_from_several_processes_no_more_begin_than_may(
    storage: Storage, database_url: str
) -> None:
    stored = await put_job(storage)
    async with opened(database_url) as other:
        asked = (begin((storage, other)[number % 2], sent(stored, NOON + number)) for number in range(20))
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, Execution) for one in answers) == 3
    assert sum(isinstance(one, Limited) for one in answers) == 17


@pytest.mark.requirement("H2.3", "H5.8")
async def test_the_limit_holds_with_every_overlap(storage: Storage) -> None:
    stored = await put_job(storage)
    one = RateLimit(max_requests=1, window_seconds=10)
    first = await storage.interventions.begin_alone(sent(stored, NOON), limit=one)
    with pytest.raises(Limited):
        await storage.interventions.begin_alone(sent(stored, NOON), limit=one)
    with pytest.raises(Conflict):
        await storage.interventions.begin_alone(sent(stored, NOON + 11 * SECOND), limit=one)
    with pytest.raises(Limited):
        await storage.interventions.begin_instead(sent(stored, NOON), why=WHY, limit=one)
    assert (await storage.executions.load(first.id)).state is ExecutionState.PENDING
    await storage.interventions.begin_instead(sent(stored, NOON + 11 * SECOND), why=WHY, limit=one)
    assert (await storage.executions.load(first.id)).state is ExecutionState.CANCELLED


@pytest.mark.requirement("H2.4")
async def test_what_a_webhook_was_sent_is_kept_to_the_byte_and_left_out_of_lists(storage: Storage) -> None:
    data = Raw('{"payload":{"tên":"Tết\\u0000"},"headers":{}}'.encode())
    stored = await put_job(storage)
    execution = await begun(storage, stored=stored, trigger="webhook", webhook=data)
    assert (await storage.executions.load(execution.id)).webhook == data
    with heard() as statements:
        [listed] = await storage.executions.recent()
        newest = await storage.executions.latest([stored.id])
    assert listed.webhook is newest[stored.id].webhook is None
    assert not [sql for sql, _ in statements if "executions.webhook" in sql]
    answer = await claimed(storage, execution)
    assert answer.execution.webhook == data
