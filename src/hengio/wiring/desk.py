"""What people ask for, without a worker: also beside a server that holds the data folder.

What is begun here waits in the database, where every server looks once a second.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from hengio import log
from hengio.blobs.protocol import Blobs
from hengio.clock import SystemClock
from hengio.dispatch.events import Events
from hengio.dispatch.local import LocalDispatcher
from hengio.errors import Conflict, NotFound
from hengio.lifecycle.journal import Journal
from hengio.lifecycle.outputs import Outputs
from hengio.lifecycle.start import Starter
from hengio.lock import FileLock
from hengio.service.executions import ExecutionService
from hengio.service.jobs import JobService
from hengio.service.names import KnownNames
from hengio.service.schedules import ScheduleService
from hengio.service.simulation import SimulationService
from hengio.settings import Settings
from hengio.storage.protocol import Storage, Work
from hengio.wiring.database import open_database
from hengio.wiring.objects import open_area
from hengio.wiring.scheduling import open_firing
from hengio.wiring.vault import open_known, open_webhooks


class Elsewhere(LocalDispatcher):
    """Publishes nothing: whoever works finds what is due in the database."""

    async def publish(self, work: Sequence[Work]) -> None:
        """Leave it in the database."""


@dataclass(frozen=True, slots=True)
class Desk:
    """The services over a database that others may work on."""

    settings: Settings
    storage: Storage
    files: Blobs
    jobs: JobService
    executions: ExecutionService
    schedules: ScheduleService
    simulations: SimulationService


@asynccontextmanager
async def desk(settings: Settings, *, create: bool = False) -> AsyncIterator[Desk]:
    """The services. Raises `NotFound` where no embedded database is yet, unless one shall be made (`create`)."""
    file = settings.database_file
    if file is not None and not file.exists():
        if not create:
            raise NotFound(f"there is no database {file}", hint="--data-dir names the folder of another")
        file.parent.mkdir(parents=True, exist_ok=True)
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        storage = open_database(settings)
        stack.push_async_callback(storage.close)
        await storage.open()
        known = open_known(settings, storage)
        stack.callback(log.hide, id(known), ())
        await known.refresh()
        journal = Journal(storage.executions)
        journal.open()
        stack.push_async_callback(journal.close)
        dispatcher = Elsewhere()
        starter = Starter(journal, dispatcher, clock, storage)
        firing = open_firing(settings, storage, dispatcher, clock)
        outputs = Outputs(open_area(settings, "outputs"))
        yield Desk(
            settings,
            storage,
            open_area(settings, "files"),
            JobService(
                storage=storage,
                starter=starter,
                events=Events(),
                outputs=outputs,
                clock=clock,
                webhooks=open_webhooks(settings, storage, clock),
                names=KnownNames(known, storage.jobs),
                firing=firing,
            ),
            ExecutionService(storage=storage, starter=starter, outputs=outputs, clock=clock),
            ScheduleService(storage=storage, firing=firing, clock=clock),
            SimulationService(storage=storage, at_once=settings.worker.at_once),
        )


def is_worked(settings: Settings) -> bool:
    """Whether a process of this machine holds the data folder, so that what waits there will be run."""
    try:
        with FileLock(settings.data_dir / "hengio.lock", what="the data folder"):
            return False
    except Conflict:
        return True
