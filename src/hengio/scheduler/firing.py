"""Decides for the schedules that are due, and hands on what fired."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from hengio.clock import SECOND, Clock, Micros
from hengio.dispatch.protocol import Dispatcher
from hengio.errors import HengioError
from hengio.lifecycle.start import scheduled
from hengio.model.execution import Execution
from hengio.model.fire import Fire
from hengio.model.outcome import Failure
from hengio.scheduler.plan import Plan, plan
from hengio.scheduler.statistics import FireStatistics
from hengio.storage.protocol import Work
from hengio.storage.schedules import Decided, Decision, Due, ScheduleStore

PATIENCE_SECONDS = 60.0
_LONGEST_PROBLEM = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Firing:
    """Decides for schedules. A fire that is more than `patience_seconds` late counts as missed (H1.5)."""

    store: ScheduleStore
    dispatcher: Dispatcher
    clock: Clock
    patience_seconds: float = PATIENCE_SECONDS
    statistics: FireStatistics = field(default_factory=FireStatistics)

    async def once(self, *, limit: int) -> Decided:
        """Decide for what is due now, at most so many schedules."""
        return await self._decide(self.clock.now(), limit=limit)

    async def settle(self, job_id: str, *, at: Micros) -> Decided:
        """Decide for one job's schedule up to that moment: before the schedule changes, nothing that was due is left
        (H1.8)."""
        return await self._decide(at, limit=1, job_id=job_id)

    async def _decide(self, now: Micros, *, limit: int, job_id: str | None = None) -> Decided:
        def decide(found: Sequence[Due]) -> list[Decision]:
            return [self._decided(due, now) for due in found]

        done = await self.store.decide(decide, before=now, limit=limit, job_id=job_id)
        await self.dispatcher.publish([Work(one.id, one.dispatch_number) for one in done.begun if one.due_at <= now])
        self.statistics.count(done, at=self.clock.now())
        return done

    def _decided(self, due: Due, now: Micros) -> Decision:
        """One schedule's decision. One that cannot be evaluated fires no more, and does not disturb the others."""
        row = due.row
        try:
            return _decision(due, plan(due, now=now, patience=int(self.patience_seconds * SECOND)), now)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with one schedule is about that one alone
            problem = unevaluable(error)
            return Decision(
                job_id=row.job_id, anchor=row.anchor, decided_until=row.decided_until, next_at=None, problem=problem
            )


def unevaluable(error: Exception) -> str:
    """Why a schedule cannot be evaluated, for people."""
    why = f"{type(error).__name__}: {error}"
    if isinstance(error, HengioError):
        why = "; ".join(f"{each.path}: {each.message}" for each in error.problems) or error.message
    return f"it cannot be evaluated: {why}"[:_LONGEST_PROBLEM]


def _decision(due: Due, planned: Plan, now: Micros) -> Decision:
    row = due.row
    fires: list[Fire] = []
    executions: list[Execution] = []
    for verdict in planned.verdicts:
        begun = None
        if verdict.due_at is not None:
            begun = scheduled(row, nominal_time=verdict.at, due_at=verdict.due_at, at=now)
            executions.append(begun)
        fires.append(
            Fire(
                job_id=row.job_id,
                job_version=row.job_version,
                nominal_time=verdict.at,
                state=verdict.state,
                decided_at=now,
                reason=verdict.reason,
                note=verdict.note,
                execution_id=None if begun is None else begun.id,
                until=verdict.until,
            )
        )
    instead = None
    if planned.instead:
        why = f"execution '{executions[-1].id}' took its place (overlap)"
        instead = Failure("cancelled", why, retryable=False)
    return Decision(
        job_id=row.job_id,
        fires=tuple(fires),
        executions=tuple(executions),
        instead=instead,
        anchor=planned.anchor,
        decided_until=planned.decided_until,
        next_at=planned.next_at,
        finished=planned.finished,
        problem=planned.problem,
    )
