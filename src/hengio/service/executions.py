"""Executions, as people deal with them: look, cancel, rerun, and see to dead letters (H5.4, H5.7, H5.9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from msgspec import UNSET, Struct, UnsetType

from hengio import codec
from hengio.clock import Clock, Micros
from hengio.codec import Json, Raw
from hengio.definition.context import Context
from hengio.definition.inputs import filled
from hengio.errors import Conflict, HengioError, NotFound, Refused
from hengio.ids import new_id
from hengio.lifecycle.advance import Walk
from hengio.lifecycle.outputs import Outputs
from hengio.lifecycle.rerun import copied, kept
from hengio.lifecycle.start import Starter, encoded
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.execution import FINAL, Execution, ExecutionFilter, ExecutionState, StepRun
from hengio.model.outcome import Failure
from hengio.storage.protocol import Storage, StoredJob

EVER: Micros = 1 << 62


class Standing(Struct, frozen=True):
    """A step run that is under way or waits: for a worker, or until `due_at` (0: at once) for its next attempt."""

    step_id: str
    visit: int
    attempt: int
    branch: str
    due_at: Micros


class Shown(Struct, frozen=True, kw_only=True):
    """An execution with its job at the version it runs on, its step runs in order, and where it stands now."""

    execution: Execution
    job: StoredJob
    name: str
    runs: tuple[StepRun, ...]
    standing: tuple[Standing, ...]


class Again(Struct, frozen=True, kw_only=True):
    """How an execution is to be run again.

    `given` is the input instead of its own. `from_step` runs again from the last visit to that step, `whole` from the
    first step; without either, from the step for which it failed. `latest` takes the job as it is now.
    """

    given: Json | UnsetType = UNSET
    from_step: str | None = None
    whole: bool = False
    latest: bool = False


class Redriven(Struct, frozen=True, kw_only=True):
    """What became of one of several: the execution that took its place, or why there is none."""

    execution_id: str
    redriven_as: str | None = None
    problem: str | None = None


class Cancelled(Struct, frozen=True, kw_only=True):
    """What became of one of several that were to be cancelled: the state it is in now, or the error."""

    execution_id: str
    state: ExecutionState | None = None
    problem: HengioError | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionService:
    """Sees to executions. `cancel_asked` wakes the worker of this process, if there is one."""

    storage: Storage
    starter: Starter
    outputs: Outputs
    clock: Clock
    cancel_asked: Callable[[], None] = lambda: None

    async def show(self, execution_id: str) -> Shown:
        """Everything about one execution. `NotFound`."""
        execution = await self.storage.executions.load(execution_id)
        job = await self.storage.jobs.version(execution.job_id, execution.job_version)
        runs = await self.storage.executions.runs(execution_id)
        names = await self.storage.jobs.names([execution.job_id])
        over = execution.state in FINAL
        return Shown(
            execution=execution,
            job=job,
            name=names.get(execution.job_id, job.job.name),
            runs=tuple(runs),
            standing=() if over else standing(job, runs),
        )

    async def cancel(self, execution_id: str, *, by: str) -> ExecutionState:
        """Cancel it: what did not begin yet at once, what runs as soon as its worker hears of it. Returns the state it
        is in now. Raises `NotFound`, and `Conflict` if it is over."""
        why = Failure("cancelled", f"cancelled by {by}", retryable=False)
        state = await self.storage.interventions.cancel(execution_id, why=why, at=self.clock.now())
        await self._audit("execution.cancelled", execution_id, by=by)
        self.cancel_asked()
        return state

    async def cancel_each(self, execution_ids: Sequence[str], *, by: str) -> list[Cancelled]:
        """Cancel several; what cannot be is told, and does not keep the others."""
        done: list[Cancelled] = []
        for execution_id in execution_ids:
            try:
                state = await self.cancel(execution_id, by=by)
                done.append(Cancelled(execution_id=execution_id, state=state))
            except HengioError as error:
                done.append(Cancelled(execution_id=execution_id, problem=error))
        return done

    async def rerun(self, execution_id: str, how: Again, *, by: str) -> Execution:
        """Run an execution that is over again, keeping the results of steps that need not run again (H5.9).

        Its `root_id` is that of the first execution, so that receivers know repeated requests by their idempotency
        key. A dead letter is redriven by it. Raises `Conflict` if it is not over or was redriven, `NotFound`, and
        `Refused` for a step that it did not run, and for an input of more than 1 MiB or that the job does not take.
        """
        return await self._rerun(await self.storage.executions.load(execution_id), how, by=by)

    async def _rerun(self, source: Execution, how: Again, *, by: str) -> Execution:
        execution_id = source.id
        latest = await self._latest(source.job_id)
        original = await self.storage.jobs.version(source.job_id, source.job_version)
        target = latest if how.latest else original
        if how.from_step is not None and how.from_step not in target.job.order:
            raise Refused(f"the job has no step '{how.from_step}' now", hint=f"steps: {', '.join(target.job.order)}")
        runs = await self.storage.executions.runs(execution_id)
        keep = [] if how.whole else kept(original.job, runs, from_step=how.from_step)
        new = self._again(source, target, how, by=by)
        copies = [copied(run, new.id) for run in keep if run.step_id in target.job.order]
        await self.starter.restart(new, copies, source=source.state)
        dead = source.state is ExecutionState.DEAD_LETTER
        action: AuditAction = "deadletter.redriven" if dead else "execution.rerun"
        await self._audit(action, execution_id, by=by, as_=new.id)
        return new

    async def redrive(self, execution_ids: Sequence[str], how: Again, *, by: str) -> list[Redriven]:
        """Rerun several dead letters; what cannot be is told, and does not keep the others."""
        done: list[Redriven] = []
        for execution_id in execution_ids:
            try:
                new = await self._rerun(await self._dead(execution_id), how, by=by)
                done.append(Redriven(execution_id=execution_id, redriven_as=new.id))
            except HengioError as error:
                done.append(Redriven(execution_id=execution_id, problem=error.message))
        return done

    async def discard(self, execution_id: str, *, by: str) -> None:
        """Give a dead letter up: it is cancelled. Raises `NotFound`, and `Conflict` if it is none."""
        why = Failure("discarded", f"discarded by {by}", retryable=False)
        await self.storage.interventions.discard(execution_id, why=why, at=self.clock.now())
        await self._audit("deadletter.discarded", execution_id, by=by)

    async def dead_letters(
        self, *, job_id: str | None = None, living: bool = False, limit: int, before: Execution | None = None
    ) -> list[Execution]:
        """Dead letters that nobody has seen to, the newest first; with `living` those that can be redriven, since their
        jobs were not deleted."""
        dead = (ExecutionState.DEAD_LETTER,)
        wanted = ExecutionFilter(job_id=job_id, states=dead, open_only=True, living=living)
        return await self.storage.executions.recent(wanted, limit=limit, before=before)

    async def job_id(self, id_or_name: str) -> str:
        """The id of the job whose executions are asked for: one that is there, else one that was deleted, by the name
        that it had. `NotFound`; `Refused` where several of that name were deleted."""
        try:
            return (await self.storage.jobs.get(id_or_name)).id
        except NotFound:
            match await self.storage.jobs.deleted(id_or_name):
                case []:
                    raise
                case [only]:
                    return only
                case several:
                    hint = f"name one by its id, the last one first: {', '.join(several[:5])}"
                    raise Refused(f"{len(several)} jobs called '{id_or_name}' were deleted", hint=hint) from None

    async def output(self, run: StepRun) -> Json:
        """A step run's output, wherever it is stored; None without one."""
        output = await self.outputs.load(run)
        return None if output is None else codec.decode(output)

    async def _dead(self, execution_id: str) -> Execution:
        execution = await self.storage.executions.load(execution_id)
        if execution.state is not ExecutionState.DEAD_LETTER:
            raise Refused(f"execution '{execution_id}' is no dead letter: {execution.state.value}")
        return execution

    async def _latest(self, job_id: str) -> StoredJob:
        """The job as it is now. `Conflict` if nothing may start it any more."""
        try:
            stored = await self.storage.jobs.get(job_id)
        except NotFound as error:
            raise Conflict("the job was deleted", hint="its executions can be looked at, and not run again") from error
        if not stored.job.enabled:
            raise Conflict(f"job '{stored.job.name}' is disabled", hint="enable it first")
        return stored

    def _again(self, source: Execution, target: StoredJob, how: Again, *, by: str) -> Execution:
        now = self.clock.now()
        return Execution(
            id=new_id(),
            job_id=source.job_id,
            job_version=target.version,
            state=ExecutionState.PENDING,
            trigger="rerun",
            input=_input(source, target, how),
            root_id=source.root_id,
            created_at=now,
            due_at=now,
            nominal_time=source.nominal_time,
            exclusive=target.job.exclusive,
            rerun_of=source.id,
            started_by=by,
            webhook=source.webhook,
        )

    async def _audit(self, action: AuditAction, execution_id: str, *, by: str, as_: str | None = None) -> None:
        entry = AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=by,
            subject=execution_id,
            execution_id=execution_id,
            detail={} if as_ is None else {"rerun": as_},
        )
        await self.storage.audit.add([entry])


def _input(source: Execution, target: StoredJob, how: Again) -> Raw:
    """What it is given now; else what it was given, which on the latest definition must be what that declares."""
    if how.given is not UNSET:
        return encoded(filled(target.job, how.given))
    if how.latest and target.job.inputs is not None:
        return encoded(filled(target.job, codec.decode(source.input)))
    return source.input


def standing(job: StoredJob, runs: Sequence[StepRun]) -> tuple[Standing, ...]:
    """Where an execution with these step runs stands: it follows from them."""
    walk = Walk(job.job, Context(base={}, admin={}))
    for run in runs:
        walk.record(run, None)
    ready = walk.ready(by=EVER)
    return tuple(Standing(one.step.id, one.visit, one.attempt, one.branch, one.due_at) for one in ready)
