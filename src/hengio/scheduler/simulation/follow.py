"""One job's schedule, followed through a span of time."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import sub

from msgspec import Struct

from hengio.clock import SECOND, Micros
from hengio.model.schedule import FixedDelay, FixedRate, Schedule
from hengio.scheduler.overlap import jitter
from hengio.scheduler.simulation.course import Begun, Course, course
from hengio.scheduler.simulation.delays import Delays
from hengio.scheduler.simulation.durations import Durations
from hengio.scheduler.simulation.nominal import LeftOut, Nominal
from hengio.scheduler.simulation.span import Span
from hengio.storage.schedules import ScheduleRow


class Subject(Struct, frozen=True, kw_only=True):
    """A job to simulate: its name, its schedule as it is followed, read, and how long its executions take."""

    name: str
    row: ScheduleRow
    schedule: Schedule
    durations: Durations


class Stretch(Struct):
    """What a stretch of time brought: the times that the schedule names and does not leave out, the shortest time
    between two of them, and what began."""

    times: Sequence[Micros]
    gap: Micros | None
    begun: Begun


class Gaps:
    """The shortest time between two times, which come in parts."""

    def __init__(self) -> None:
        self._last: Micros | None = None

    def among(self, times: Sequence[Micros]) -> Micros | None:
        """In this part, or between it and the one before; None if it has no two times."""
        if not times:
            return None
        before = [] if self._last is None else [times[0] - self._last]
        self._last = times[-1]
        return min(chain(before, map(sub, times[1:], times)), default=None)


class OnTime:
    """A job whose times are fixed beforehand."""

    def __init__(self, subject: Subject, span: Span) -> None:
        schedule, row = subject.schedule, subject.row
        self._nominal = Nominal(schedule, anchor=anchored(subject, span), since=span.since)
        self.course: Course = course(row, subject.durations, jitter_seconds=schedule.jitter_seconds)
        self._is_active = row.active
        self._gaps = Gaps()

    def advance(self, high: Micros) -> Stretch:
        """Up to that moment."""
        times = self._nominal.until(high)
        gap = self._gaps.among(times)
        return Stretch(times, gap, self.course.take(times, gap=gap, high=high) if self._is_active else Begun())

    @property
    def left_out(self) -> LeftOut:
        return self._nominal.left_out


class AfterEach:
    """A job that fires some time after its execution before ended (H1.3): it never overlaps itself."""

    def __init__(self, subject: Subject, schedule: FixedDelay, span: Span) -> None:
        self._job_id, self._jitter = subject.row.job_id, schedule.jitter_seconds
        self._delays = Delays(schedule, since=span.since)
        self._until = span.until
        self._draw = subject.durations.drawn(subject.row.job_id)
        self._next = self._delays.after(span.since, until=span.until)
        self._held: list[tuple[Micros, Micros]] = []
        self.course: Course = course(subject.row, subject.durations, jitter_seconds=0.0)
        self._gaps = Gaps()

    def advance(self, high: Micros) -> Stretch:
        """Up to that moment."""
        times: list[Micros] = []
        runs, self._held = self._held, []
        while self._next is not None and self._next < high:
            at = self._next
            start = at + jitter(self._job_id, at, self._jitter)
            end = start + self._draw(at)
            times.append(at)
            runs.append((start, end))
            self._next = self._delays.after(end, until=self._until)
        if runs and runs[-1][0] >= high:
            self._held = [runs.pop()]
        return Stretch(
            times, self._gaps.among(times), Begun(times, [start for start, _ in runs], [end for _, end in runs])
        )

    @property
    def left_out(self) -> LeftOut:
        return self._delays.left_out


def follow(subject: Subject, span: Span) -> OnTime | AfterEach:
    """Raises `InvalidSchedule`."""
    if isinstance(subject.schedule, FixedDelay) and subject.row.active:
        return AfterEach(subject, subject.schedule, span)
    return OnTime(subject, span)


def anchored(subject: Subject, span: Span) -> Micros:
    """What intervals count from: a `fixed_rate` has its grid also before it was saved, and a `fixed_delay` counts from
    the beginning of the span, when nothing runs."""
    anchor, since = subject.row.anchor, span.since
    match subject.schedule:
        case FixedRate(interval_seconds=seconds, start_date=None) if anchor > since:
            step = seconds * SECOND
            return anchor + (since - 1 - anchor) // step * step
        case FixedDelay():
            return since
        case _:
            return anchor
