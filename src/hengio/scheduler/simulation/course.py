"""The executions of one job, fire after fire, one class for each overlap policy (H1.5).

A course is handed the nominal times that fire, ascending and a stretch at a time, and tells what begins in that stretch
and when it is over. It is the rules of `scheduler.overlap` and of the worker's queue in loops short enough for millions
of fires: each execution begins as soon as it may.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from heapq import heappop, heappush

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.job import Overlap
from hengio.scheduler.overlap import jitter
from hengio.scheduler.simulation.durations import Draw, Durations
from hengio.storage.schedules import ScheduleRow

MOST_WAITING = 100_000
"""A queue that becomes longer than that is not followed any further."""


class Begun(Struct):
    """What a stretch of time brought: `fired` nominal times, and of executions that begin in it where they `start`, in
    order of time unless there is jitter, and when each `ends`. `revised` are ends told before that are not true: what
    was told, and what is."""

    fired: Sequence[Micros] = ()
    starts: Sequence[Micros] = ()
    ends: Sequence[Micros] = ()
    revised: Sequence[tuple[Micros, Micros]] = ()


class Course(ABC):
    """What a job's fires come to. `delay` tells of a nominal time how much later its execution is due.

    `cancelled` executions were ended by the next one. `waited` had to wait in the queue: how many, how long altogether
    and at most, and how many at once. `overlap` is the longest time that an execution still went on when the next fire
    came. `halted` is since when the queue was not followed any further.
    """

    def __init__(self, job_id: str, durations: Durations, delay: Draw | None) -> None:
        self._delay = delay
        self._draw = durations.drawn(job_id)
        self._durations = durations
        self._free: Micros = 0
        self._held: list[tuple[Micros, Micros]] = []
        self.cancelled = 0
        self.waited = 0
        self.waiting: Micros = 0
        self.longest_wait: Micros = 0
        self.longest_queue = 0
        self.overlap: Micros = 0
        self.halted: Micros | None = None

    def take(self, times: Sequence[Micros], *, gap: Micros | None, high: Micros) -> Begun:
        """Fires before `high`, and everything that begins before it. `gap` is the shortest time between two of them."""
        calm = gap is None or gap >= self._durations.values[-1]
        if times and calm and self._delay is None and self._free <= times[0] and not self.left:
            ends = self._durations.ends(times, self._draw)
            self._free = ends[-1]
            return Begun(times, times, ends)
        return self._take(times, high)

    @abstractmethod
    def _take(self, times: Sequence[Micros], high: Micros) -> Begun:
        """The same, where executions may reach the next fire."""

    @property
    def left(self) -> int:
        """How many executions have not begun yet."""
        return len(self._held)

    def _due(self, at: Micros) -> Micros:
        return at if self._delay is None else at + self._delay(at)

    def _wait(self, wait: Micros, *, at: Micros, queue: int) -> None:
        self.waited += 1
        self.waiting += wait
        self.longest_queue = max(self.longest_queue, queue)
        self.longest_wait = self.overlap = max(self.longest_wait, wait)
        if queue >= MOST_WAITING:
            self.halted = at

    def _released(self, fired: Sequence[Micros], runs: list[tuple[Micros, Micros]], high: Micros) -> Begun:
        """Those of the executions that begin before `high`; the others are held back."""
        runs = sorted([*self._held, *runs])
        count = bisect_left(runs, (high,))
        self._held = runs[count:]
        return _begun(fired, runs[:count])


def _begun(fired: Sequence[Micros], runs: list[tuple[Micros, Micros]]) -> Begun:
    return Begun(fired, [start for start, _ in runs], [end for _, end in runs])


class Skipping(Course):
    """A fire is skipped while an execution is not over."""

    def _take(self, times: Sequence[Micros], high: Micros) -> Begun:
        if self._delay is not None:
            return self._take_delayed(times, self._delay, high)
        draw, free, longest = self._draw, self._free, self.overlap
        starts: list[Micros] = []
        ends: list[Micros] = []
        for at in times:
            if at >= free:
                free = at + draw(at)
                starts.append(at)
                ends.append(free)
            elif free - at > longest:
                longest = free - at
        self._free, self.overlap = free, longest
        return Begun(starts, starts, ends)

    def _take_delayed(self, times: Sequence[Micros], delay: Draw, high: Micros) -> Begun:
        fired: list[Micros] = []
        runs: list[tuple[Micros, Micros]] = []
        for at in times:
            if at >= self._free:
                start = at + delay(at)
                self._free = start + self._draw(at)
                fired.append(at)
                runs.append((start, self._free))
            else:
                self.overlap = max(self.overlap, self._free - at)
        return self._released(fired, runs, high)


class Beside(Course):
    """Executions run beside one another."""

    def _take(self, times: Sequence[Micros], high: Micros) -> Begun:
        draw, delay = self._draw, self._delay
        if delay is None:
            begun = Begun(times, times, self._durations.ends(times, draw))
        else:
            due = [(at + delay(at), draw(at)) for at in times]
            begun = self._released(times, [(start, start + long) for start, long in due], high)
        free, longest = self._free, self.overlap
        for start, end in zip(begun.starts, begun.ends, strict=True):
            if free > start:
                longest = max(longest, free - start)
            free = max(free, end)
        self._free, self.overlap = free, longest
        return begun


class Cancelling(Course):
    """What is not over is cancelled, and the fire takes its place."""

    _start: Micros = 0
    _is_told = True

    def _take(self, times: Sequence[Micros], high: Micros) -> Begun:
        runs: list[tuple[Micros, Micros]] = []
        revised: list[tuple[Micros, Micros]] = []
        for at in times:
            if self._free > at:
                self._cancel(at, runs, revised)
            elif not self._is_told:
                runs.append((self._start, self._free))
            self._start = self._due(at)
            self._free = self._start + self._draw(at)
            self._is_told = False
        if not self._is_told and self._start < high:
            runs.append((self._start, self._free))
            self._is_told = True
        begun = _begun(times, runs)
        begun.revised = revised
        return begun

    def _cancel(self, at: Micros, runs: list[tuple[Micros, Micros]], revised: list[tuple[Micros, Micros]]) -> None:
        """One that still waits for its delay never begins."""
        self.cancelled += 1
        self.overlap = max(self.overlap, self._free - at)
        if self._is_told:
            revised.append((self._free, at))
        elif self._start < at:
            runs.append((self._start, at))

    @property
    def left(self) -> int:
        return 0 if self._is_told else 1


class Queueing(Course):
    """Executions wait for one another, in the order of their times. Ends of those that wait are begins of others."""

    def __init__(self, job_id: str, durations: Durations, delay: Draw | None) -> None:
        super().__init__(job_id, durations, delay)
        self._ahead: deque[Micros] = deque()
        self._starts: list[Micros] = []
        self._ends: list[Micros] = []

    def _take(self, times: Sequence[Micros], high: Micros) -> Begun:
        draw, free, ahead, starts, ends = self._draw, self._free, self._ahead, self._starts, self._ends
        taken = 0
        for at in times:
            while ahead and ahead[0] <= at:
                ahead.popleft()
            if self.halted is not None:
                break
            if free > at:
                starts.append(free)
                ahead.append(free)
                self._wait(free - at, at=at, queue=len(ahead))
                free += draw(at)
            else:
                starts.append(at)
                free = at + draw(at)
            ends.append(free)
            taken += 1
        self._free = free
        count = bisect_left(starts, high)
        self._starts, self._ends = starts[count:], ends[count:]
        return Begun(times[:taken], starts[:count], ends[:count])

    @property
    def left(self) -> int:
        return len(self._starts)


class QueueingDelayed(Course):
    """The same with jitter: of those that are due, the one with the earliest time is next."""

    def __init__(self, job_id: str, durations: Durations, delay: Draw | None) -> None:
        super().__init__(job_id, durations, delay)
        self._later: list[tuple[Micros, Micros]] = []
        self._ready: list[Micros] = []

    def _take(self, times: Sequence[Micros], high: Micros) -> Begun:
        fired: list[Micros] = []
        runs: list[tuple[Micros, Micros]] = []
        for at in times:
            if self.halted is not None:
                break
            self._begin(at, runs)
            heappush(self._later, (self._due(at), at))
            fired.append(at)
        self._begin(high, runs)
        return _begun(fired, runs)

    def _begin(self, limit: Micros, runs: list[tuple[Micros, Micros]]) -> None:
        """Everything that begins before `limit`."""
        later, ready = self._later, self._ready
        while ready or later:
            while later and later[0][0] < self._free:
                heappush(ready, heappop(later)[1])
            start = self._free if ready else max(self._free, later[0][0])
            if start >= limit:
                return
            queue = len(ready)
            at = heappop(ready) if ready else heappop(later)[1]
            if (wait := start - self._due(at)) > 0:
                self._wait(wait, at=at, queue=queue)
            self._free = start + self._draw(at)
            runs.append((start, self._free))

    @property
    def left(self) -> int:
        return len(self._later) + len(self._ready)


def course(row: ScheduleRow, durations: Durations, *, jitter_seconds: float) -> Course:
    """That of a job with this row's overlap policy."""
    policy: Overlap = (row.overlap or "skip") if row.exclusive else "allow"
    delay = None if not jitter_seconds else lambda at: jitter(row.job_id, at, jitter_seconds)
    kind: type[Course]
    match policy:
        case "skip":
            kind = Skipping
        case "cancel_running":
            kind = Cancelling
        case "allow" if not row.exclusive:
            kind = Beside
        case "queue" | "allow":
            kind = Queueing if delay is None else QueueingDelayed
    return kind(row.job_id, durations, delay)
