"""What schedules would do in a time to come, for those that are stored and for definitions that are not yet (H1.7).

Nothing is written, and nothing is running at the beginning of the simulated time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hengio import codec
from hengio.clock import Micros, to_datetime
from hengio.codec import Raw
from hengio.errors import NotFound, Refused
from hengio.model.job import Job
from hengio.model.schedule import Schedule
from hengio.scheduler.simulation.advice import Remark, about, overall
from hengio.scheduler.simulation.durations import ASSUMED, Durations
from hengio.scheduler.simulation.follow import Subject
from hengio.scheduler.simulation.simulate import MOST_DAYS, Listed, Simulation, fires, simulate
from hengio.scheduler.simulation.span import Span
from hengio.storage.protocol import Storage, StoredJob
from hengio.storage.schedules import ScheduleRow
from hengio.timetable.zone import LAST_YEAR

MEASURED = 50
"""So many of a job's latest executions say how long it takes."""
LONGEST_SECONDS = 31_536_000.0
_PAGE = 1_000
_schedules = msgspec.json.Decoder(Schedule)


class Asked(Struct, frozen=True, kw_only=True):
    """What to simulate: so many `days` from `since` on in a time zone, of the `stored` jobs and of `drafts`, which
    stand for stored jobs of their names; with `only`, those of them, by name or id.

    `seconds` is how long executions of a job take, whatever was measured. `listed` nominal times are told one by one.
    """

    since: Micros
    days: int
    zone: str
    stored: bool = True
    drafts: tuple[Job, ...] = ()
    only: tuple[str, ...] = ()
    seconds: Mapping[str, float] = {}
    listed: int = 0


class Simulated(Struct, frozen=True, kw_only=True):
    """The simulation, what there is to say of each of its jobs and of all together, and the first times one by one.

    `without` are drafts that follow no schedule.
    """

    done: Simulation
    remarks: tuple[tuple[Remark, ...], ...]
    overall: tuple[Remark, ...]
    listed: tuple[Listed, ...] = ()
    without: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationService:
    """Simulates schedules. Without a `storage` there are drafts alone. A worker runs so many executions `at_once`."""

    storage: Storage | None
    at_once: int | None = None

    async def simulate(self, asked: Asked) -> Simulated:
        """In a thread, since it may take seconds. Raises `Refused` for what would be too much, and for durations of
        jobs that are not simulated; `NotFound` for a job of `only` that is not there or has no schedule."""
        _check(asked)
        subjects = [*await self._stored(asked), *await self._drafts(asked)]
        chosen = _chosen(_with_seconds(subjects, asked.seconds), asked.only)
        return await asyncio.to_thread(self._simulated, sorted(chosen, key=lambda one: one.name), asked)

    def _simulated(self, subjects: Sequence[Subject], asked: Asked) -> Simulated:
        span = Span.days_from(asked.since, asked.days, asked.zone)
        done = simulate(subjects, span)
        return Simulated(
            done=done,
            remarks=tuple(about(job, span) for job in done.jobs),
            overall=overall(done, at_once=self.at_once),
            listed=tuple(fires(subjects, span, limit=asked.listed)),
            without=tuple(job.name for job in asked.drafts if not _follows(job)),
        )

    async def _stored(self, asked: Asked) -> list[Subject]:
        """Jobs that are stored and follow a schedule, those for which a draft stands left out."""
        if self.storage is None or not asked.stored:
            return []
        drafted = {job.name for job in asked.drafts}
        jobs = {one.id: one for one in await self.storage.jobs.all() if one.job.name not in drafted}
        rows: list[ScheduleRow] = []
        while page := await self.storage.schedules.all(limit=_PAGE, after=rows[-1].job_id if rows else None):
            rows += page
        rows = [row for row in rows if row.job_id in jobs]
        measured = await self._measured([row.job_id for row in rows])
        return [
            Subject(
                name=jobs[row.job_id].job.name,
                row=row,
                schedule=_schedules.decode(row.schedule),
                durations=measured.get(row.job_id, ASSUMED),
            )
            for row in rows
        ]

    async def _drafts(self, asked: Asked) -> list[Subject]:
        found = []
        for job in asked.drafts:
            if job.schedule is None or not _follows(job):
                continue
            known = await self._known(job.name)
            row = await self._row(job, known, asked.since)
            measured = {} if known is None else await self._measured([known.id])
            durations = measured.get(row.job_id, ASSUMED)
            found.append(Subject(name=job.name, row=row, schedule=job.schedule, durations=durations))
        return found

    async def _known(self, name: str) -> StoredJob | None:
        if self.storage is None:
            return None
        try:
            stored = await self.storage.jobs.get(name)
        except NotFound:
            return None
        return stored if stored.job.name == name else None

    async def _row(self, job: Job, known: StoredJob | None, since: Micros) -> ScheduleRow:
        """As it would be kept, if the job were saved at the beginning of the simulated time."""
        before = None if known is None or self.storage is None else await self.storage.schedules.get(known.id)
        schedule = Raw(codec.encode(job.schedule))
        is_same = before is not None and bytes(before.schedule) == bytes(schedule)
        return ScheduleRow(
            job_id=job.name if known is None else known.id,
            job_version=0,
            schedule=schedule,
            input=Raw(b"null"),
            enabled=job.enabled,
            paused=before is not None and before.paused,
            exclusive=job.exclusive,
            overlap=job.overlap,
            anchor=before.anchor if before is not None and is_same else since,
            decided_until=since,
            next_at=since,
            finished=False,
            problem=None,
            last_execution_id=None,
        )

    async def _measured(self, job_ids: Sequence[str]) -> dict[str, Durations]:
        if self.storage is None:
            return {}
        found = await self.storage.executions.durations(job_ids, limit=MEASURED)
        return {job_id: Durations.of("measured", seconds) for job_id, seconds in found.items()}


def _check(asked: Asked) -> None:
    if not 1 <= asked.days <= MOST_DAYS:
        raise Refused(f"{asked.days} days cannot be simulated", hint=f"from 1 to {MOST_DAYS}")
    if asked.since < 0 or to_datetime(asked.since).year + asked.days // 365 >= LAST_YEAR:
        raise Refused(f"schedules are known from 1970 to {LAST_YEAR}")
    for name, seconds in asked.seconds.items():
        if not 0 < seconds <= LONGEST_SECONDS:
            raise Refused(f"an execution of '{name}' cannot take {seconds:g} s", hint="more than 0 s, at most a year")
    names = [job.name for job in asked.drafts]
    if twice := {name for name in names if names.count(name) > 1}:
        raise Refused(f"two definitions define the job '{min(twice)}'", hint="give them names of their own")


def _follows(job: Job) -> bool:
    return job.schedule is not None and job.triggers.scheduled


def _chosen(subjects: Sequence[Subject], only: Sequence[str]) -> list[Subject]:
    if not only:
        return list(subjects)
    for name in only:
        if not any(name in {one.name, one.row.job_id} for one in subjects):
            raise NotFound(f"no job '{name}' follows a schedule", hint=_near(name, subjects))
    return [one for one in subjects if {one.name, one.row.job_id} & set(only)]


def _with_seconds(subjects: Sequence[Subject], seconds: Mapping[str, float]) -> list[Subject]:
    for name in seconds:
        if not any(name in {one.name, one.row.job_id} for one in subjects):
            raise Refused(f"no job '{name}' follows a schedule, so it takes no time", hint=_near(name, subjects))
    found = []
    for one in subjects:
        given = seconds.get(one.name, seconds.get(one.row.job_id))
        found.append(one if given is None else replace(one, durations=Durations.of("given", [given])))
    return found


def _near(name: str, subjects: Sequence[Subject]) -> str:
    near = get_close_matches(name[:200], [one.name for one in subjects], n=1)
    return f"did you mean '{near[0]}'?" if near else ""
