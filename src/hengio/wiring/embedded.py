"""One process with everything in it: storage, object store, sandbox, steps, worker, services."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hengio.clock import Clock, SystemClock
from hengio.dispatch.events import Events
from hengio.dispatch.local import LocalDispatcher
from hengio.lifecycle.journal import Journal
from hengio.lifecycle.recover import Reconciler
from hengio.lifecycle.start import Starter
from hengio.lock import FileLock
from hengio.registry.modules import ModuleRegistry
from hengio.registry.orphans import Orphans
from hengio.sandbox.protocol import Sandbox
from hengio.scheduler.firing import Firing
from hengio.scheduler.loop import Scheduler
from hengio.scheduler.watchdog import Watchdog
from hengio.service.auditing import EndTeller
from hengio.service.canaries import Canaries
from hengio.service.executions import ExecutionService
from hengio.service.intake import Intake
from hengio.service.jobs import JobService
from hengio.service.names import KnownNames
from hengio.service.receiving import Receiver
from hengio.service.refusals import Refusals
from hengio.service.schedules import ScheduleService
from hengio.service.webhooks import WebhookService
from hengio.settings import Settings
from hengio.storage.protocol import Storage
from hengio.wiring.modules import ModuleDesk, open_canaries, open_module_desk
from hengio.wiring.parts import Areas, Parts, open_parts
from hengio.wiring.people import People, open_people
from hengio.wiring.scheduling import open_firing
from hengio.wiring.vault import open_webhooks
from hengio.worker.attempt import Attempts
from hengio.worker.loop import Worker
from hengio.worker.runner import Definitions, Runner


@dataclass(frozen=True, slots=True)
class System:
    """The running parts that doors use."""

    settings: Settings
    storage: Storage
    areas: Areas
    events: Events
    sandbox: Sandbox
    modules: ModuleRegistry
    intake: Intake
    desk: ModuleDesk
    canaries: Canaries
    jobs: JobService
    executions: ExecutionService
    schedules: ScheduleService
    receiver: Receiver
    audit_end: EndTeller
    people: People
    recovered: int


@asynccontextmanager
async def embedded(
    settings: Settings, *, clock: Clock | None = None, log_modules: bool = True, schedule: bool = False
) -> AsyncIterator[System]:
    """Everything in this process: what a killed process left is taken up, and leaving stops within the deadline. With
    `schedule`, schedules are followed.

    Raises `Conflict` when another process uses the data folder or the database file, `Unavailable` when the database or
    the disk cannot be used.
    """
    clock, name = clock or SystemClock(), f"{socket.gethostname()}-{os.getpid()}"
    async with AsyncExitStack() as stack:
        for lock in _locks(settings):
            stack.enter_context(lock)
        parts = await stack.enter_async_context(open_parts(settings, clock=clock, worker=name))
        storage = parts.storage
        journal = Journal(storage.executions)
        journal.open()
        stack.push_async_callback(journal.close)
        dispatcher, events = LocalDispatcher(), Events()
        runner = _runner(parts, journal, events, name=name, log_modules=log_modules)
        worker = Worker(runner, dispatcher, at_once=settings.worker.at_once)
        alone = settings.database_file is not None
        await storage.circuits.forget(worker=None if alone else name)
        reconciler = Reconciler(
            storage.executions, dispatcher, clock, alone=alone, freed=runner.freed, lease_seconds=runner.lease_seconds
        )
        recovered = await reconciler.recover()
        starter = Starter(journal, dispatcher, clock, storage)
        firing = open_firing(settings, storage, dispatcher, clock)
        scheduler = Scheduler(firing, storage.audit, storage.jobs, clock)
        webhooks = open_webhooks(settings, storage, clock)
        desk = open_module_desk(settings, storage, parts.areas.modules, clock=clock, changed=parts.modules.forget)
        canaries = open_canaries(settings, storage, desk.channels, clock)
        system = System(
            settings,
            storage,
            parts.areas,
            events,
            parts.sandbox,
            parts.modules,
            Intake(parts.modules),
            desk,
            canaries,
            _jobs(parts, starter, events, firing, webhooks=webhooks, changed=scheduler.asked.set),
            ExecutionService(
                storage=storage,
                starter=starter,
                outputs=parts.outputs,
                clock=clock,
                cancel_asked=runner.cancel_asked.set,
            ),
            ScheduleService(storage=storage, firing=firing, clock=clock),
            _receiver(parts, starter, webhooks=webhooks),
            EndTeller(storage.audit),
            open_people(settings, storage, clock),
            recovered,
        )
        async with _together() as group:
            group.create_task(worker.run(), name="worker")
            watching = [group.create_task(reconciler.run(), name="reconciler")]
            watching.append(group.create_task(parts.tapes.run(), name="tapes"))
            watching.append(group.create_task(canaries.run(), name="canaries"))
            orphans = Orphans(storage.modules, parts.areas.modules, clock)
            watching.append(group.create_task(orphans.run(), name="orphans"))
            watching.append(group.create_task(system.audit_end.run(), name="audit"))
            if schedule:
                watchdog = Watchdog(storage.schedules, clock, firing.statistics)
                watching.append(group.create_task(scheduler.run(), name="scheduler"))
                watching.append(group.create_task(watchdog.run(), name="watchdog"))
            if parts.circuits is not None:
                watching.append(group.create_task(parts.circuits.run(), name="circuits"))
            try:
                yield system
            finally:
                for task in watching:
                    task.cancel()
                await worker.stop(deadline_seconds=settings.worker.stop_seconds)
                await system.audit_end.tell()


def _runner(parts: Parts, journal: Journal, events: Events, *, name: str, log_modules: bool) -> Runner:
    types = parts.types(parts.areas.files)
    return Runner(
        name=name,
        storage=parts.storage,
        journal=journal,
        attempts=Attempts(types, parts.outputs, events, parts.clock, log_modules, parts.masks),
        events=events,
        clock=parts.clock,
        definitions=Definitions(parts.storage.jobs),
        variables=parts.known,
        lease_seconds=parts.settings.worker.lease_seconds,
    )


def _jobs(
    parts: Parts,
    starter: Starter,
    events: Events,
    firing: Firing,
    *,
    webhooks: WebhookService,
    changed: Callable[[], None],
) -> JobService:
    return JobService(
        storage=parts.storage,
        starter=starter,
        events=events,
        outputs=parts.outputs,
        clock=parts.clock,
        names=KnownNames(parts.known, parts.storage.jobs),
        firing=firing,
        changed=changed,
        webhooks=webhooks,
    )


def _receiver(parts: Parts, starter: Starter, *, webhooks: WebhookService) -> Receiver:
    return Receiver(
        storage=parts.storage,
        webhooks=webhooks,
        known=parts.known,
        starter=starter,
        clock=parts.clock,
        refusals=Refusals(parts.storage.audit, parts.clock),
    )


def _locks(settings: Settings) -> list[FileLock]:
    """What no other process may use. The database file has a lock of its own: it may lie outside the data folder."""
    locks = [FileLock(settings.data_dir / "hengio.lock", what=f"the data folder {settings.data_dir}")]
    if (file := settings.database_file) is not None:
        locks.append(FileLock(file.with_name(f"{file.name}.lock"), what=f"the database {file}"))
    return locks


@asynccontextmanager
async def _together() -> AsyncIterator[asyncio.TaskGroup]:
    """A task group that lets a lone error out as itself, so that doors see what was refused and not a group of one."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as errors:
        if len(errors.exceptions) == 1:
            raise errors.exceptions[0] from None
        raise
