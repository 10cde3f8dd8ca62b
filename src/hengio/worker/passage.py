"""One execution on its way from claim to end: a step's result is committed before anything that follows it begins."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from msgspec.structs import replace

from hengio.clock import SECOND, Clock, Micros
from hengio.lifecycle.advance import Ended, Ready, Skipped, Walk
from hengio.lifecycle.journal import Journal
from hengio.model.execution import Execution, ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from hengio.model.outcome import Failure
from hengio.storage.protocol import Close, Done, Park, Parked, Record
from hengio.worker.attempt import UNLIMITED, Attempts, Ran

HELD_SECONDS = 1.0


class LostClaim(Exception):
    """The execution is somebody else's now: nothing more may be written by this worker."""


@dataclass(slots=True)
class Passage:
    """The live part of one claimed execution. `stopping` asks it to hand the execution back after the step at hand."""

    execution: Execution
    job: Job
    walk: Walk
    attempts: Attempts
    journal: Journal
    clock: Clock
    stopping: asyncio.Event
    sequence: int = 0
    worked_us: int = 0
    tasks: dict[asyncio.Task[Ran], tuple[Ready, int]] = field(default_factory=dict)

    async def carry(self) -> Ended | Parked:
        """Run steps until the end, or until the execution is handed back (stopping, or a retry that is not due yet).

        Raises `LostClaim` when the claim is no longer ours, and `CancelledError` after giving it back when cancelled.
        """
        try:
            while not self.walk.over():
                self._check_limits()
                parked = await self._step()
                if parked is not None:
                    return parked
        except asyncio.CancelledError:
            await self._drop_tasks()
            await self._park(self.clock.now())
            raise
        finally:
            await self._drop_tasks()
        assert self.walk.ended is not None
        return self.walk.ended

    async def _step(self) -> Parked | None:
        """One turn: begin what is ready, take in what ended."""
        now = self.clock.now()
        due: list[Ready] = []
        held: list[Ready] = []
        for ready in self.walk.ready():
            (due if ready.due_at <= now + HELD_SECONDS * SECOND else held).append(ready)
        for ready in held:
            self.walk.hold(ready)
        if self.walk.over():
            await self.commit([], skipped=self.walk.take_skipped())
            return None
        if self.stopping.is_set():
            for ready in due:
                self.walk.hold(ready)
            due = []
        if len(due) == 1 and not self.tasks:
            await self.commit([await self._attempt(due[0])])
            return None
        for ready in due:
            self.tasks[asyncio.create_task(self._attempt(ready))] = (ready, now)
        if self.tasks:
            await self._take_in(until=min((ready.due_at for ready in held), default=None))
            return None
        if self.stopping.is_set() or not held:
            return await self._park(now)
        return await self._park(min(ready.due_at for ready in held))

    async def _attempt(self, ready: Ready) -> Ran:
        wait = (ready.due_at - self.clock.now()) / SECOND
        if wait > 0:
            await asyncio.sleep(wait)
        return await self.attempts.run(ready, execution=self.execution, job=self.job, left_seconds=self._left_seconds())

    async def _take_in(self, *, until: Micros | None) -> None:
        """Wait for one or more running steps to end, or for a retry to be due; commit what ended together."""
        timeout = None if until is None else max((until - self.clock.now()) / SECOND, 0.0)
        ended, _ = await asyncio.wait(self.tasks, return_when=asyncio.FIRST_COMPLETED, timeout=timeout)
        if not ended:
            return
        finished = [task for task in self.tasks if task in ended]
        for task in finished:
            del self.tasks[task]
        await self.commit([task.result() for task in finished])

    async def commit(self, ran: list[Ran], *, skipped: list[Skipped] | None = None) -> None:
        """Journal what ended, together with the execution's own end if that follows from it, then let the walk go on.

        Whether it ends is known only after the walk has taken the rows in, and rows must be durable before the next
        step begins; both hold, because nothing is begun between.
        """
        for one in ran:
            self.worked_us += one.run.completed_at - one.run.started_at
        if any(one.run.kind == "timed_out" for one in ran):
            self._check_limits()
        runs = [self._numbered(one.run) for one in ran]
        for one, run in zip(ran, runs, strict=True):
            self.walk.record(run, one.output)
        runs += await self._stop_cancelled()
        past = (skipped or []) + self.walk.take_skipped()
        runs += [self._skipped(one) for one in past]
        close = None
        if self.walk.ended is not None:
            close = Close(self.walk.ended.state, self.clock.now(), self.walk.ended.failure)
        entry = Record(self.execution.id, self.execution.claim, tuple(runs), close)
        if not isinstance(await self.journal.write(entry), Done):
            raise LostClaim
        for run in runs:
            self.attempts.tell_finished(run)

    async def _stop_cancelled(self) -> list[StepRun]:
        """Cancel the steps of branches that a failure stopped, and describe them."""
        branches = set(self.walk.take_stopped())
        runs = []
        for task, (ready, started) in list(self.tasks.items()):
            if ready.branch in branches:
                del self.tasks[task]
                task.cancel()
                await asyncio.wait([task])
                ran = self.attempts.cancelled(ready, execution=self.execution, started=started)
                runs.append(self._numbered(ran.run))
        return runs

    async def _park(self, due_at: int) -> Parked:
        answer = await self.journal.write(Park(self.execution.id, self.execution.claim, due_at))
        if not isinstance(answer, Parked):
            raise LostClaim
        return answer

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
                branch=skipped.branch,
                status=StepStatus.SKIPPED,
                kind="routed",
                started_at=now,
                completed_at=now,
            )
        )

    def _left_seconds(self) -> float:
        """What is left of the job's time at work and of its deadline."""
        left = UNLIMITED
        if self.job.timeout_seconds is not None:
            left = self.job.timeout_seconds - self.worked_us / SECOND
        if self.job.deadline_seconds is not None:
            passed = (self.clock.now() - self.execution.created_at) / SECOND
            left = min(left, self.job.deadline_seconds - passed)
        return left

    def _check_limits(self) -> None:
        if self._left_seconds() <= 0:
            which = "timeout_seconds" if self.job.deadline_seconds is None else "timeout_seconds or deadline_seconds"
            failure = Failure("timed_out", f"the job used up its {which}", retryable=False)
            self.walk.stop(ExecutionState.TIMEOUT, failure)
