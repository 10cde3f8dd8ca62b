"""What is written when an execution is born: manual, webhook, schedule and rerun all meet here."""

from __future__ import annotations

from dataclasses import dataclass

from hengio import codec
from hengio.clock import Clock, Micros
from hengio.codec import Json, Raw
from hengio.dispatch.protocol import Dispatcher
from hengio.ids import new_id
from hengio.lifecycle.journal import Journal
from hengio.model.execution import Execution, ExecutionState, TriggerSource
from hengio.storage.protocol import Begin, StoredJob, Work


@dataclass(frozen=True, slots=True)
class Starter:
    """Starts executions: durable first, dispatched after."""

    journal: Journal
    dispatcher: Dispatcher
    clock: Clock

    async def start(
        self,
        stored: StoredJob,
        *,
        trigger: TriggerSource,
        given: Json = None,
        nominal_time: Micros | None = None,
        execution_id: str | None = None,
    ) -> Execution:
        """Write a new execution with `given` as its input and publish it. `Unavailable` if it cannot be written."""
        now = self.clock.now()
        new = execution_id or new_id()
        execution = Execution(
            id=new,
            job_id=stored.id,
            job_version=stored.version,
            state=ExecutionState.PENDING,
            trigger=trigger,
            input=Raw(codec.encode(given)),
            root_id=new,
            created_at=now,
            due_at=now,
            nominal_time=nominal_time,
            exclusive=not stored.job.allow_concurrent and stored.job.overlap != "allow",
        )
        await self.journal.write(Begin(execution))
        await self.dispatcher.publish([Work(new, execution.dispatch_number)])
        return execution
