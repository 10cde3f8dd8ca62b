"""What a dry run needs: the parts of steps, and nothing that works on what waits in the database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hengio.blobs.overlay import OverlayBlobs
from hengio.blobs.store import open_blobs
from hengio.clock import SystemClock
from hengio.definition.context import Context
from hengio.dispatch.events import Events
from hengio.dispatch.local import LocalDispatcher
from hengio.lifecycle.journal import Journal
from hengio.lifecycle.outputs import Outputs
from hengio.lifecycle.start import Starter
from hengio.model.execution import Execution
from hengio.model.job import Job
from hengio.service.jobs import JobService
from hengio.service.names import KnownNames
from hengio.settings import Settings
from hengio.steps.rehearsal import Rehearsal
from hengio.wiring.parts import Parts, open_parts
from hengio.wiring.scheduling import open_firing
from hengio.wiring.vault import open_webhooks
from hengio.worker.attempt import Attempts
from hengio.worker.opening import opening
from hengio.worker.rehearse import Rehearser


@dataclass(frozen=True, slots=True)
class Stage:
    """A dry run's parts. `jobs` finds and checks definitions; it starts nothing. `events` tells what happens."""

    parts: Parts
    jobs: JobService
    rehearser: Rehearser
    events: Events


@asynccontextmanager
async def rehearsing(settings: Settings) -> AsyncIterator[Stage]:
    """Beside a server that holds the data folder, too: nothing is written to the database or the object store."""
    clock, events = SystemClock(), Events()
    for folder in {settings.data_dir, *([] if (file := settings.database_file) is None else [file.parent])}:
        folder.mkdir(parents=True, exist_ok=True)
    async with open_parts(settings, clock=clock, worker=None) as parts:
        outputs = Outputs(open_blobs("memory://", area="outputs"))

        def attempts(rehearsal: Rehearsal) -> Attempts:
            files = OverlayBlobs(parts.areas.files, open_blobs("memory://", area="files"))
            types = parts.types(files)
            return Attempts(types, outputs, events, clock, False, parts.masks, rehearsal)

        async def context(execution: Execution, job: Job) -> Context:
            seen = parts.known.of(execution.job_id)
            return Context(
                base=opening(execution, job), admin=seen.variables, secret_names=seen.secret_names, locked=seen.locked
            )

        dispatcher = LocalDispatcher()
        starter = Starter(Journal(parts.storage.executions), dispatcher, clock, parts.storage)
        jobs = JobService(
            storage=parts.storage,
            starter=starter,
            events=events,
            outputs=outputs,
            clock=clock,
            webhooks=open_webhooks(settings, parts.storage, clock),
            names=KnownNames(parts.known, parts.storage.jobs),
            firing=open_firing(settings, parts.storage, dispatcher, clock),
        )
        yield Stage(parts, jobs, Rehearser(attempts, context, clock), events)
