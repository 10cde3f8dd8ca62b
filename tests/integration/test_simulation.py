"""A simulation beside the scheduler that it foretells: on a real database, with a clock that the test moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hengio.clock import SECOND
from hengio.dispatch.local import LocalDispatcher
from hengio.errors import NotFound, Refused
from hengio.model.execution import Execution, ExecutionFilter, ExecutionState
from hengio.model.fire import FireFilter
from hengio.model.outcome import Failure
from hengio.model.schedule import ZONE, Calendar, CronSchedule, FixedDelay, FixedRate, Schedule
from hengio.scheduler.firing import Firing
from hengio.scheduler.simulation.tally import Outlook
from hengio.service.simulation import Asked, SimulationService
from hengio.storage.protocol import Close, Record, Storage, StoredJob
from tests.support.builders import a_job
from tests.support.clock import MovableClock
from tests.support.schedules import HOUR, at, hourly
from tests.support.storages import begun, claimed, commit, opened

START = at("2027-02-05T00:00:00+07:00")
"""The first of the days of Tết."""
TAKES = 700.0
STEP = 50.0


@pytest.fixture
async def storage(tmp_path: Path) -> AsyncIterator[Storage]:
    async with opened(f"sqlite:///{tmp_path / 'hengio.db'}") as storage:
        yield storage


def asked(**fields: Any) -> Asked:
    return Asked(**{"since": START, "days": 1, "zone": ZONE, **fields})


async def foretold(storage: Storage, **fields: Any) -> Outlook:
    [job] = (await SimulationService(storage=storage).simulate(asked(**fields))).done.jobs
    return job


async def came_true(storage: Storage, stored: StoredJob) -> Counter[str]:
    """What is in the ledger after a day on which each execution took its time."""
    clock = MovableClock(START)
    firing = Firing(store=storage.schedules, dispatcher=LocalDispatcher(), clock=clock)
    for _ in range(int(86_400 / STEP) + 1):
        await _end(storage, clock)
        await firing.once(limit=10)
        clock.advance(STEP)
    found = await storage.schedules.fires(FireFilter(job_id=stored.id, until=START + 24 * HOUR), limit=10_000)
    return Counter(fire.reason or fire.state.value for fire in found)


async def _end(storage: Storage, clock: MovableClock) -> None:
    open_ones = await storage.executions.recent(ExecutionFilter(states=(ExecutionState.PENDING,)), limit=1_000)
    for one in open_ones:
        assert one.nominal_time is not None
        if one.nominal_time + int(TAKES * SECOND) <= clock.now():
            await storage.interventions.cancel(one.id, why=Failure("cancelled", "a test"), at=clock.now())


@pytest.mark.requirement("H1.5", "H1.7")
@pytest.mark.parametrize(
    ("schedule", "fields"),
    [
        (FixedRate(interval_seconds=600), {}),
        (FixedRate(interval_seconds=600), {"overlap": "queue"}),
        (FixedRate(interval_seconds=600), {"overlap": "allow"}),
        (FixedRate(interval_seconds=600), {"overlap": "cancel_running"}),
        (FixedDelay(delay_seconds=600), {}),
        (CronSchedule(expression="0 */20 * * * ?", calendar=Calendar(skip_holidays="VN")), {}),
        (CronSchedule(expression="0 0,10 * * * ?"), {"enabled": False}),
    ],
)
async def test_the_ledger_of_a_day_is_what_was_foretold(
    storage: Storage, schedule: Schedule, fields: dict[str, Any]
) -> None:
    stored = await storage.jobs.put(a_job("a", schedule=schedule, **fields), at=START - 1)
    job = await foretold(storage, seconds={"job": TAKES})
    assert await came_true(storage, stored) == Counter({"fired": job.fires, **job.skipped}) - Counter()


async def a_history(storage: Storage, stored: StoredJob, *seconds: float) -> list[Execution]:
    """Executions that took so long and succeeded."""
    found = []
    for number, each in enumerate(seconds):
        execution = await begun(storage, stored=stored, created_at=START - HOUR + number)
        claim = (await claimed(storage, execution)).execution
        assert claim.started_at is not None
        close = Close(ExecutionState.SUCCESS, claim.started_at + int(each * SECOND))
        await commit(storage, Record(execution.id, claim.claim, close=close))
        found.append(execution)
    return found


async def test_executions_take_as_long_as_those_before_unless_somebody_says_otherwise(storage: Storage) -> None:
    stored = await storage.jobs.put(a_job("a", schedule=hourly()), at=START - 1)
    assert (await foretold(storage)).subject.durations.source == "assumed"
    await a_history(storage, stored, 10.0, 20.0, 30.0)
    measured = (await foretold(storage)).subject.durations
    assert (measured.source, measured.mean) == ("measured", 20.0)
    given = (await foretold(storage, seconds={stored.id: 5.0})).subject.durations
    assert (given.source, given.mean) == ("given", 5.0)


async def test_a_draft_stands_for_the_stored_job_of_its_name_and_has_its_history(storage: Storage) -> None:
    stored = await storage.jobs.put(a_job("a", schedule=hourly()), at=START - 1)
    await storage.jobs.put(a_job("a", name="other", schedule=hourly()), at=START - 1)
    await a_history(storage, stored, 10.0)
    await storage.schedules.pause(stored.id, paused=True, at=START)
    draft = a_job("a", schedule=FixedRate(interval_seconds=1_800))
    found = await SimulationService(storage=storage).simulate(asked(drafts=(draft,)))
    job, other = found.done.jobs
    assert (job.subject.name, job.subject.durations.mean, job.skipped) == ("job", 10.0, {"paused": 47})
    assert (other.subject.name, other.fires) == ("other", 24)
    alone = await foretold(storage, drafts=(draft,), stored=False)
    assert alone.subject.row.job_id == stored.id


async def test_only_what_is_asked_for_is_simulated(storage: Storage) -> None:
    for name in ("one", "two"):
        await storage.jobs.put(a_job("a", name=name, schedule=hourly()), at=START - 1)
    await storage.jobs.put(a_job("a", name="by-hand"), at=START - 1)
    assert (await foretold(storage, only=("two",))).subject.name == "two"
    with pytest.raises(NotFound, match="no job 'by-hand' follows a schedule"):
        await foretold(storage, only=("by-hand",))
    with pytest.raises(NotFound) as near:
        await foretold(storage, only=("twoo",))
    assert near.value.hint == "did you mean 'two'?"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"days": 0}, "0 days cannot be simulated"),
        ({"days": 3_661}, "3661 days cannot be simulated"),
        ({"since": at("2198-01-01T00:00:00+00:00"), "days": 800}, "from 1970 to 2199"),
        ({"seconds": {"job": 0.0}}, "cannot take 0 s"),
        ({"seconds": {"job": float("nan")}}, "cannot take nan s"),
        ({"seconds": {"nobody": 1.0}}, "no job 'nobody' follows a schedule"),
        ({"drafts": (a_job("a"), a_job("a"))}, "two definitions define the job 'job'"),
    ],
)
async def test_what_cannot_be_simulated_is_refused(storage: Storage, fields: dict[str, Any], message: str) -> None:
    await storage.jobs.put(a_job("a", schedule=hourly()), at=START - 1)
    with pytest.raises(Refused, match=message):
        await foretold(storage, **fields)


async def test_drafts_need_no_storage_and_one_without_a_schedule_is_told(storage: Storage) -> None:
    drafts = (a_job("a", name="plain"), a_job("a", name="timed", schedule=hourly()))
    found = await SimulationService(storage=None).simulate(asked(drafts=drafts))
    assert (found.without, [job.subject.name for job in found.done.jobs]) == (("plain",), ["timed"])
