"""What Hengio asks of its database.

Hot writes are entries of one `commit`: many waiting writers, one transaction, and an answer for each. Everything else
is one small protocol an aggregate.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.call import CallFilter, ModuleCall
from hengio.model.circuit import Circuit
from hengio.model.execution import EVERY, FINAL, Execution, ExecutionFilter, ExecutionState, StepRun
from hengio.model.job import Job, RateLimit
from hengio.model.outcome import Failure
from hengio.model.statistics import CallStatistics
from hengio.storage.audit import AuditStore
from hengio.storage.modules import AuthorStore, ChannelStore, ModuleStore
from hengio.storage.people import PeopleStore, SessionStore, TokenStore
from hengio.storage.schedules import ScheduleStore
from hengio.storage.vault import ConnectionStore, VariableStore, VaultStore
from hengio.storage.webhooks import WebhookStore


class Begin(Struct, frozen=True):
    """Write a new execution, pending. Answer: `Done`, or `Existing` for an idempotency key that its job has seen."""

    execution: Execution


class Claim(Struct, frozen=True):
    """Take a pending execution for a worker, for `lease_seconds`.

    Answer: `Claimed`, `Blocked` while another execution of a job that allows none beside it is under way, or `Stale`
    when the execution is not pending under that dispatch number any more.
    """

    execution_id: str
    dispatch_number: int
    worker: str
    lease_seconds: float
    at: Micros


class Record(Struct, frozen=True):
    """Write step runs and, with `close`, the end of the execution, in one transaction.

    Answer: `Done`, or `Stale` when the claim is no longer the execution's: then nothing of this entry is written.
    """

    execution_id: str
    claim: int
    runs: tuple[StepRun, ...] = ()
    close: Close | None = None


class Close(Struct, frozen=True):
    """The final state of an execution."""

    state: ExecutionState
    finished_at: Micros
    failure: Failure | None = None

    def __post_init__(self) -> None:
        assert self.state in FINAL, f"'{self.state}' is no end"


class Park(Struct, frozen=True):
    """Give a running execution back: pending, due at `due_at`, under the next dispatch number.

    Answer: `Parked`, or `Stale`. A parked claim is not a lost one.
    """

    execution_id: str
    claim: int
    due_at: Micros


Entry = Begin | Claim | Record | Park


class Done(Struct, frozen=True):
    """Written."""


class Existing(Struct, frozen=True):
    """Not written: the execution that was begun first under that idempotency key."""

    execution_id: str


class Stale(Struct, frozen=True):
    """Not written: somebody else holds the execution now, or it is over."""


class Blocked(Struct, frozen=True):
    """Not claimed: another execution of this job is under way."""


class Claimed(Struct, frozen=True):
    """The execution as claimed. `lost` says that the claim before this one was neither parked nor closed; `revision` is
    that of variables and connections at the moment of the claim."""

    execution: Execution
    lost: bool
    revision: int = 0


class Parked(Struct, frozen=True):
    """Given back, under this dispatch number."""

    dispatch_number: int


Answer = Done | Existing | Stale | Blocked | Claimed | Parked


class Work(Struct, frozen=True):
    """What a dispatcher carries: an execution and the number of the publish that made it due."""

    execution_id: str
    dispatch_number: int


class ExecutionStore(Protocol):
    """Executions and their step runs.

    Promises: entries of a `commit` are atomic one by one and durable when it returns; two claims of one dispatch number
    never both succeed; leases are compared with the database's clock alone. Does not promise any order between entries
    of different executions.
    """

    async def commit(self, entries: Sequence[Entry]) -> list[Answer | Exception]:
        """Write all entries in one transaction. An entry that is at fault gets its exception and does not harm the
        others; `Unavailable` is raised when nothing could be written."""
        ...

    async def load(self, execution_id: str) -> Execution: ...

    async def keyed(self, job_id: str, idempotency_key: str) -> Execution | None:
        """The execution that was begun under that key; None if none was."""
        ...

    async def runs(self, execution_id: str) -> list[StepRun]:
        """Every step run of the execution, in the order they were written."""
        ...

    async def recent(
        self, wanted: ExecutionFilter = EVERY, *, limit: int = 50, before: Execution | None = None
    ) -> list[Execution]:
        """The newest executions first; with `before`, those that follow it in that order. What they were
        given is not loaded: `input` is empty, `webhook` None."""
        ...

    async def latest(self, job_ids: Collection[str]) -> dict[str, Execution]:
        """The newest execution of each of those jobs that has one, with an empty `input`."""
        ...

    async def durations(self, job_ids: Collection[str], *, limit: int) -> dict[str, list[float]]:
        """How many seconds the latest successful executions of each of those jobs took, at most `limit` of each. Only
        the latest four times as many are looked at, and reruns, which keep what was done before, are left out."""
        ...

    async def due(self, *, before: Micros, limit: int) -> list[Work]:
        """Pending executions due at or before that moment, oldest first. Of a job that allows none beside another, the
        first one, and none while one of its runs: however many are blocked, what may run is found."""
        ...

    async def unfinished(self) -> int:
        """How many executions are pending or running."""
        ...

    async def next_due(self) -> Micros | None:
        """When the next pending execution is due."""
        ...

    async def extend(self, claims: Sequence[tuple[str, int]], *, lease_seconds: float) -> None:
        """Hold leases for longer; claims that are no longer current are left alone."""
        ...

    async def recover(self, *, everything: bool, at: Micros) -> list[Work]:
        """Make pending again what a dead worker held: claims whose lease ran out, or with `everything` all claims (only
        a process that is alone on the database may say so). Counts a crash on each. What was being cancelled
        has nothing left that runs: it is cancelled."""
        ...

    async def expire(self, *, at: Micros, limit: int) -> list[str]:
        """End what still waits for a worker when its job's deadline is over, as `timeout`; the ids."""
        ...


class Cancelling(Struct, frozen=True):
    """An execution that shall be cancelled while a worker holds it under `claim`."""

    execution_id: str
    claim: int
    why: Failure


class InterventionStore(Protocol):
    """What people do to executions. Each is one transaction that asks for the state it starts from, so that of two who
    do it at the same time one is told."""

    async def cancel(self, execution_id: str, *, why: Failure, at: Micros) -> ExecutionState:
        """The state it is in now: `cancelled` if nothing ran, `cancelling` where its worker must end it first.
        `NotFound`; `Conflict` if it is over."""
        ...

    async def cancelling(self) -> list[Cancelling]:
        """What workers hold and shall end."""
        ...

    async def rerun(self, execution: Execution, kept: Sequence[StepRun], *, source: ExecutionState) -> None:
        """Write a new execution, a rerun of another that is in the state `source`, with the step runs that it keeps. A
        dead letter is redriven by that. `Conflict` if it is in another state by now, was redriven already, or while
        another rerun of it is not over."""
        ...

    async def discard(self, execution_id: str, *, why: Failure, at: Micros) -> None:
        """Cancel a dead letter. `NotFound`; `Conflict` if it is none, or was redriven."""
        ...

    async def begin_instead(self, execution: Execution, *, why: Failure, limit: RateLimit | None = None) -> Execution:
        """Write a new execution and cancel all of its job that are not over, in one transaction. The first execution
        under an idempotency key is returned instead of a second, and then nothing is cancelled. `limit` as for
        `begin_within`."""
        ...

    async def begin_alone(self, execution: Execution, *, limit: RateLimit | None = None) -> Execution:
        """Write a new execution, unless one of its job is not over yet: `Conflict` names that one. The first execution
        under an idempotency key is returned instead of a second. `limit` as for `begin_within`."""
        ...

    async def begin_within(self, execution: Execution, *, limit: RateLimit) -> Execution:
        """Write a new execution, unless webhooks have begun as many of its job as may be in the window before it:
        `Limited` says when there is room again. Whichever processes ask, in no window there are more. The first
        execution under an idempotency key is returned instead of a second."""
        ...


class CircuitStore(Protocol):
    """The circuits of targets as the workers last saw them (H5.5)."""

    async def put(self, circuit: Circuit, *, worker: str) -> None: ...

    async def forget(self, *, worker: str | None) -> None:
        """Drop what that worker told; None: what any told (only a process that is alone on the database may say so)."""
        ...

    async def all(self) -> list[tuple[Circuit, str]]:
        """Every circuit that is not closed, with the worker that told it."""
        ...


class StoredJob(Struct, frozen=True):
    """A job at one version. Versions count from 1; an execution keeps the one it started with. Of the latest version
    `job.enabled` is what people set last."""

    id: str
    version: int
    job: Job


class JobStore(Protocol):
    """Jobs by id and by unique name, every version kept."""

    async def put(self, job: Job, *, at: Micros) -> StoredJob:
        """Create the job, or add a version to the one of that name; an unchanged definition adds none.

        Whether the job is enabled changes only where the definition says otherwise than the version before."""
        ...

    async def enable(self, job_id: str, *, enabled: bool, at: Micros) -> StoredJob:
        """Let it start or not; `NotFound`."""
        ...

    async def delete(self, job_id: str, *, at: Micros) -> None:
        """Take it away: its name is free again, its executions are kept. `NotFound`; `Conflict` while one of them is
        not over."""
        ...

    async def get(self, id_or_name: str) -> StoredJob:
        """The latest version of the job of that name, else of the one with that id; `NotFound` if there is none."""
        ...

    async def version(self, job_id: str, version: int) -> StoredJob:
        """One version, also of a job that was deleted."""
        ...

    async def deleted(self, id_or_name: str) -> list[str]:
        """The ids of jobs that were deleted and have that id, are called so now or were before; the last one first."""
        ...

    async def names(self, job_ids: Collection[str]) -> dict[str, str]:
        """The name of each job, also of those that were deleted."""
        ...

    async def all(self) -> list[StoredJob]:
        """The latest version of every job, by name."""
        ...


class CallStore(Protocol):
    """The execution log: every finished call of a module (R8). Its entries are the step runs themselves, so an entry
    is there exactly when its step is final."""

    async def find(self, wanted: CallFilter, *, limit: int, before: ModuleCall | None = None) -> list[ModuleCall]:
        """The newest first; with `before`, those that follow it in that order."""
        ...

    async def statistics(self, module_id: str, *, since: Micros, most: int) -> CallStatistics:
        """Of the newest calls of a module, at most so many, that ended since then."""
        ...


class Storage(Protocol):
    """The database as a whole."""

    @property
    def executions(self) -> ExecutionStore: ...

    @property
    def interventions(self) -> InterventionStore: ...

    @property
    def circuits(self) -> CircuitStore: ...

    @property
    def jobs(self) -> JobStore: ...

    @property
    def schedules(self) -> ScheduleStore: ...

    @property
    def modules(self) -> ModuleStore: ...

    @property
    def channels(self) -> ChannelStore: ...

    @property
    def authors(self) -> AuthorStore: ...

    @property
    def calls(self) -> CallStore: ...

    @property
    def audit(self) -> AuditStore: ...

    @property
    def variables(self) -> VariableStore: ...

    @property
    def connections(self) -> ConnectionStore: ...

    @property
    def vault(self) -> VaultStore: ...

    @property
    def webhooks(self) -> WebhookStore: ...

    @property
    def people(self) -> PeopleStore: ...

    @property
    def sessions(self) -> SessionStore: ...

    @property
    def tokens(self) -> TokenStore: ...

    async def open(self) -> None:
        """Connect and bring the tables up to date."""
        ...

    async def check(self) -> None:
        """One round trip; `Unavailable` says why not."""
        ...

    async def close(self) -> None: ...
