"""A real worker on a real database, with steps that do what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from hengio import codec
from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.clock import Clock, SystemClock
from hengio.codec import Json, Raw
from hengio.dispatch.events import Events
from hengio.dispatch.local import LocalDispatcher
from hengio.lifecycle.journal import Journal
from hengio.lifecycle.outputs import Outputs
from hengio.lifecycle.recover import Reconciler
from hengio.lifecycle.start import Starter
from hengio.model.execution import FINAL, Execution, StepRun
from hengio.model.outcome import Failure
from hengio.service.executions import ExecutionService
from hengio.steps.protocol import StepRequest, StepResult
from hengio.storage.protocol import Storage, StoredJob
from hengio.vault.known import Fixed
from hengio.worker.attempt import Attempts
from hengio.worker.loop import Worker
from hengio.worker.runner import Definitions, Runner
from tests.support.waiting import LONG_SECONDS, eventually

Behaviour = Callable[[StepRequest], Awaitable[StepResult]]


def done(output: Json = None, **fields: object) -> StepResult:
    """A step that succeeded."""
    return StepResult(output=Raw(codec.encode(output)), **fields)  # type: ignore[arg-type]


def broken(*, retryable: bool = False) -> StepResult:
    """A step that failed."""
    return StepResult(kind="failed", failure=Failure("broken", "it broke"), retryable=retryable)


@dataclass
class Script:
    """A step type whose steps do what `steps` says by id, and succeed at once without a word there."""

    steps: Mapping[str, Behaviour] = field(default_factory=dict)
    begun: list[tuple[str, int, int]] = field(default_factory=list)
    running: int = 0
    most: int = 0

    async def run(self, request: StepRequest) -> StepResult:
        self.begun.append((request.step.id, request.visit, request.attempt))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            behaviour = self.steps.get(request.step.id)
            return done(request.step.id) if behaviour is None else await behaviour(request)
        finally:
            self.running -= 1


class Hold:
    """A step that says when it has begun and goes on when it is let go."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self.cancelled = 0

    async def __call__(self, request: StepRequest) -> StepResult:
        self.begun.set()
        try:
            await self.let_go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return done(request.step.id)


@dataclass
class Workplace:
    """The parts of one worker."""

    storage: Storage
    script: Script
    outputs: Blobs
    worker: Worker
    runner: Runner
    journal: Journal
    starter: Starter
    dispatcher: LocalDispatcher
    reconciler: Reconciler
    events: Events
    executions: ExecutionService

    async def start(self, stored: StoredJob, *, given: Json = None) -> Execution:
        """Start the job by hand."""
        return await self.starter.start(stored, trigger="manual", given=given)

    async def end(self, execution: Execution) -> Execution:
        """The execution once it is over."""
        return await self._once(execution, lambda now: now.state in FINAL)

    async def parked(self, execution: Execution) -> Execution:
        """The execution once it was given back for the first time."""
        return await self._once(execution, lambda now: now.dispatch_number > 1)

    async def _once(self, execution: Execution, holds: Callable[[Execution], bool]) -> Execution:
        async def look() -> Execution | None:
            now = await self.storage.executions.load(execution.id)
            return now if holds(now) else None

        return await eventually(look)

    async def wrote(self, execution: Execution, count: int) -> list[StepRun]:
        """Its step runs once there are that many."""

        async def look() -> list[StepRun] | None:
            rows = await self.rows(execution)
            return rows if len(rows) >= count else None

        return await eventually(look)

    async def busy(self, count: int) -> None:
        """Until that many steps run at once, and whatever could begin beside them has begun."""

        async def look() -> bool:
            return self.script.running >= count

        await eventually(look)
        await asyncio.sleep(0.05)

    async def run(self, stored: StoredJob, *, given: Json = None) -> Execution:
        """Start it and wait for its end."""
        return await self.end(await self.start(stored, given=given))

    async def rows(self, execution: Execution) -> list[StepRun]:
        """Its step runs in their order."""
        return await self.storage.executions.runs(execution.id)

    async def stop(self, *, deadline_seconds: float = LONG_SECONDS) -> None:
        """Stop the worker."""
        await self.worker.stop(deadline_seconds=deadline_seconds)


@asynccontextmanager
async def working(
    storage: Storage,
    steps: Mapping[str, Behaviour] | None = None,
    *,
    name: str = "worker",
    at_once: int = 16,
    outputs: Blobs | None = None,
    clock: Clock | None = None,
    alone: bool = True,
    lease_seconds: float = 60.0,
    recover: bool = True,
) -> AsyncIterator[Workplace]:
    """A worker that runs until the end of the block, and takes up first what another left (`recover`)."""
    clock, script, events = clock or SystemClock(), Script(steps or {}), Events()
    kept = outputs or open_blobs("memory://", area="outputs")
    journal, dispatcher = Journal(storage.executions), LocalDispatcher()
    runner = Runner(
        name=name,
        storage=storage,
        journal=journal,
        attempts=Attempts({"wasm": script}, Outputs(kept), events, clock),
        events=events,
        clock=clock,
        definitions=Definitions(storage.jobs),
        variables=Fixed({}),
        lease_seconds=lease_seconds,
    )
    worker = Worker(runner, dispatcher, at_once=at_once)
    reconciler = Reconciler(
        storage.executions,
        dispatcher,
        clock,
        alone=alone,
        freed=runner.freed,
        lease_seconds=lease_seconds,
        every_seconds=0.05,
    )
    starter = Starter(journal, dispatcher, clock, storage)
    executions = ExecutionService(
        storage=storage, starter=starter, outputs=Outputs(kept), clock=clock, cancel_asked=runner.cancel_asked.set
    )
    journal.open()
    if recover:
        await reconciler.recover()
    running = asyncio.create_task(worker.run())
    watching = asyncio.create_task(reconciler.run())
    try:
        yield Workplace(
            storage, script, kept, worker, runner, journal, starter, dispatcher, reconciler, events, executions
        )
    finally:
        watching.cancel()
        await worker.stop(deadline_seconds=0.0)
        await asyncio.wait([running, watching])
        await journal.close()
