"""The parts that steps are made of, from settings: storage, objects, sandbox, targets. No worker is among them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from hengio import log
from hengio.blobs.protocol import Blobs
from hengio.clock import Clock
from hengio.lifecycle.outputs import Outputs
from hengio.model.circuit import Circuit
from hengio.registry.modules import ModuleRegistry
from hengio.sandbox.host.outside import Capabilities
from hengio.sandbox.protocol import Sandbox
from hengio.settings import Settings
from hengio.steps.database import DatabaseStep
from hengio.steps.late import Late
from hengio.steps.protocol import StepType
from hengio.steps.tapes import Tapes
from hengio.steps.wasm import Allowed, WasmStep, World
from hengio.storage.protocol import Storage
from hengio.targets.breaker import Breakers
from hengio.targets.databases import Databases
from hengio.targets.guard import Guard
from hengio.vault.known import Known
from hengio.vault.masks import Masks
from hengio.wiring.artefacts import open_artefacts
from hengio.wiring.database import open_database
from hengio.wiring.modules import open_registry
from hengio.wiring.objects import open_area, open_modules
from hengio.wiring.outside import open_capabilities, over
from hengio.wiring.sandbox import default_limits, highest_limits, open_sandbox
from hengio.wiring.scratch import open_scratch
from hengio.wiring.sftp import SftpSteps, open_sftp_steps
from hengio.wiring.tapes import make_tapes
from hengio.wiring.vault import database_url, given_connections, make_masks, open_known
from hengio.wiring.web import open_breakers, open_guard, open_http_step, open_http_targets
from hengio.worker.circuits import KeptCircuits


@dataclass(frozen=True, slots=True)
class Areas:
    """The separate areas of the object store; only `files` can be named by jobs."""

    modules: Blobs
    outputs: Blobs
    files: Blobs
    tapes: Blobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Open parts. `circuits` keeps what breakers tell, `scratch` holds temporary files; None where nobody works."""

    settings: Settings
    clock: Clock
    storage: Storage
    areas: Areas
    outputs: Outputs
    sandbox: Sandbox
    modules: ModuleRegistry
    known: Known
    masks: Masks
    tapes: Tapes
    circuits: KeptCircuits | None
    scratch: Path | None
    capabilities: Capabilities
    sftp: SftpSteps
    fixed: dict[str, StepType]

    def types(self, files: Blobs) -> dict[str, StepType]:
        """The step types, over this files area."""
        world = World(capabilities=over(self.capabilities, files), audit=self.storage.audit, clock=self.clock)
        allowed = Allowed(
            default=default_limits(self.settings),
            component=default_limits(self.settings, component=True),
            highest=highest_limits(self.settings),
        )
        return {
            "wasm": WasmStep(self.sandbox, self.modules, allowed=allowed, world=world, tapes=self.tapes),
            "file_processing": Late(partial(_file_step, files, self.scratch)),
            "sftp": self.sftp.over(files),
            **self.fixed,
        }


def _file_step(files: Blobs, scratch: Path | None) -> StepType:
    from hengio.steps.files import FileStep  # with the libraries for workbooks

    return FileStep(files, scratch)


def open_areas(settings: Settings) -> Areas:
    """The object store's areas that the running parts use by name."""
    others = [field.name for field in fields(Areas) if field.name != "modules"]
    return Areas(modules=open_modules(settings), **{name: open_area(settings, name) for name in others})


@asynccontextmanager
async def open_parts(settings: Settings, *, clock: Clock, worker: str | None) -> AsyncIterator[Parts]:
    """Everything but the worker, whose name is given if there is one. Raises `Unavailable` when the database or the
    disk cannot be used."""
    async with AsyncExitStack() as stack:
        storage = open_database(settings)
        stack.push_async_callback(storage.close)
        await storage.open()
        areas = open_areas(settings)
        sandbox = open_sandbox(settings, artefacts=open_artefacts(settings))
        stack.push_async_callback(sandbox.close)
        known = open_known(settings, storage)
        stack.callback(log.hide, id(known), ())
        await known.refresh()
        circuits = None if worker is None else KeptCircuits(storage.circuits, worker=worker)
        breakers = open_breakers(settings, clock, on_change=_ignore if circuits is None else circuits.tell)
        guard = open_guard(settings)
        databases = open_databases(settings, known, guard=guard, breakers=breakers)
        stack.push_async_callback(databases.close)
        capabilities = await stack.enter_async_context(
            open_capabilities(settings, databases=databases, files=areas.files, breakers=breakers)
        )
        http = await stack.enter_async_context(
            open_http_step(
                guard=guard,
                breakers=breakers,
                connections=open_http_targets(settings, known),
                clock=clock,
            )
        )
        yield Parts(
            settings=settings,
            clock=clock,
            storage=storage,
            areas=areas,
            outputs=Outputs(areas.outputs),
            sandbox=sandbox,
            modules=open_registry(settings, storage, areas.modules, sandbox, clock=clock),
            known=known,
            masks=make_masks(settings, known),
            tapes=make_tapes(settings, areas.tapes, clock, more=known.sensitive),
            circuits=circuits,
            scratch=None if worker is None else open_scratch(settings),
            capabilities=capabilities,
            sftp=open_sftp_steps(settings, known, guard=guard, breakers=breakers),
            fixed={"http": http, "database": DatabaseStep(databases)},
        )


def open_databases(
    settings: Settings, known: Known | None = None, *, guard: Guard | None = None, breakers: Breakers | None = None
) -> Databases:
    """The named connections of database steps, with `known` those that are stored, too; SQLite files lie under the
    data folder's `databases/`. `Refused` for one of the settings that can be none."""
    given = {name: database_url(one) for name, one in given_connections(settings).items() if one.type == "database"}
    folder = Path(settings.data_dir) / "databases"
    fixed = Databases(given, folder=folder)
    if known is None:
        return fixed
    book = known.connections.typed("database", database_url)
    return Databases(book, folder=folder, check=None if guard is None else guard.addresses, breakers=breakers)


def _ignore(_circuit: Circuit) -> None:
    """Nobody keeps it."""
