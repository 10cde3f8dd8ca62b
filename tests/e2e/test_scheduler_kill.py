"""kill -9 of schedulers at random moments, one on SQLite and several at once on PostgreSQL: ten minutes' worth of
fires, none lost, none twice (H1.6, H11.1)."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path

import pytest

from hengio.clock import SECOND, Micros
from hengio.model.execution import Execution
from hengio.model.fire import Fire, FireFilter, FireState
from hengio.model.schedule import CronSchedule, FixedRate, Misfire, Schedule
from hengio.storage.protocol import Storage, StoredJob
from hengio.timetable.compile import timetable
from tests.support.builders import a_job
from tests.support.schedulers import FastClock
from tests.support.storages import opened
from tests.support.waiting import eventually

JOBS = 120
SIMULATED_SECONDS = 600
FACTOR = 40
KILL_EVERY_SECONDS = (0.1, 0.9)
ALL = Misfire(policy="fire_all", limit=10_000)


def schedules() -> Iterator[Schedule]:
    """Some every ten seconds and all at once, some on grids of their own, some each minute."""
    while True:
        yield CronSchedule(expression="*/10 * * * * ?", misfire=ALL)
        yield FixedRate(interval_seconds=7, misfire=ALL)
        yield CronSchedule(expression="0 * * * * ?", timezone="America/New_York", misfire=ALL)


class Processes:
    """Schedulers that are killed and started again."""

    def __init__(self, url: str, began: float, *, count: int, chance: random.Random) -> None:
        self._command = [sys.executable, "-m", "tests.support.schedulers", url, str(began), str(FACTOR)]
        self._chance = chance
        self._running = [self._start() for _ in range(count)]
        self.kills = 0

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def kill_one(self) -> None:
        """Kill any of them, and start another in its place."""
        place = self._chance.randrange(len(self._running))
        self._kill(self._running[place])
        self.kills += 1
        self._running[place] = self._start()

    def end(self) -> None:
        for process in self._running:
            self._kill(process)

    def _kill(self, process: subprocess.Popen[bytes]) -> None:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def expected(stored: StoredJob, began: Micros, until: Micros) -> set[Micros]:
    """Every nominal time of the job that must have been decided."""
    assert stored.job.schedule is not None
    times = timetable(stored.job.schedule, anchor=began).after(began)
    return {one.at for one in takewhile(lambda one: one.at <= until, times)}


async def everything(storage: Storage) -> tuple[list[Fire], list[Execution]]:
    fires, executions = [], []
    page: list[Fire] = []
    while page := await storage.schedules.fires(FireFilter(), limit=5_000, before=page[-1] if page else None):
        fires += page
    found: list[Execution] = []
    while found := await storage.executions.recent(limit=5_000, before=found[-1] if found else None):
        executions += found
    return fires, executions


@pytest.mark.requirement("H1.6", "H1.8", "H5.13", "H11.1")
@pytest.mark.parametrize(("kind", "count"), [("sqlite", 1), ("postgresql", 2), ("postgresql", 4)])
async def test_killed_schedulers_lose_no_fire_and_fire_none_twice(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str, count: int
) -> None:
    url = f"sqlite:///{tmp_path / 'hengio.db'}" if kind == "sqlite" else request.getfixturevalue("postgres_url")
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    async with opened(url) as storage:
        began = time.time()
        start, end = int(began * SECOND), int(began + SIMULATED_SECONDS) * SECOND
        made = zip(range(JOBS), schedules(), strict=False)
        jobs = [a_job("a", name=f"job-{n}", schedule=each, allow_concurrent=n % 4 != 0) for n, each in made]
        stored = [await storage.jobs.put(job, at=start) for job in jobs]
        processes, clock = Processes(url, began, count=count, chance=chance), FastClock(began, FACTOR)
        try:
            while clock.now() < end:
                await asyncio.sleep(chance.uniform(*KILL_EVERY_SECONDS))
                processes.kill_one()
            await eventually(lambda: caught_up(storage, end))
        finally:
            processes.end()
        fires, executions = await everything(storage)
    told = f"seed {seed}, {processes.kills} kills"
    assert processes.kills >= 5, told
    for job in stored:
        decided = Counter(fire.nominal_time for fire in fires if fire.job_id == job.id)
        assert set(decided.values()) <= {1}, told
        assert expected(job, start, end) <= set(decided), f"{job.job.name} lost a fire ({told})"
    assert begun(executions) == {
        (fire.job_id, fire.nominal_time, fire.execution_id) for fire in fires if is_fired(fire)
    }
    assert len(executions) == len(begun(executions)), told
    assert all(is_fired(fire) for fire in fires if job_of(stored, fire).job.allow_concurrent), told


async def caught_up(storage: Storage, end: Micros) -> bool:
    next_at = await storage.schedules.next_at()
    return next_at is not None and next_at > end


def begun(executions: list[Execution]) -> set[tuple[str, Micros | None, str | None]]:
    return {(one.job_id, one.nominal_time, one.id) for one in executions}


def is_fired(fire: Fire) -> bool:
    return fire.state is FireState.FIRED


def job_of(stored: list[StoredJob], fire: Fire) -> StoredJob:
    return next(one for one in stored if one.id == fire.job_id)
