"""What is to be done about a schedule whose time has come (H1.5, H1.6, H1.8). Pure: everything it needs is handed in.

Every nominal time after the last that was decided, up to now, gets a verdict; then the schedule waits for the next one.
A clock that went back finds times that were decided already, and decides nothing again.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from hengio.clock import SECOND, Micros
from hengio.model.schedule import FixedDelay, OneTime, Schedule
from hengio.scheduler.backlog import Backlog, backlog
from hengio.scheduler.misfire import Sorted, sort
from hengio.scheduler.overlap import begin
from hengio.scheduler.verdict import Verdict, missed, skipped
from hengio.storage.schedules import Due
from hengio.timetable.compile import timetable
from hengio.timetable.occurrence import Occurrence

NEVER_AGAIN = "it will never fire again, and no end was set"
_schedules = msgspec.json.Decoder(Schedule)


class Plan(Struct, frozen=True, kw_only=True):
    """Verdicts in the order of their times, and how the schedule goes on (`ScheduleRow`)."""

    verdicts: tuple[Verdict, ...] = ()
    instead: bool = False
    anchor: Micros
    decided_until: Micros
    next_at: Micros | None
    finished: bool = False
    problem: str | None = None


def plan(due: Due, *, now: Micros, patience: Micros) -> Plan:
    """Decide for one schedule. `patience` is how late a fire may be without counting as missed.

    Raises whatever makes a schedule impossible to evaluate: a zone or a country that is not known here, a definition
    that cannot be read.
    """
    schedule = _schedules.decode(due.row.schedule)
    now = max(now, due.row.decided_until)
    if isinstance(schedule, FixedDelay):
        return _plan_delay(due, schedule, now=now, patience=patience)
    table = timetable(schedule, anchor=due.row.anchor)
    found = backlog(table, since=due.row.decided_until, now=now)
    verdicts, instead = _decided(due, schedule, found, now=now, patience=patience)
    done = Plan(verdicts=verdicts, instead=instead, anchor=due.row.anchor, decided_until=now, next_at=None)
    return _onward(done, schedule, found.upcoming)


def _plan_delay(due: Due, schedule: FixedDelay, *, now: Micros, patience: Micros) -> Plan:
    """The delay counts from the end of the execution before. While that is not over it is looked at again and again, at
    intervals that are no longer than the delay: whenever it ends, the next look is not too late."""
    delay, row = schedule.delay_seconds * SECOND, due.row
    if not due.last_over:
        return Plan(anchor=row.anchor, decided_until=now, next_at=now + delay)
    base = min(max(row.anchor, due.last_ended_at or 0), now)  # an end in the future was told by a wrong clock
    table = timetable(schedule, anchor=base)
    times = tuple(_first_fire(takewhile(lambda one: one.at <= now, table.after(max(base, row.decided_until)))))
    verdicts, instead = _decided(due, schedule, Backlog(times), now=now, patience=patience)
    if any(verdict.due_at is not None for verdict in verdicts):
        return Plan(verdicts=verdicts, instead=instead, anchor=base, decided_until=now, next_at=now + delay)
    if times and times[-1].skip is None:  # it was its turn and it did not fire: the delay counts from there
        base = now if now - times[-1].at > patience else times[-1].at
    done = Plan(verdicts=verdicts, anchor=base, decided_until=now, next_at=None)
    return _onward(done, schedule, next(timetable(schedule, anchor=base).after(now), None))


def _first_fire(times: Iterator[Occurrence]) -> Iterator[Occurrence]:
    """Up to the first that the schedule does not leave out: those behind it count from its execution's end."""
    for one in times:
        yield one
        if one.skip is None:
            return


def _decided(
    due: Due, schedule: Schedule, found: Backlog, *, now: Micros, patience: Micros
) -> tuple[tuple[Verdict, ...], bool]:
    verdicts = [skipped(one.at, one.skip, one.note) for one in found.times if one.skip is not None]
    times = [one for one in found.times if one.skip is None]
    if found.older is not None:
        verdicts.append(_about_older(due, schedule, found.older))
    if not due.row.active:
        verdicts += [skipped(one.at, "paused", one.note) for one in times]
        times = []
    chosen: Sorted = sort(times, schedule.misfire, now=now, patience=patience)
    begun = begin(chosen.fires, due, now=now, jitter_seconds=schedule.jitter_seconds, late=chosen.late)
    ordered = sorted((*verdicts, *chosen.rest, *begun.verdicts), key=lambda verdict: verdict.at)
    return tuple(ordered), begun.instead


def _about_older(due: Due, schedule: Schedule, bounds: tuple[Micros, Micros]) -> Verdict:
    first, last = bounds
    if not due.row.active:
        return skipped(first, "paused", "every time of this period", until=last)
    if schedule.misfire.policy == "skip":
        return skipped(first, "misfire", "every time of this period was missed, and is not made up for", until=last)
    return missed(first, "every time of this period", until=last)


def _onward(done: Plan, schedule: Schedule, upcoming: Occurrence | None) -> Plan:
    """With the next time; a schedule without one has come to the end that it was given, or something is wrong."""
    if upcoming is not None:
        return replace(done, next_at=upcoming.at)
    if isinstance(schedule, OneTime) or schedule.end_date is not None:
        return replace(done, finished=True)
    return replace(done, problem=NEVER_AGAIN)
