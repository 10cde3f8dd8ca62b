"""Takes one delivery: claims the execution, puts it back where the journal says it was, carries it to its end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from hengio import codec
from hengio.clock import SECOND, Clock, Micros
from hengio.definition.context import Context
from hengio.dispatch.events import Events
from hengio.dispatch.protocol import Delivery
from hengio.errors import Corrupt, NotFound, Unavailable
from hengio.lifecycle import telling
from hengio.lifecycle.advance import Ended, Walk
from hengio.lifecycle.journal import Journal
from hengio.log import get_logger
from hengio.model.execution import Execution, ExecutionState, StepRun
from hengio.model.job import Job
from hengio.model.outcome import Failure
from hengio.storage.protocol import (
    Answer,
    Cancelling,
    Claim,
    Claimed,
    Close,
    Done,
    JobStore,
    Park,
    Parked,
    Record,
    Storage,
    Work,
)
from hengio.vault.known import Variables
from hengio.worker.attempt import Attempts
from hengio.worker.opening import opening
from hengio.worker.passage import LostClaim, Passage

log = get_logger("worker")

AWAY_SECONDS = 5.0


@dataclass(slots=True)
class Definitions:
    """Job versions by (job id, version). A version never changes, so what was read once is kept."""

    jobs: JobStore
    most: int = 1_000
    _known: dict[tuple[str, int], Job] = field(default_factory=dict)

    async def get(self, job_id: str, version: int) -> Job:
        """The job at that version; `NotFound` if it was deleted."""
        key = (job_id, version)
        job = self._known.get(key)
        if job is None:
            job = (await self.jobs.version(job_id, version)).job
            while len(self._known) >= self.most:
                self._known.pop(next(iter(self._known)))
            self._known[key] = job
        return job


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs deliveries for one worker. An execution sees `variables` as of its claim (H6.4). `live` are the claims it
    holds, for the heartbeat; `freed` tells the reconciler that a job which allows no execution beside another has room
    again."""

    name: str
    storage: Storage
    journal: Journal
    attempts: Attempts
    events: Events
    clock: Clock
    definitions: Definitions
    variables: Variables
    lease_seconds: float = 30.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    freed: asyncio.Event = field(default_factory=asyncio.Event)
    cancel_asked: asyncio.Event = field(default_factory=asyncio.Event)
    live: dict[str, int] = field(default_factory=dict)
    passages: dict[str, Passage] = field(default_factory=dict)

    def cancel(self, one: Cancelling) -> None:
        """Cancel an execution, if it runs here under that claim."""
        passage = self.passages.get(one.execution_id)
        if passage is not None and passage.execution.claim == one.claim:
            passage.cancel(one.why)

    async def run(self, delivery: Delivery) -> None:
        """Deal with one delivery, to the end of the execution or until it is handed back.

        One that is blocked is dealt with too: the reconciler publishes it again when its turn has come.
        """
        answer: Answer | None = None
        try:
            answer = await self._claim(delivery.work)
            if isinstance(answer, Claimed):
                await self._hold(answer)
        finally:
            if answer is None:
                delivery.retry(AWAY_SECONDS)
            else:
                delivery.ack()

    async def _claim(self, work: Work) -> Answer:
        """Claim it. A claim that is on its way when the worker stops is waited for and handed back."""
        claim = Claim(work.execution_id, work.dispatch_number, self.name, self.lease_seconds, self.clock.now())
        written = self.journal.write(claim)
        try:
            return await asyncio.shield(written)
        except asyncio.CancelledError:
            answer = await written
            if isinstance(answer, Claimed):
                await self._hand_back(answer.execution, after_seconds=0.0)
            raise

    async def _hold(self, claimed: Claimed) -> None:
        """Carry it while its lease is held. What cannot go on now is handed back, what never can is ended."""
        execution = claimed.execution
        self.live[execution.id] = execution.claim
        try:
            ended = await self._carry_or_give_up(claimed)
            if isinstance(ended, Ended):
                self._tell_end(execution, ended)
        except LostClaim:
            log.warning("claim_lost", execution_id=execution.id, claim=execution.claim)
        except Unavailable as error:
            log.warning("execution_waits", execution_id=execution.id, error=str(error))
            await self._hand_back(execution, after_seconds=AWAY_SECONDS)
        except asyncio.CancelledError:
            await self._hand_back(execution, after_seconds=0.0)
            raise
        finally:
            if self.live.get(execution.id) == execution.claim:
                del self.live[execution.id]
            if execution.exclusive:
                self.freed.set()

    async def _carry_or_give_up(self, claimed: Claimed) -> Ended | Parked:
        """Carry it; what breaks in the worker itself ends the execution in the dead letter."""
        try:
            return await self._carry(claimed)
        except (LostClaim, Unavailable):
            raise
        except Exception as error:
            log.exception("execution_broke", execution_id=claimed.execution.id)
            failure = Failure("internal", f"internal error: {type(error).__name__}")
            return await self._give_up(claimed.execution, ExecutionState.DEAD_LETTER, failure)

    async def _carry(self, claimed: Claimed) -> Ended | Parked:
        execution = claimed.execution
        try:
            job = await self.definitions.get(execution.job_id, execution.job_version)
        except NotFound as error:
            return await self._give_up(execution, ExecutionState.FAILED, Failure("definition_gone", error.message))
        if claimed.revision > self.variables.revision:
            await self.variables.load(claimed.revision)
        passage = self._passage(execution, job, begun_at=await self._begun_at(execution))
        if execution.claim > 1 or execution.rerun_of is not None:
            try:
                await self._replay(passage)
            except (NotFound, Corrupt) as error:
                code = "output_gone" if isinstance(error, NotFound) else "output_corrupt"
                return await self._give_up(execution, ExecutionState.FAILED, Failure(code, error.message))
        if self.events.watched:
            data = {"job": job.name, "trigger": execution.trigger, "claim": execution.claim}
            self.attempts.tell("execution.started", execution.id, None, data)
        if claimed.lost:
            crashed = await self._count_lost(passage)
            if crashed is not None:
                return crashed
        passage.walk.put_back()
        self.passages[execution.id] = passage
        try:
            return await passage.carry()
        finally:
            del self.passages[execution.id]

    async def _begun_at(self, execution: Execution) -> Micros:
        """When the first execution of its line was begun (H5.9); of one that is gone, this one."""
        if execution.root_id == execution.id:
            return execution.created_at
        with suppress(NotFound):
            return (await self.storage.executions.load(execution.root_id)).created_at
        return execution.created_at

    def _passage(self, execution: Execution, job: Job, *, begun_at: Micros) -> Passage:
        seen = self.variables.of(execution.job_id)
        context = Context(
            base=opening(execution, job, begun_at=begun_at),
            admin=seen.variables,
            secret_names=seen.secret_names,
            locked=seen.locked,
        )
        return Passage(
            execution=execution,
            job=job,
            walk=Walk(job, context),
            attempts=self.attempts,
            journal=self.journal,
            clock=self.clock,
            stopping=self.stopping,
        )

    async def _replay(self, passage: Passage) -> None:
        """Walk the way the journal tells, so that finished steps are not run again.

        What was kept of an earlier execution may wait for steps that a later definition put before it, so it is tried
        again after each step that was run since; what is left then waits in the passage.
        """
        rows = await self.storage.executions.runs(passage.execution.id)
        passage.sequence = max((run.sequence for run in rows), default=0)
        for run in rows:
            if run.claim:
                passage.worked.add(run.started_at, run.completed_at)
                _follow(passage, run)
        while taken := [run for run in rows if await self._recorded(passage, run)]:
            rows = [run for run in rows if run not in taken]
            if not any(run.claim == 0 for run in rows):
                break
        passage.kept = {(run.step_id, run.visit, run.attempt): run for run in rows if run.claim == 0}
        if passage.execution.claim > 1:
            passage.walk.take_skipped()
        passage.walk.take_stopped()

    async def _recorded(self, passage: Passage, run: StepRun) -> bool:
        """Whether the walk stood at that step run, and has taken it in. What was kept may have run in another branch
        of an earlier definition."""
        branch = passage.walk.branch_at(run) if run.claim == 0 else run.branch
        if branch is None or not passage.walk.awaits(run := replace(run, branch=branch)):
            return False
        passage.walk.catch_up(run)
        passage.walk.record(run, await self.attempts.outputs.load(run))
        return True

    async def _count_lost(self, passage: Passage) -> Ended | None:
        """The claim before was lost: the attempts at hand count, and too many crashes end the execution (H5)."""
        execution, walk = passage.execution, passage.walk
        at_hand = walk.at_hand(claim=execution.claim - 1, by=self.clock.now())
        rows = [self.attempts.lost(ready, execution=execution) for ready in at_hand]
        if execution.crashes >= passage.job.max_crashes:
            message = f"its worker was lost {execution.crashes} times (max_crashes)"
            walk.stop(ExecutionState.DEAD_LETTER, Failure("crashed", message))
        await passage.commit(rows)
        return walk.ended

    async def _hand_back(self, execution: Execution, *, after_seconds: float) -> None:
        due_at = self.clock.now() + int(after_seconds * SECOND)
        await self.journal.write(Park(execution.id, execution.claim, due_at))

    async def _give_up(self, execution: Execution, state: ExecutionState, failure: Failure) -> Ended:
        close = Close(state, self.clock.now(), failure)
        if not isinstance(await self.journal.write(Record(execution.id, execution.claim, (), close)), Done):
            raise LostClaim
        return Ended(state, failure)

    def _tell_end(self, execution: Execution, ended: Ended) -> None:
        times = telling.times(execution, until=self.clock.now())
        why = {} if ended.failure is None else {"code": ended.failure.code, "message": ended.failure.message}
        log.info(
            "execution_finished",
            execution_id=execution.id,
            job_id=execution.job_id,
            state=ended.state.value,
            **times,
            **({"failure": why} if why else {}),
        )
        if self.events.watched:
            data: dict[str, Any] = {"state": ended.state.value, **times}
            if why:
                data["failure"] = why
            self.attempts.tell("execution.finished", execution.id, None, data)


def _follow(passage: Passage, run: StepRun) -> None:
    """What a step got through a channel, this execution gets again, whatever the channel is by now."""
    if run.module_id is None or run.detail is None or b'"channel":' not in bytes(run.detail):
        return
    if isinstance(reference := codec.decode(run.detail).get("channel"), str):
        passage.followed.setdefault(reference, run.module_id)
