"""Who is let in by a webhook, and what is told of who is not (H2)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio import codec
from hengio.clock import SECOND
from hengio.codec import Json
from hengio.errors import Conflict, Forbidden, NotFound, Unauthenticated, Unavailable
from hengio.model.execution import ExecutionState
from hengio.model.job import RateLimit
from hengio.service.executions import Again
from hengio.service.refusals import EVERY_SECONDS
from hengio.service.webhooks import WebhookService
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Storage
from hengio.vault.keys import KeyMissing
from tests.support.clock import MovableClock
from tests.support.receiving import START, hooked, receiving
from tests.support.storages import put_job
from tests.support.vaults import OTHER, SECRET, ring, variables
from tests.support.workplace import Hold, done, working


@pytest.mark.requirement("H2.2")
async def test_a_server_whose_clock_is_wrong_lets_in_who_is_within_five_minutes_of_it(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        for late in (0, 299, -299):
            await caller.call(b"%d" % late, at=START - late)
        for late in (301, -301):
            with pytest.raises(Unauthenticated):
                await caller.call(at=START - late)
        clock.advance(301)
        with pytest.raises(Unauthenticated):
            await caller.call(b"0")


@pytest.mark.requirement("H2.2")
async def test_refusals_are_written_down_once_a_minute_for_each_kind_with_their_number(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        for _ in range(50):
            with pytest.raises(Unauthenticated):
                await caller.call(secret="wrong")
        await storage.jobs.enable(caller.stored.id, enabled=False, at=1)
        with pytest.raises(Forbidden):
            await caller.call()
        clock.advance(EVERY_SECONDS)
        with pytest.raises(Unauthenticated):
            await caller.call(secret="wrong", at=START + 60)
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
    async with working(storage) as place, receiving(storage, place, hooked(), clock, audit=away) as caller:
        with pytest.raises(Unauthenticated):
            await caller.call(secret="wrong")


@pytest.mark.requirement("H2.2")
@pytest.mark.parametrize("value", ["", None, 0, [], "another secret"])
async def test_a_secret_that_is_empty_missing_or_another_one_lets_nobody_in(storage: Storage, value: Json) -> None:
    clock = MovableClock(START * SECOND)
    job = hooked(webhook={"secret_key": "${HOOK}"})
    async with working(storage) as place, receiving(storage, place, job, clock) as caller:
        if value is not None:
            await variables(storage).set("HOOK", value, actor="me")
        for secret in (caller.access.secret, "${HOOK}", " ", "null", "false"):
            with pytest.raises(Unauthenticated):
                await caller.call(secret=secret)
    assert await storage.executions.recent() == []


@pytest.mark.requirement("H2.2", "H6.1")
async def test_a_secret_may_be_written_around_a_variable_and_the_jobs_own_wins(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    job = hooked(webhook={"secret_key": "v1-${HOOK}"})
    async with working(storage) as place, receiving(storage, place, job, clock) as caller:
        await variables(storage).set("HOOK", "of everybody", actor="me", sensitive=True)
        await caller.call(b"1", secret="v1-of everybody")
        await variables(storage).set("HOOK", "of the job", actor="me", sensitive=True, job="job")
        await caller.call(b"2", secret="v1-of the job")
        with pytest.raises(Unauthenticated):
            await caller.call(b"3", secret="v1-of everybody")


@pytest.mark.requirement("H2.2", "H6.2")
async def test_a_url_whose_key_is_lost_is_not_here_until_it_is_regenerated(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        lost = WebhookService(storage=storage, ring=ring(OTHER), clock=clock)
        with pytest.raises(KeyMissing):
            await lost.access(caller.stored)
        other = await put_job(storage, hooked(name="other"))
        with pytest.raises(KeyMissing):
            await lost.ensure(other, by="me")
        access = await lost.regenerate(caller.stored, by="me")
        with pytest.raises(NotFound):
            await caller.call()
        assert access.secret != caller.access.secret
        await WebhookService(storage=storage, ring=ring(OTHER, SECRET), clock=clock).ensure(other, by="me")


@pytest.mark.requirement("H2.4", "R1.3")
async def test_steps_see_what_was_sent_and_so_do_those_of_a_rerun(storage: Storage) -> None:
    seen: list[Json] = []

    async def look(request: StepRequest) -> StepResult:
        seen.append(request.context.base.get("webhook"))
        return done()

    clock = MovableClock(START * SECOND)
    body = codec.encode({"order": {"id": 7}, "pad": "x" * 100_000})
    async with working(storage, {"a": look}) as place, receiving(storage, place, hooked(), clock) as caller:
        receipt = await caller.call(body, content_type="application/json", x_id="r")
        execution = await place.end(await storage.executions.load(receipt.execution_id))
        await place.end(await place.executions.rerun(execution.id, Again(whole=True), by="me"))
        await place.run(caller.stored)
    assert seen[0]["payload"]["order"] == {"id": 7}
    assert seen[0]["headers"] == {"content-type": "application/json", "x-id": "r"}
    assert seen == [seen[0], seen[0], None]


@pytest.mark.requirement("H2.3")
async def test_a_job_or_webhook_that_is_disabled_is_told_only_to_who_signed(storage: Storage) -> None:
    clock = MovableClock(START * SECOND)
    async with working(storage) as place, receiving(storage, place, hooked(), clock) as caller:
        jobs, job_id = storage.jobs, caller.stored.id
        await jobs.enable(job_id, enabled=False, at=1)
        with pytest.raises(Forbidden):
            await caller.call()
        with pytest.raises(Unauthenticated):
            await caller.call(secret="wrong")
        await jobs.enable(job_id, enabled=True, at=1)
        await caller.call(b"1")
        await jobs.put(hooked(webhook={"enabled": False}), at=1)
        with pytest.raises(Forbidden):
            await caller.call(b"2")
        await jobs.put(hooked(description="again"), at=1)
        await caller.call(b"3")


@pytest.mark.requirement("H2.3", "H5.8")
@pytest.mark.parametrize("overlap", [None, "skip", "cancel_running", "allow"])
async def test_a_call_while_an_execution_is_not_over_meets_the_overlap_of_the_job(
    storage: Storage, overlap: str | None
) -> None:
    hold, clock = Hold(), MovableClock(START * SECOND)
    job = hooked(overlap=overlap, webhook={"rate_limit": RateLimit(max_requests=5, window_seconds=60)})
    async with working(storage, {"a": hold}) as place, receiving(storage, place, job, clock) as caller:
        first = await storage.executions.load((await caller.call(b"1")).execution_id)
        await hold.begun.wait()
        if overlap == "skip":
            with pytest.raises(Conflict, match="is not over"):
                await caller.call(b"2")
        else:
            second = await storage.executions.load((await caller.call(b"2")).execution_id)
        states = {one.id: one.state for one in await storage.executions.recent()}
        wanted = ExecutionState.CANCELLING if overlap == "cancel_running" else ExecutionState.RUNNING
        assert states[first.id] is wanted
        hold.let_go.set()
        if overlap != "skip":
            assert (await place.end(second)).state is ExecutionState.SUCCESS


async def test_a_variable_that_signs_calls_is_in_use(storage: Storage) -> None:
    await variables(storage).set("HOOK", "a long enough secret", actor="me", sensitive=True)
    await put_job(storage, hooked(webhook={"secret_key": "${HOOK}"}))
    with pytest.raises(Conflict, match="used by the webhook of job 'job'"):
        await variables(storage).delete("HOOK", actor="me")
