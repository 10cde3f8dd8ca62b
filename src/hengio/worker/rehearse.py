"""A dry run: the same walk, the same steps, and nothing that stays.

Steps read as ever. What they would change outside is noted, files they would write are kept in memory for the steps
after them, and nothing is written to the database. A failure that would be retried is told instead of waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from msgspec import Struct
from msgspec.structs import replace

from hengio import codec
from hengio.clock import Clock
from hengio.codec import Json, Raw
from hengio.definition.context import Context
from hengio.definition.inputs import filled
from hengio.ids import new_id
from hengio.lifecycle.advance import Ended, Walk
from hengio.model.execution import Execution, ExecutionState, StepRun
from hengio.model.job import Job
from hengio.steps.rehearsal import Change, Rehearsal
from hengio.storage.protocol import Answer, Done, Entry, Park, Parked, Record, StoredJob
from hengio.worker.attempt import Attempts
from hengio.worker.passage import Passage


class Rehearsed(Struct, frozen=True, kw_only=True):
    """How a dry run ended: its step runs in order, and what it would have changed."""

    execution: Execution
    ended: Ended
    runs: tuple[StepRun, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Rehearser:
    """Makes dry runs. `attempts` gives steps that note what they would change in a rehearsal; `context` is what the job
    sees of variables."""

    attempts: Callable[[Rehearsal], Attempts]
    context: Callable[[Execution, Job], Awaitable[Context]]
    clock: Clock

    async def run(self, stored: StoredJob, *, given: Json = None) -> Rehearsed:
        """Carry the job to its end, or until it would wait."""
        execution, rehearsal, page = self._execution(stored, given), Rehearsal(), Page()
        context = await self.context(execution, stored.job)
        job = once(stored.job)
        passage = Passage(
            execution=execution,
            job=job,
            walk=Walk(job, context),
            attempts=self.attempts(rehearsal),
            journal=page,
            clock=self.clock,
            stopping=asyncio.Event(),
        )
        ended = await passage.carry()
        assert isinstance(ended, Ended), "nothing is retried, so nothing waits"
        return Rehearsed(execution=execution, ended=ended, runs=tuple(page.runs), changes=tuple(rehearsal.changes))

    def _execution(self, stored: StoredJob, given: Json) -> Execution:
        new, now = new_id(), self.clock.now()
        return Execution(
            id=new,
            job_id=stored.id,
            job_version=stored.version,
            state=ExecutionState.RUNNING,
            trigger="manual",
            input=Raw(codec.encode(filled(stored.job, given))),
            root_id=new,
            created_at=now,
            due_at=now,
            claim=1,
        )


@dataclass(slots=True)
class Page:
    """Stands for the journal: all that is written holds, and goes nowhere."""

    runs: list[StepRun] = field(default_factory=list)

    async def write(self, entry: Entry) -> Answer:
        """Take it."""
        match entry:
            case Record():
                self.runs += entry.runs
                return Done()
            case Park():
                return Parked(1)
            case _:
                return Done()


def once(job: Job) -> Job:
    """The job without its retries."""
    steps = tuple(replace(step, retry=replace(step.retry, max_retries=0)) for step in job.steps)
    return replace(job, steps=steps)
