"""What is written when an execution is born: manual, webhook, schedule and rerun all meet here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hengio import codec
from hengio.clock import Clock, Micros
from hengio.codec import Json, Raw
from hengio.definition import words
from hengio.definition.inputs import filled
from hengio.dispatch.protocol import Dispatcher
from hengio.errors import Conflict, Refused
from hengio.ids import new_id
from hengio.lifecycle.journal import Journal
from hengio.model.execution import Execution, ExecutionState, StepRun, TriggerSource
from hengio.model.outcome import Failure
from hengio.storage.protocol import Begin, Existing, Storage, StoredJob, Work
from hengio.storage.schedules import ScheduleRow

MOST_INPUT_BYTES = 1 << 20
MOST_KEY_LETTERS = 255


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts executions: durable first, dispatched after."""

    journal: Journal
    dispatcher: Dispatcher
    clock: Clock
    storage: Storage

    async def start(
        self,
        stored: StoredJob,
        *,
        trigger: TriggerSource,
        given: Json = None,
        nominal_time: Micros | None = None,
        execution_id: str | None = None,
        idempotency_key: str | None = None,
        started_by: str | None = None,
        webhook: Raw | None = None,
    ) -> Execution:
        """Write a new execution with `given` as its input, filled with the defaults of the job, and publish it.

        Under an `idempotency_key` that the job has seen, the first execution of that key instead (H2.6). Raises
        `Refused` for a key that is empty, has more than 255 characters or control characters, and for an input of more
        than 1 MiB or that is not what the job declares; `Conflict` for a job that is disabled, or whose overlap is
        `skip` while an execution of it is not over; `Unavailable` if it cannot be written. `webhook` is what a webhook
        was sent: then the job's rate limit holds, and past it `Limited` is raised (H2.3).
        """
        job = stored.job
        if not job.enabled:
            known = None if idempotency_key is None else await self.storage.executions.keyed(stored.id, idempotency_key)
            if known is not None:
                return known
            raise Conflict(f"job '{job.name}' is disabled", hint="enable it first")
        _check_key(idempotency_key)
        now = self.clock.now()
        new = execution_id or new_id()
        execution = Execution(
            id=new,
            job_id=stored.id,
            job_version=stored.version,
            state=ExecutionState.PENDING,
            trigger=trigger,
            input=encoded(filled(job, given)),
            root_id=new,
            created_at=now,
            due_at=now,
            nominal_time=nominal_time,
            exclusive=job.exclusive,
            idempotency_key=idempotency_key,
            started_by=started_by,
            webhook=webhook,
        )
        written = await self._begin(execution, stored)
        if written.id == new:
            await self.dispatcher.publish([Work(new, execution.dispatch_number)])
        return written

    async def restart(self, execution: Execution, kept: Sequence[StepRun], *, source: ExecutionState) -> None:
        """Write a rerun with the step runs that it keeps, and publish it. Raises as `InterventionStore.rerun`."""
        await self.storage.interventions.rerun(execution, kept, source=source)
        await self.dispatcher.publish([Work(execution.id, execution.dispatch_number)])

    async def _begin(self, execution: Execution, stored: StoredJob) -> Execution:
        limit = stored.job.triggers.webhook.rate_limit if execution.trigger == "webhook" else None
        if execution.exclusive and stored.job.overlap == "skip":
            return await self.storage.interventions.begin_alone(execution, limit=limit)
        if execution.exclusive and stored.job.overlap == "cancel_running":
            why = Failure("cancelled", f"execution '{execution.id}' took its place (overlap)", retryable=False)
            return await self.storage.interventions.begin_instead(execution, why=why, limit=limit)
        if limit is not None:
            return await self.storage.interventions.begin_within(execution, limit=limit)
        answer = await self.journal.write(Begin(execution))
        if isinstance(answer, Existing):
            return await self.storage.executions.load(answer.execution_id)
        return execution


def scheduled(
    row: ScheduleRow, *, nominal_time: Micros, due_at: Micros, at: Micros, trigger: TriggerSource = "schedule"
) -> Execution:
    """The execution that a fire of the schedule starts; the fire is written with it, in one transaction (H5.13)."""
    new = new_id()
    return Execution(
        id=new,
        job_id=row.job_id,
        job_version=row.job_version,
        state=ExecutionState.PENDING,
        trigger=trigger,
        input=row.input,
        root_id=new,
        created_at=at,
        due_at=due_at,
        nominal_time=nominal_time,
        exclusive=row.exclusive,
        started_by=trigger,
    )


def encoded(given: Json) -> Raw:
    """The input of an execution as it is stored; `Refused` if it is larger than 1 MiB."""
    data = codec.encode(given)
    if len(data) > MOST_INPUT_BYTES:
        message = f"the input has {len(data)} bytes, and at most {MOST_INPUT_BYTES} are taken"
        raise Refused(message, hint="put the data into a file, and its key into the input")
    return Raw(data)


def _check_key(key: str | None) -> None:
    if key is not None and not (0 < len(key) <= MOST_KEY_LETTERS and words.is_plain(key)):
        raise Refused(f"an idempotency key has 1 to {MOST_KEY_LETTERS} characters, none of them a control character")
