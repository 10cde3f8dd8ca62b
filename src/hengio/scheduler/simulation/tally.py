"""What one job's schedule comes to, counted while it is followed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from itertools import takewhile

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.scheduler.simulation.course import Begun
from hengio.scheduler.simulation.follow import AfterEach, OnTime, Stretch, Subject
from hengio.scheduler.simulation.running import Running
from hengio.scheduler.simulation.span import Span
from hengio.timetable import zone as zones
from hengio.timetable.occurrence import DAY


class Waits(Struct, frozen=True, kw_only=True):
    """Executions that waited for one before: how many, how long at most and on average over all fires, how many at once
    at most, and how many have not begun at the end."""

    count: int = 0
    longest_seconds: float = 0.0
    mean_seconds: float = 0.0
    longest_queue: int = 0
    left: int = 0


class Outlook(Struct, frozen=True, kw_only=True):
    """What becomes of a job's schedule.

    `problem` is why it is not followed at all. `skipped` counts by reason, as the ledger would. `cancelled` executions
    were ended by the next one. `overlap_seconds` is the longest time that an execution still went on when the next fire
    came. `busy` is the share of the time in which at least one ran, and `compute_seconds` what all took together.
    `every_seconds` is the shortest time between two times of the schedule. So many `days` have a fire; `left_out` are
    those that the calendar leaves out, by the name of the holiday. `gaps` are dates with times that the clock jumps
    over, and `changes` tells of dates on which the clock of its zone is changed how it is; dates count from 1970-01-01.
    `halted` is since when its queue was too long to be followed.
    """

    subject: Subject
    problem: str | None = None
    fires: int = 0
    skipped: Mapping[str, int] = {}
    cancelled: int = 0
    waits: Waits = Waits()
    overlap_seconds: float = 0.0
    busy: float = 0.0
    greatest_concurrency: int = 0
    compute_seconds: float = 0.0
    begun: int = 0
    first_fire: Micros | None = None
    last_fire: Micros | None = None
    every_seconds: float | None = None
    days: int = 0
    left_out: Mapping[str, int] = {}
    gaps: tuple[int, ...] = ()
    changes: Mapping[int, str] = {}
    halted: Micros | None = None


class Tally:
    """Counts for one job."""

    def __init__(self, subject: Subject, span: Span, follower: OnTime | AfterEach) -> None:
        self._subject = subject
        self._span = span
        self._follower = follower
        self._running = Running()
        self._named = self._fired = self._begun = 0
        self._compute: Micros = 0
        self._busy: Micros = 0
        self._free: Micros = 0
        self._first: Micros | None = None
        self._last: Micros | None = None
        self._every: Micros | None = None
        self._days = 0
        self._day = -1

    def advance(self, high: Micros) -> Begun:
        """Follow it up to that moment; what begins until then."""
        stretch = self._follower.advance(high)
        if stretch.times:
            self._note_times(stretch)
        self._note_runs(stretch.begun, high)
        return stretch.begun

    def outlook(self) -> Outlook:
        """At the end of the span."""
        course, left_out = self._follower.course, self._follower.left_out
        skipped = {**left_out.times}
        if (others := self._named - self._fired) and course.halted is None:
            skipped["overlap" if self._subject.row.active else "paused"] = others
        waits = Waits(
            count=course.waited,
            longest_seconds=course.longest_wait / SECOND,
            mean_seconds=course.waiting / SECOND / max(self._fired, 1),
            longest_queue=course.longest_queue,
            left=course.left,
        )
        return Outlook(
            subject=self._subject,
            fires=self._fired,
            skipped=skipped,
            cancelled=course.cancelled,
            waits=waits,
            overlap_seconds=course.overlap / SECOND,
            busy=self._busy / SECOND / self._span.seconds,
            greatest_concurrency=self._running.most,
            compute_seconds=self._compute / SECOND,
            begun=self._begun,
            first_fire=self._first,
            last_fire=self._last,
            every_seconds=None if self._every is None else self._every / SECOND,
            days=self._days,
            left_out=dict(left_out.days.most_common()),
            gaps=tuple(sorted(left_out.gaps)),
            changes=_changes(self._subject.schedule.timezone, self._span),
            halted=course.halted,
        )

    def _note_times(self, stretch: Stretch) -> None:
        times, fired = stretch.times, stretch.begun.fired
        self._named += len(times)
        gap = stretch.gap
        if gap is not None and (self._every is None or gap < self._every):
            self._every = gap
        if fired:
            self._fired += len(fired)
            self._first = fired[0] if self._first is None else self._first
            self._last = fired[-1]
            self._note_days(fired)

    def _note_days(self, fired: Sequence[Micros]) -> None:
        place = 0
        while place < len(fired):
            day = self._span.day(fired[place])
            self._days += day != self._day
            self._day = day
            place = bisect_left(fired, self._span.next_day(day), place)

    def _note_runs(self, begun: Begun, high: Micros) -> None:
        """Only what lies in the span is counted of an execution."""
        until, starts, ends = self._span.until, begun.starts, begun.ends
        self._begun += len(starts)
        late = sum(end - until for end in ends if end > until) if ends and max(ends) > until else 0
        worked = sum(ends) - sum(starts) - late
        lost = sum(min(told, until) - real for told, real in begun.revised)
        self._compute += worked - lost
        if self._subject.row.exclusive:
            self._busy += worked - lost
            if starts:
                self._running.most = 1
            return
        self._running.pass_(starts, ends, [(high, high)] if not starts else [(starts[0], high)])
        free = self._free
        for start, end in zip(starts, ends, strict=True):
            if end > free:
                self._busy += min(end, until) - max(start, min(free, until))
                free = end
        self._free = free


def _changes(zone: str, span: Span) -> dict[int, str]:
    found: dict[int, str] = {}
    for segment in takewhile(lambda segment: segment.start < span.until, zones.segments(zone, span.since)):
        low, high = ((at + segment.offset) // DAY for at in (span.since, span.until - 1))
        found |= {day: told for day, told in segment.changes.items() if low <= day <= high}
    return found
