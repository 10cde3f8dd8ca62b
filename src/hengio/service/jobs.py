"""Jobs: applying a definition, running one and following it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace

from hengio import codec
from hengio.clock import Clock, Micros
from hengio.codec import Json
from hengio.definition.parse import InvalidDefinition
from hengio.definition.validate import Report, validate
from hengio.dispatch.events import Events, Watch
from hengio.errors import Conflict, NotFound, Problem, Unavailable
from hengio.ids import new_id
from hengio.lifecycle.outputs import Outputs
from hengio.lifecycle.start import Starter
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.event import Event
from hengio.model.execution import FINAL, Execution, StepRun
from hengio.scheduler.firing import Firing
from hengio.service.catalog import Installed
from hengio.service.names import Names
from hengio.service.webhooks import WebhookService
from hengio.storage.protocol import Storage, StoredJob
from hengio.timetable.compile import timetable

POLL_SECONDS = 1.0
PAGE = 1_000


@dataclass(frozen=True, slots=True)
class Finished:
    """An execution that is over, with its step runs in the order they were written."""

    job: StoredJob
    execution: Execution
    runs: tuple[StepRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobService:
    """Applies and runs jobs. `changed` wakes the scheduler of this process, if there is one."""

    storage: Storage
    starter: Starter
    events: Events
    outputs: Outputs
    clock: Clock
    names: Names
    firing: Firing
    webhooks: WebhookService
    changed: Callable[[], None] = lambda: None

    async def check(self, document: Json) -> Report:
        """Validate a definition against the modules, variables and connections of this installation (R13.1)."""
        modules = tuple(await self.storage.modules.all())
        name = document.get("name") if isinstance(document, dict) else None
        variables = await self.names.variables(name if isinstance(name, str) else None)
        channels = await self.storage.channels.current()
        return validate(document, catalog=Installed(modules, variables, await self.names.connections(), channels))

    async def apply(self, document: Json, *, by: str = "") -> tuple[StoredJob, Report]:
        """Validate and store a definition; a job with a webhook is given its URL, unless it has one. Raises
        `InvalidDefinition` with every problem."""
        report = await self.check(document)
        if report.job is None or not report.valid:
            raise InvalidDefinition(report.errors)
        at = self.clock.now()
        with suppress(NotFound):  # what was due under the schedule as it was is decided by that (H1.8)
            await self.firing.settle((await self.storage.jobs.get(report.job.name)).id, at=at)
        stored = await self.storage.jobs.put(report.job, at=at)
        self.changed()
        if by:
            await self.audit("job.applied", stored, by=by)
        if stored.job.triggers.webhook.enabled:
            await self.webhooks.ensure(stored, by=by or "hengio")
        return stored, _with_silence(report, stored, at)

    async def enable(self, name: str, *, enabled: bool, by: str) -> StoredJob:
        """Let a job start, or not. Executions that are under way go on. `NotFound`."""
        stored, at = await self.storage.jobs.get(name), self.clock.now()
        await self.firing.settle(stored.id, at=at)
        stored = await self.storage.jobs.enable(stored.id, enabled=enabled, at=at)
        self.changed()
        await self.audit("job.enabled" if enabled else "job.disabled", stored, by=by)
        return stored

    async def delete(self, name: str, *, by: str) -> StoredJob:
        """Delete a job; its executions are kept. `NotFound`; `Conflict` while one of them is not over."""
        stored = await self.storage.jobs.get(name)
        await self.storage.jobs.delete(stored.id, at=self.clock.now())
        await self.audit("job.deleted", stored, by=by)
        return stored

    async def listed(self) -> list[tuple[StoredJob, Execution | None]]:
        """Every job by name, with its newest execution."""
        jobs = await self.storage.jobs.all()
        newest: dict[str, Execution] = {}
        for start in range(0, len(jobs), PAGE):  # a statement takes only so many values
            newest |= await self.storage.executions.latest([stored.id for stored in jobs[start : start + PAGE]])
        return [(stored, newest.get(stored.id)) for stored in jobs]

    async def trigger(
        self, stored: StoredJob, *, given: Json = None, idempotency_key: str | None = None, by: str | None = None
    ) -> Execution:
        """Start the job by hand and return at once. Raises as `Starter.start`, and `Conflict` if the job does not
        allow it."""
        _check_manual(stored)
        return await self.starter.start(
            stored, trigger="manual", given=given, idempotency_key=idempotency_key, started_by=by
        )

    async def run(
        self,
        stored: StoredJob,
        *,
        given: Json = None,
        by: str | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> Finished:
        """Start the job by hand and wait until it is over; `on_event` sees what happens meanwhile."""
        _check_manual(stored)
        execution_id = new_id()
        with self.events.watch(execution_id) as watch:
            await self.starter.start(stored, trigger="manual", given=given, execution_id=execution_id, started_by=by)
            return await self.follow(execution_id, stored, watch=watch, on_event=on_event)

    async def follow(
        self,
        execution_id: str,
        stored: StoredJob,
        *,
        watch: Watch,
        on_event: Callable[[Event], None] | None = None,
    ) -> Finished:
        """Wait until the execution is over. Events tell it at once; the database is asked too, events may be lost."""
        listener = asyncio.create_task(_listen(watch, on_event))
        try:
            while True:
                ended, _ = await asyncio.wait([listener], timeout=POLL_SECONDS)
                for task in ended:
                    task.result()  # what a watcher raises is its caller's to hear
                try:
                    execution = await self.storage.executions.load(execution_id)
                except Unavailable:
                    await asyncio.sleep(POLL_SECONDS)  # the last event may have come: nothing else would hold the loop
                    continue
                if execution.state in FINAL:
                    runs = await self.storage.executions.runs(execution_id)
                    return Finished(stored, execution, tuple(runs))
        finally:
            listener.cancel()

    async def audit(self, action: AuditAction, stored: StoredJob, *, by: str) -> None:
        """Write down what somebody did to a job."""
        entry = AuditEntry(
            id=new_id(),
            at=self.clock.now(),
            action=action,
            actor=by,
            subject=stored.job.name,
            detail={"job_id": stored.id, "version": stored.version},
        )
        await self.storage.audit.add([entry])

    async def output(self, run: StepRun) -> Json:
        """A step run's output, wherever it is stored; None without one."""
        output = await self.outputs.load(run)
        return None if output is None else codec.decode(output)


def _with_silence(report: Report, stored: StoredJob, at: Micros) -> Report:
    """With a warning where the schedule is past: it was right once, and nothing comes of it now."""
    schedule = stored.job.schedule
    if schedule is None or not stored.job.triggers.scheduled:
        return report
    if next(timetable(schedule, anchor=at).fires(at), None) is not None:
        return report
    silent = Problem("$.schedule", "it will not fire any more: all of its times have passed or are left out")
    return replace(report, warnings=(*report.warnings, silent))


def _check_manual(stored: StoredJob) -> None:
    if not stored.job.triggers.manual:
        raise Conflict(f"job '{stored.job.name}' is not started by hand", hint="triggers.manual is false")


async def _listen(watch: Watch, on_event: Callable[[Event], None] | None) -> None:
    async for event in watch:
        if on_event is not None:
            on_event(event)
