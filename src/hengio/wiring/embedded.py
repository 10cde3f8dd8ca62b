"""One process with everything in it: storage, object store, sandbox, steps, worker, services."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path

from hengio import log
from hengio.blobs.protocol import Blobs
from hengio.clock import Clock, SystemClock
from hengio.dispatch.events import Events
from hengio.dispatch.local import LocalDispatcher
from hengio.lifecycle.journal import Journal
from hengio.lifecycle.outputs import Outputs
from hengio.lifecycle.recover import Reconciler
from hengio.lifecycle.start import Starter
from hengio.lock import FileLock
from hengio.registry.modules import ModuleRegistry
from hengio.sandbox.protocol import Sandbox
from hengio.service.executions import ExecutionService
from hengio.service.jobs import JobService
from hengio.service.names import KnownNames
from hengio.settings import Settings
from hengio.steps.database import DatabaseStep
from hengio.steps.files import FileStep
from hengio.steps.protocol import StepType
from hengio.steps.wasm import Allowed, WasmStep, World
from hengio.storage.protocol import Storage
from hengio.storage.sql.store import open_storage
from hengio.targets.databases import Databases
from hengio.vault.known import Known
from hengio.wiring.artefacts import open_artefacts
from hengio.wiring.live import LiveDatabases
from hengio.wiring.objects import open_area
from hengio.wiring.outside import open_capabilities
from hengio.wiring.sandbox import default_limits, highest_limits, open_sandbox
from hengio.wiring.tapes import make_tapes
from hengio.wiring.vault import database_url, given_connections, make_masks, open_known
from hengio.wiring.web import open_breakers, open_guard, open_http_step, open_http_targets
from hengio.worker.attempt import Attempts
from hengio.worker.circuits import KeptCircuits
from hengio.worker.loop import Worker
from hengio.worker.runner import Definitions, Runner


@dataclass(frozen=True, slots=True)
class Areas:
    """The separate areas of the object store; only `files` can be named by jobs."""

    modules: Blobs
    outputs: Blobs
    files: Blobs
    tapes: Blobs


_AREAS = ("modules", "outputs", "files", "tapes")


@dataclass(frozen=True, slots=True)
class System:
    """The running parts that doors use."""

    settings: Settings
    storage: Storage
    areas: Areas
    events: Events
    sandbox: Sandbox
    modules: ModuleRegistry
    jobs: JobService
    executions: ExecutionService
    recovered: int


def open_areas(settings: Settings) -> Areas:
    """The object store's areas that the running parts use by name."""
    return Areas(**{field.name: open_area(settings, field.name) for field in fields(Areas)})


@asynccontextmanager
async def embedded(
    settings: Settings, *, clock: Clock | None = None, log_modules: bool = True
) -> AsyncIterator[System]:
    """Everything in this process: what a killed process left is taken up, and leaving stops within the deadline.

    Raises `Conflict` when another process uses the data folder or the database file, `Unavailable` when the database or
    the disk cannot be used.
    """
    clock = clock or SystemClock()
    async with AsyncExitStack() as stack:
        for lock in _locks(settings):
            stack.enter_context(lock)
        storage = open_storage(settings.database)
        stack.push_async_callback(storage.close)
        await storage.open()
        areas = open_areas(settings)
        sandbox = open_sandbox(settings, artefacts=open_artefacts(settings))
        stack.push_async_callback(sandbox.close)
        known = open_known(settings, storage)
        stack.callback(log.hide, id(known), ())
        await known.refresh()
        databases = open_databases(settings, known)
        stack.push_async_callback(databases.close)
        journal = Journal(storage.executions)
        journal.open()
        stack.push_async_callback(journal.close)
        dispatcher, events = LocalDispatcher(), Events()
        outputs = Outputs(areas.outputs)
        modules = ModuleRegistry(storage.modules, areas.modules, sandbox, clock, storage.audit)
        name = f"{socket.gethostname()}-{os.getpid()}"
        circuits = KeptCircuits(storage.circuits, worker=name)
        await storage.circuits.forget(worker=None if settings.database_file is not None else name)
        breakers = open_breakers(settings, clock, on_change=circuits.tell)
        capabilities = await stack.enter_async_context(
            open_capabilities(settings, databases=databases, files=areas.files, breakers=breakers)
        )
        guard, http_targets = open_guard(settings), open_http_targets(settings)
        http = await stack.enter_async_context(
            open_http_step(guard=guard, breakers=breakers, connections=http_targets, clock=clock)
        )
        world = World(capabilities=capabilities, audit=storage.audit, clock=clock)
        allowed = Allowed(
            default=default_limits(settings),
            component=default_limits(settings, component=True),
            highest=highest_limits(settings),
        )
        tapes = make_tapes(settings, areas.tapes, clock, more=known.sensitive)
        types: dict[str, StepType] = {
            "wasm": WasmStep(sandbox, modules, allowed=allowed, world=world, tapes=tapes),
            "http": http,
            "database": DatabaseStep(databases),
            "file_processing": FileStep(areas.files),
        }
        runner = Runner(
            name=name,
            storage=storage,
            journal=journal,
            attempts=Attempts(types, outputs, events, clock, log_modules, make_masks(settings, known)),
            events=events,
            clock=clock,
            definitions=Definitions(storage.jobs),
            variables=known,
            lease_seconds=settings.worker.lease_seconds,
        )
        worker = Worker(runner, dispatcher, at_once=settings.worker.at_once)
        reconciler = Reconciler(
            storage.executions, dispatcher, clock, alone=settings.database_file is not None, freed=runner.freed
        )
        recovered = await reconciler.recover()
        starter = Starter(journal, dispatcher, clock, storage)
        executions = ExecutionService(
            storage=storage, starter=starter, outputs=outputs, clock=clock, cancel_asked=runner.cancel_asked.set
        )
        jobs = JobService(
            storage=storage,
            starter=starter,
            events=events,
            outputs=outputs,
            clock=clock,
            names=KnownNames(known, storage.jobs),
        )
        async with _together() as group:
            group.create_task(worker.run(), name="worker")
            watching = group.create_task(reconciler.run(), name="reconciler")
            sweeping = group.create_task(tapes.run(), name="tapes")
            keeping = group.create_task(circuits.run(), name="circuits")
            try:
                yield System(settings, storage, areas, events, sandbox, modules, jobs, executions, recovered)
            finally:
                watching.cancel()
                sweeping.cancel()
                keeping.cancel()
                await worker.stop(deadline_seconds=settings.worker.stop_seconds)


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


def open_databases(settings: Settings, known: Known | None = None) -> Databases:
    """The named connections of database steps, with `known` those that are stored, too; SQLite files lie under the
    data folder's `databases/`."""
    given = {
        name: str(one.document["url"]) for name, one in given_connections(settings).items() if one.type == "database"
    }
    folder = Path(settings.data_dir) / "databases"
    if known is None:
        return Databases(given, folder=folder)
    return LiveDatabases(known.connections.typed("database", database_url), given=given, folder=folder)
