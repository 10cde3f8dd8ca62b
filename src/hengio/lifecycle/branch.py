"""Where an execution stands: a branch is one thread of control through the steps, a fork is several of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from hengio.clock import Micros
from hengio.definition.context import Context, StepEntry
from hengio.model.outcome import Failure


class Stand(Enum):
    """What a branch is doing: about to run its step, running it, waiting for the branches of a fork, or over."""

    READY = auto()
    RUNNING = auto()
    FORKED = auto()
    DONE = auto()
    FAILED = auto()
    CANCELLED = auto()


@dataclass(slots=True, kw_only=True)
class Branch:
    """One thread of control. `ends_at` are the steps at which it is over: the join and its siblings' first steps.

    `patches` and `entries` are what it wrote since it began; they reach the branch that forked it at the join. `blame`
    are the visits to steps, (id, number), for which it failed.
    """

    path: str
    context: Context
    at: str
    visit: int
    ends_at: frozenset[str] = frozenset()
    attempt: int = 1
    due_at: Micros = 0
    stand: Stand = Stand.READY
    fork: Fork | None = None
    failure: Failure | None = None
    exhausted: bool = False
    blame: frozenset[tuple[str, int]] = frozenset()
    patches: list[dict[str, Any]] = field(default_factory=list)
    entries: dict[str, StepEntry] = field(default_factory=dict)

    def write(self, step_id: str, entry: StepEntry) -> None:
        """Show a step's entry to what follows in this branch."""
        self.context.steps[step_id] = entry
        self.entries[step_id] = entry

    def merge(self, patch: dict[str, Any]) -> None:
        """Merge variables into this branch's view."""
        self.context.merge(patch)
        self.patches.append(patch)

    def move_to(self, step_id: str, *, visit: int) -> None:
        """Stand before `step_id`, on that visit to it."""
        self.at, self.visit, self.attempt, self.due_at = step_id, visit, 1, 0
        self.stand = Stand.READY

    def try_again(self, *, due_at: Micros) -> None:
        """Stand before the same step once more, on its next attempt."""
        self.attempt, self.due_at = self.attempt + 1, due_at
        self.stand = Stand.READY

    def awaits(self, step_id: str, visit: int, attempt: int) -> bool:
        """Whether that step run is the one at hand."""
        standing = self.stand in (Stand.READY, Stand.RUNNING)
        return standing and (step_id, visit, attempt) == (self.at, self.visit, self.attempt)

    def over(self) -> bool:
        """Whether nothing of it will run any more."""
        return self.stand in (Stand.DONE, Stand.FAILED, Stand.CANCELLED)

    def fail(self, failure: Failure, *, exhausted: bool, blame: frozenset[tuple[str, int]]) -> None:
        """End it as failed; `exhausted` if every retry was used up."""
        self.stand, self.failure, self.exhausted, self.blame = Stand.FAILED, failure, exhausted, blame


@dataclass(slots=True, kw_only=True)
class Fork:
    """Branches that a router started and the step at which they meet (None: the end of the job)."""

    router: str
    join: str | None
    branches: list[Branch]

    def blame(self) -> frozenset[tuple[str, int]]:
        """The visits to steps for which branches failed."""
        return frozenset[tuple[str, int]]().union(*(branch.blame for branch in self.branches))

    def first_failed(self) -> Branch | None:
        """The first failed branch in definition order."""
        return next((branch for branch in self.branches if branch.stand is Stand.FAILED), None)
