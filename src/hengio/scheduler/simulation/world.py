"""One job and its executions, decided by the scheduler itself with a virtual clock: time after time, with notes.

What `course` does in bulk is done here step by step by `scheduler.plan`, as production does it: what the schedule is
going to be asked for a list of fires, and what the bulk is tested against.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from msgspec import Struct
from msgspec.structs import replace

from hengio.clock import SECOND, Micros
from hengio.scheduler.plan import Plan, plan
from hengio.scheduler.simulation.durations import Draw
from hengio.scheduler.simulation.follow import Subject, anchored
from hengio.scheduler.simulation.span import Span
from hengio.scheduler.verdict import Verdict
from hengio.storage.schedules import Due

_PATIENCE = 60 * SECOND


class Run(Struct, eq=False):
    """An execution: of which nominal time, when it is due, and from its begin on when it begins and ends."""

    at: Micros
    due_at: Micros
    start: Micros | None = None
    end: Micros | None = None


class World:
    """A job from the beginning of a span on, when nothing of it runs. `runs` have begun, in order of their begin."""

    def __init__(self, subject: Subject, span: Span) -> None:
        since = span.since
        self._row = replace(subject.row, anchor=anchored(subject, span), decided_until=since - 1, next_at=since)
        self._until = span.until
        self._draw: Draw = subject.durations.drawn(subject.row.job_id)
        self._waiting: list[Run] = []
        self._running: list[Run] = []
        self._last: Run | None = None
        self._last_end: Micros | None = None
        self._free: Micros = 0
        self.runs: list[Run] = []

    def verdicts(self) -> Iterator[Verdict]:
        """What is decided about each nominal time of the span. Raises whatever `plan` does."""
        while (now := self._row.next_at) is not None and now < self._until:
            self._pass(now)
            done = plan(self._due(), now=now, patience=_PATIENCE)
            self._follow(done, now)
            yield from done.verdicts
        self._pass(self._until)

    def _due(self) -> Due:
        busy = "another" if self._waiting or self._running else None
        last_over = self._last is None or not (self._last in self._waiting or self._last in self._running)
        return Due(row=self._row, busy=busy, last_over=last_over, last_ended_at=self._last_end if last_over else None)

    def _follow(self, done: Plan, now: Micros) -> None:
        if done.instead:
            for run in self._running:
                run.end = now
            self._waiting, self._running, self._free = [], [], now
            self._last_end = now
        for verdict in done.verdicts:
            if verdict.due_at is not None:
                self._last = Run(verdict.at, verdict.due_at)
                self._waiting.append(self._last)
        self._row = replace(
            self._row,
            anchor=done.anchor,
            decided_until=done.decided_until,
            next_at=done.next_at,
            last_execution_id=None if self._last is None else "last",
        )

    def _pass(self, now: Micros) -> None:
        """Executions that are due before `now` begin, each as soon as it may, and end."""
        while True:
            self._end(now)
            run = self._upcoming()
            if run is None:
                return
            start = max(run.due_at, self._free) if self._row.exclusive else run.due_at
            if start >= now:
                return
            run.start, run.end = start, start + self._draw(run.at)
            self._free = run.end
            self._waiting.remove(run)
            self._running.append(run)
            self.runs.append(run)

    def _end(self, now: Micros) -> None:
        for run in [run for run in self._running if run.end is not None and run.end <= now]:
            self._running.remove(run)
            if run is self._last:
                self._last_end = run.end

    def _upcoming(self) -> Run | None:
        """Which execution begins next: of those that are due when it may begin, the one with the earliest time."""
        if not self._waiting or (self._row.exclusive and self._running):
            return None
        first = min(self._waiting, key=attrgetter("due_at"))
        if not self._row.exclusive:
            return first
        may_begin = max(first.due_at, self._free)
        return min((run for run in self._waiting if run.due_at <= may_begin), key=attrgetter("at"))
