"""One execution on its way from claim to end: a step's result is committed before anything that follows it begins."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec.structs import replace

from hengio.clock import SECOND, Clock, Micros
from hengio.lifecycle.advance import Ended, Ready, Skipped, Walk
from hengio.lifecycle.journal import Writes
from hengio.model.execution import Execution, ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.outcome import Failure
from hengio.storage.protocol import Close, Done, Park, Parked, Record
from hengio.worker.attempt import UNLIMITED, Attempts, Ran
from hengio.worker.worked import Worked

HELD_SECONDS = 1.0
LEAST_SECONDS = 0.001
"""A limit with less than this left is used up."""
RESERVE_SECONDS = 0.3
RESERVE_SHARE = 0.06
"""What a step may end before its limit, to tell how far it came: a little more than any step type takes."""
NEVER: Micros = 1 << 62
T = TypeVar("T")
Key = tuple[str, int, int]
"""A step run within its execution: step, visit, attempt."""


CANCELLED = Failure("cancelled", "the execution was cancelled", retryable=False)


def reserve(given: float) -> float:
    """The most seconds that a step which was given so many ends before them."""
    return max(LEAST_SECONDS, min(RESERVE_SECONDS, given * RESERVE_SHARE))


class Interrupted(Exception):
    """A cancel came while steps were waited for."""


def _known(error: BaseException) -> Ran | None:
    """What the error says of a step that was cancelled."""
    return error.args[0] if error.args and isinstance(error.args[0], Ran) else None


class LostClaim(Exception):
    """The execution is somebody else's now: nothing more may be written by this worker."""


@dataclass(slots=True)
class Passage:
    """The live part of one claimed execution. `stopping` asks it to hand the execution back after the step at hand.

    `kept` are step runs of an earlier execution that the walk has not come to: they stand for running the step again.
    `followed` are the modules that steps got through channels, which the rest of the execution gets, too.
    """

    execution: Execution
    job: Job
    walk: Walk
    attempts: Attempts
    journal: Writes
    clock: Clock
    stopping: asyncio.Event
    sequence: int = 0
    worked: Worked = field(default_factory=Worked)
    tasks: dict[asyncio.Task[Ran], tuple[Ready, int]] = field(default_factory=dict)
    kept: dict[Key, StepRun] = field(default_factory=dict)
    followed: dict[str, str] = field(default_factory=dict)
    _cancelled: Failure | None = None
    _waiting: asyncio.Task[object] | None = None
    _interrupted: bool = False

    def cancel(self, why: Failure) -> None:
        """End it as cancelled: what runs now is cancelled at once, what is being written is written."""
        if self._cancelled is None:
            self._cancelled = why
            if self._waiting is not None:
                self._interrupted = True
                self._waiting.cancel()

    async def carry(self) -> Ended | Parked:
        """Run steps until the end, or until the execution is handed back (stopping, or a retry that is not due yet).

        Raises `LostClaim` when the claim is no longer ours. Whatever it raises, none of its steps runs any more.
        """
        try:
            while not self.walk.over():
                if self._cancelled is not None:
                    self.walk.stop(ExecutionState.CANCELLED, self._cancelled)
                self._check_limits()
                parked = await self._step()
                if parked is not None:
                    return parked
        finally:
            await self._drop_tasks()
        assert self.walk.ended is not None
        return self.walk.ended

    async def _step(self) -> Parked | None:
        """One turn: begin what is ready, take in what ended."""
        if self.walk.over():
            await self.commit([])
            return None
        now = self.clock.now()
        soon = now + int(HELD_SECONDS * SECOND)
        due = [] if self.stopping.is_set() else self.walk.ready(by=soon)
        if self.kept and due and not (due := await self._taken_over(due)):
            return None
        later = self.walk.next_due(after=soon)
        if len(due) == 1 and not self.tasks and later is None:
            await self._alone(due[0], now)
            return None
        for ready in due:
            self.tasks[asyncio.create_task(self._beside(ready))] = (ready, now)
        if self.tasks:
            await self._take_in(until=later)
            return None
        if self.stopping.is_set() or later is None:
            return await self._park(now)
        return await self._park(min(later, self._deadline()))

    async def _taken_over(self, due: list[Ready]) -> list[Ready]:
        """Of what is due, the step runs that must be run; those that were kept are taken in instead."""
        left = []
        for ready in due:
            run = self.kept.pop((ready.step.id, ready.visit, ready.attempt), None)
            if run is None:
                left.append(ready)
            else:
                self.walk.record(replace(run, branch=ready.branch), await self.attempts.outputs.load(run))
        return left

    async def _alone(self, ready: Ready, now: Micros) -> None:
        """One step with nothing beside it: it needs no task of its own."""
        try:
            ran = await self._interruptible(self._attempt(ready))
        except Interrupted as cut:
            ran = _known(cut) or self.attempts.cancelled(ready, execution=self.execution, started=now)
            assert self._cancelled is not None
            self.walk.stop(ExecutionState.CANCELLED, self._cancelled)
        await self.commit([ran])

    async def _interruptible(self, work: Awaitable[T]) -> T:
        """Wait for it. Raises `Interrupted` if a cancel of this execution ended it; one that came too late, nothing."""
        task = asyncio.current_task()
        assert task is not None
        self._waiting = task
        try:
            return await work
        except asyncio.CancelledError as error:
            if not self._interrupted or task.cancelling() > 1:  # the worker stops: that is for the runner to see
                raise
            raise Interrupted(*error.args) from None
        finally:
            self._waiting = None
            if self._interrupted:
                self._interrupted = False
                task.uncancel()

    async def _beside(self, ready: Ready) -> Ran:
        """An attempt in a task of its own: cancelled after the step began, it still ends in what is known."""
        try:
            return await self._attempt(ready)
        except asyncio.CancelledError as error:
            if (ran := _known(error)) is None:
                raise
            return ran

    async def _attempt(self, ready: Ready) -> Ran:
        if ready.due_at and (wait := (ready.due_at - self.clock.now()) / SECOND) > 0:
            await asyncio.sleep(wait)
        return await self.attempts.run(
            ready,
            execution=self.execution,
            job=self.job,
            left_seconds=self._left_seconds(),
            followed=self.followed,
        )

    async def _take_in(self, *, until: Micros | None) -> None:
        """Wait for one or more running steps to end, or for a retry to be due; commit what ended together."""
        timeout = None if until is None else max((until - self.clock.now()) / SECOND, 0.0)
        waiting = asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED, timeout=timeout)
        try:
            ended, _ = await self._interruptible(waiting)
        except Interrupted:
            return
        if not ended:
            return
        finished = [task for task in self.tasks if task in ended]
        for task in finished:
            del self.tasks[task]
        await self.commit([task.result() for task in finished])

    async def commit(self, ran: list[Ran]) -> None:
        """Journal what ended, together with the execution's own end if that follows from it, then let the walk go on.

        Whether it ends is known only after the walk has taken the rows in, and rows must be durable before the next
        step begins; both hold, because nothing is begun between.
        """
        for one in ran:
            self.worked.add(one.run.started_at, one.run.completed_at)
            if one.followed is not None and one.run.module_id is not None:
                self.followed.setdefault(one.followed, one.run.module_id)
        late = [one.run for one in ran if one.run.kind == "timed_out"]
        if late:
            took = min(run.completed_at - run.started_at for run in late) / SECOND
            self._check_limits(reserve=reserve(self._left_seconds() + took))
        runs = [self._numbered(one.run) for one in ran]
        for one, run in zip(ran, runs, strict=True):
            self.walk.record(run, one.output)
        if stopped := self.walk.take_stopped():
            runs += await self._stop_cancelled(stopped)
        runs += [self._skipped(one) for one in self.walk.take_skipped()]
        close = None
        if self.walk.ended is not None:
            close = Close(self.walk.ended.state, self.clock.now(), self.walk.ended.failure)
        entry = Record(self.execution.id, self.execution.claim, tuple(runs), close)
        if not isinstance(await self.journal.write(entry), Done):
            raise LostClaim
        for run in runs:
            self.attempts.tell_finished(run)

    async def _stop_cancelled(self, branches: list[str]) -> list[StepRun]:
        """Cancel the steps of branches that a failure stopped, and describe them."""
        ending = {task: about for task, about in self.tasks.items() if about[0].branch in branches}
        for task in ending:
            del self.tasks[task]
            task.cancel()
        if ending:
            await asyncio.wait(ending)
        runs = []
        for task, (ready, started) in ending.items():
            if task.cancelled():
                ran = self.attempts.cancelled(ready, execution=self.execution, started=started)
            else:
                ran = task.result()  # it ended in the same moment: what it did is told as it was
            runs.append(self._numbered(ran.run))
        return runs

    async def _park(self, due_at: int) -> Parked | None:
        answer = await self.journal.write(Park(self.execution.id, self.execution.claim, due_at))
        if isinstance(answer, Parked):
            return answer
        # Either the claim is lost, or somebody cancelled it and we have not heard of that yet: then the end holds.
        self.walk.stop(ExecutionState.CANCELLED, self._cancelled or CANCELLED)
        await self.commit([])
        return None

    async def _drop_tasks(self) -> None:
        for task in self.tasks:
            task.cancel()
        if self.tasks:
            await asyncio.wait(self.tasks)
            self.tasks.clear()

    def _numbered(self, run: StepRun) -> StepRun:
        self.sequence += 1
        return replace(run, sequence=self.sequence)

    def _skipped(self, skipped: Skipped) -> StepRun:
        now = self.clock.now()
        return self._numbered(
            StepRun(
                execution_id=self.execution.id,
                claim=self.execution.claim,
                sequence=0,
                step_id=skipped.step_id,
                visit=0,
                attempt=0,
                status=StepStatus.SKIPPED,
                kind="routed",
                started_at=now,
                completed_at=now,
            )
        )

    def _left_seconds(self) -> float:
        """What is left of the job's time at work and of its deadline."""
        return min((left for left, _ in self._limits()), default=UNLIMITED)

    def _limits(self) -> Iterator[tuple[float, str]]:
        """Of each limit of the job the seconds that are left, and what it is called."""
        now, job = self.clock.now(), self.job
        if job.timeout_seconds is not None:
            since = min((started for _, started in self.tasks.values()), default=None)
            worked = self.worked.until(now, running_since=since) / SECOND
            yield job.timeout_seconds - worked, f"timeout_seconds ({job.timeout_seconds:g})"
        if job.deadline_seconds is not None:
            yield (self._deadline() - now) / SECOND, f"deadline_seconds ({job.deadline_seconds:g})"

    def _deadline(self) -> Micros:
        """When the whole execution must be over."""
        if self.job.deadline_seconds is None:
            return NEVER
        return self.execution.created_at + int(self.job.deadline_seconds * SECOND)

    def _check_limits(self, *, reserve: float = LEAST_SECONDS) -> None:
        """End it if its time is used up; a step that was out of time may have ended by `reserve` seconds before."""
        left, which = min(self._limits(), default=(UNLIMITED, ""))
        if left < reserve:
            failure = Failure("timed_out", f"the job used up its {which}", retryable=False)
            self.walk.stop(ExecutionState.TIMEOUT, failure)
