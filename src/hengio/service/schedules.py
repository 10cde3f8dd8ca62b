"""Schedules, as people deal with them: what fires next, what fired or why not, pause, resume, backfill (H1.6, H1.8)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, takewhile

import msgspec
from msgspec import Struct

from hengio.clock import SECOND, Clock, Micros
from hengio.errors import Conflict, NotFound, Refused
from hengio.ids import new_id
from hengio.lifecycle.start import scheduled
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.execution import Execution
from hengio.model.fire import Fire, FireFilter, FireState, SkipReason
from hengio.model.schedule import FixedRate, Schedule
from hengio.scheduler.firing import Firing, unevaluable
from hengio.storage.protocol import Storage, StoredJob, Work
from hengio.storage.schedules import ScheduleRow
from hengio.timetable.compile import timetable
from hengio.timetable.occurrence import Occurrence

PAGE = 1_000
MOST_BACKFILLED = 1_000
"""In one transaction; more are asked for again."""
_MADE_UP: tuple[SkipReason, ...] = ("overlap", "paused", "misfire")
"""Skips that a backfill makes up for. Holidays and gaps of the clock were left out on purpose."""
_LOOKED_THROUGH = 10_000
_schedules = msgspec.json.Decoder(Schedule)


class Followed(Struct, frozen=True, kw_only=True):
    """A job's schedule with the time that fires next, None if none does, and what became of the latest. `problem` is
    why it fires no more."""

    job: StoredJob
    row: ScheduleRow
    next_fire: Micros | None
    latest: Fire | None
    problem: str | None = None


class Backfilled(Struct, frozen=True, kw_only=True):
    """What a backfill did, or would do: the nominal times, and the executions that were begun for them. `more` says
    that the range has others behind the limit."""

    times: tuple[Micros, ...]
    executions: tuple[Execution, ...] = ()
    more: bool = False


class Range(Struct, frozen=True):
    """From one moment to another, both included."""

    since: Micros
    until: Micros


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleService:
    """Sees to schedules."""

    storage: Storage
    firing: Firing
    clock: Clock

    async def listed(self) -> list[Followed]:
        """Every job that follows a schedule, by name."""
        jobs = {stored.id: stored for stored in await self.storage.jobs.all()}
        found: list[Followed] = []
        after: str | None = None
        while page := await self.storage.schedules.all(limit=PAGE, after=after):
            after = page[-1].job_id
            latest = await self.storage.schedules.latest_fires([row.job_id for row in page])
            here = (row for row in page if row.job_id in jobs)
            found += (self._followed(jobs[row.job_id], row, latest.get(row.job_id)) for row in here)
        return sorted(found, key=lambda one: one.job.job.name)

    async def show(self, name: str) -> Followed:
        """That of one job. `NotFound` without a schedule."""
        stored, row = await self._row(name)
        latest = await self.storage.schedules.latest_fires([row.job_id])
        return self._followed(stored, row, latest.get(row.job_id))

    async def fires(self, wanted: FireFilter, *, limit: int, before: Fire | None = None) -> list[Fire]:
        """Rows of the ledger, the latest nominal times first."""
        return await self.storage.schedules.fires(wanted, limit=limit, before=before)

    async def pause(self, name: str, *, paused: bool, by: str) -> Followed:
        """Let the schedule fire or not; the job may still be started otherwise. Times that pass meanwhile are skipped
        and stand in the ledger. Resuming also tries a schedule again that was stopped. `NotFound`."""
        stored, row = await self._row(name)
        at = self.clock.now()
        await self.firing.settle(row.job_id, at=at)
        await self.storage.schedules.pause(row.job_id, paused=paused, at=at)
        await self._audit("schedule.paused" if paused else "schedule.resumed", stored, by=by)
        return await self.show(name)

    async def backfill(self, name: str, span: Range, *, limit: int, dry_run: bool, by: str) -> Backfilled:
        """Start an execution for each nominal time of the range that has none (H1.8): those that were missed, skipped
        for an overlap, a pause or a misfire, or lie before the schedule was followed. The earliest first, at most
        `limit`. They queue where the job allows no execution beside another.

        Raises `NotFound`, `Conflict` for a disabled job and for `fixed_delay`, whose times follow from its executions,
        and `Refused` for a range that is empty.
        """
        stored, row = await self._row(name)
        if not stored.job.enabled:
            raise Conflict(f"job '{stored.job.name}' is disabled", hint="enable it first")
        schedule = stored.job.schedule
        if schedule is None or schedule.__struct_config__.tag == "fixed_delay":
            raise Conflict("the times of a fixed_delay schedule follow from its executions: there are none to fill in")
        if span.until < span.since:
            raise Refused("the range ends before it begins")
        await self.firing.settle(row.job_id, at=self.clock.now())
        missing = await self._missing(row, Range(span.since, min(span.until, self.clock.now())))
        times = tuple(islice(missing, limit + 1))
        chosen, more = times[:limit], len(times) > limit
        if dry_run or not chosen:
            return Backfilled(times=chosen, more=more)
        begun = await self._begin(row, chosen)
        await self._audit("schedule.backfilled", stored, by=by, executions=len(begun))
        return Backfilled(times=chosen, executions=tuple(begun), more=more)

    async def upcoming(self, stored: StoredJob, *, count: int) -> list[Occurrence]:
        """The next fires of that version of a job, if it is followed from now on; none without a schedule. Those of
        `fixed_delay` come at the earliest then."""
        schedule, now = stored.job.schedule, self.clock.now()
        if schedule is None or not stored.job.triggers.scheduled:
            return []
        row = await self.storage.schedules.get(stored.id)
        return list(islice(timetable(schedule, anchor=now if row is None else row.anchor).fires(now), count))

    async def _begin(self, row: ScheduleRow, times: Sequence[Micros]) -> list[Execution]:
        now, begun = self.clock.now(), []
        for start in range(0, len(times), MOST_BACKFILLED):
            part = [_filled(row, at, now) for at in times[start : start + MOST_BACKFILLED]]
            begun += await self.storage.schedules.backfill(part)
        await self.firing.dispatcher.publish([Work(one.id, one.dispatch_number) for one in begun])
        return begun

    async def _missing(self, row: ScheduleRow, span: Range) -> Iterator[Micros]:
        """The times of the range that did not fire, ascending: as the ledger has them, and before it begins as the
        schedule has them now."""
        first = await self.storage.schedules.first_fire(row.job_id)
        before = span.until if first is None else min(span.until, first - 1)
        earlier = _fires_within(_schedules.decode(row.schedule), row.anchor, Range(span.since, before))
        recorded: list[Micros] = []
        last: Fire | None = None
        wanted = FireFilter(job_id=row.job_id, since=span.since, until=span.until + 1)
        while page := await self.storage.schedules.fires(wanted, limit=_LOOKED_THROUGH, before=last):
            last = page[-1]
            for fire in filter(_is_missing, page):
                recorded += await self._times_of(fire, row, span)
        stands = set(recorded)
        return iter([*(at for at in earlier if at not in stands), *sorted(stands)])

    async def _times_of(self, fire: Fire, row: ScheduleRow, span: Range) -> list[Micros]:
        """What a row of the ledger stands for: its time, or those of its period by the schedule as it was then."""
        if fire.until is None:
            return [fire.nominal_time]
        then = await self.storage.jobs.version(fire.job_id, fire.job_version)
        if then.job.schedule is None:
            return []
        period = Range(max(fire.nominal_time, span.since), min(fire.until, span.until))
        return list(islice(_fires_within(then.job.schedule, row.anchor, period), _LOOKED_THROUGH))

    async def _row(self, name: str) -> tuple[StoredJob, ScheduleRow]:
        stored = await self.storage.jobs.get(name)
        row = await self.storage.schedules.get(stored.id)
        if row is None:
            raise NotFound(f"job '{stored.job.name}' follows no schedule", hint="its definition has none, or says so")
        return stored, row

    def _followed(self, stored: StoredJob, row: ScheduleRow, latest: Fire | None) -> Followed:
        next_fire, problem = None, row.problem
        try:
            next_fire = self._next_fire(row)
        except Exception as error:  # noqa: BLE001 - what is wrong with one schedule keeps no other from being shown
            problem = problem or unevaluable(error)
        return Followed(job=stored, row=row, next_fire=next_fire, latest=latest, problem=problem)

    def _next_fire(self, row: ScheduleRow) -> Micros | None:
        """The next time that fires. A schedule that has just been saved was not looked at yet."""
        if row.next_at is None or not row.active:
            return None
        schedule: Schedule = _schedules.decode(row.schedule)
        if schedule.__struct_config__.tag == "fixed_delay" and row.last_execution_id is not None:
            return row.next_at
        upcoming = next(timetable(schedule, anchor=row.anchor).fires(row.decided_until), None)
        return None if upcoming is None else upcoming.at

    async def _audit(self, action: AuditAction, stored: StoredJob, *, by: str, **detail: int) -> None:
        entry = AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=by,
            subject=stored.job.name,
            detail={"job_id": stored.id, **detail},
        )
        await self.storage.audit.add([entry])


def _fires_within(schedule: Schedule, anchor: Micros, span: Range) -> Iterator[Micros]:
    """The fires of a schedule in a range; those of a fixed rate on its grid, also from before its anchor."""
    if isinstance(schedule, FixedRate):
        step = schedule.interval_seconds * SECOND
        anchor -= max(0, (anchor - span.since) // step + 2) * step
    times = timetable(schedule, anchor=anchor).fires(span.since - 1)
    return (one.at for one in takewhile(lambda one: one.at <= span.until, times))


def _is_missing(fire: Fire) -> bool:
    return fire.state is FireState.MISSED or (fire.state is FireState.SKIPPED and fire.reason in _MADE_UP)


def _filled(row: ScheduleRow, at: Micros, now: Micros) -> tuple[Fire, Execution]:
    begun = scheduled(row, nominal_time=at, due_at=now, at=now, trigger="backfill")
    fire = Fire(
        job_id=row.job_id,
        job_version=row.job_version,
        nominal_time=at,
        state=FireState.FIRED,
        decided_at=now,
        note="backfilled",
        execution_id=begun.id,
    )
    return fire, begun
