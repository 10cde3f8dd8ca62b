"""Drives a `Walk` as a worker would: gives it the rows of the steps it offers, and remembers them as a journal does."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from hengio import codec
from hengio.codec import Json, Raw
from hengio.definition.context import Context
from hengio.lifecycle.advance import Ready, Walk
from hengio.model.execution import ExecutionState, StepRun, StepStatus
from hengio.model.job import Job
from tests.support.builders import a_context, failed_run, run_of

EVER = 1 << 62


class Walking:
    """A walk, what it has given out and not seen the end of, and the rows so far."""

    def __init__(self, job: Job, context: Context | None = None) -> None:
        self.walk = Walk(job, context or a_context())
        self.out: dict[str, Ready] = {}
        self.rows: list[StepRun] = []
        self.skipped: list[str] = []
        self.begun: list[tuple[str, int, int]] = []

    def begin(self, *, by: int = EVER) -> list[str]:
        """Begin whatever is ready; the ids of the steps that run now, in order of their branches."""
        for ready in self.walk.ready(by=by):
            self.out[ready.step.id] = ready
            self.begun.append((ready.step.id, ready.visit, ready.attempt))
        return list(self.out)

    def ok(self, step_id: str, output: Json = None, *, context: Json = None, **fields: Any) -> Walking:
        """The step succeeds; `context` is what it writes to the variables."""
        self.begin()
        patches = None if context is None else Raw(codec.encode([context]))
        return self.record(run_of(self.out[step_id], output=output, context=patches, **fields))

    def fails(self, step_id: str, **fields: Any) -> Walking:
        """The step fails."""
        self.begin()
        return self.record(failed_run(self.out[step_id], **fields))

    def loses(self, step_id: str, *, retryable: bool = True) -> Walking:
        """The worker of the step is lost."""
        return self.fails(step_id, code="lost", status=StepStatus.LOST, kind="lost", retryable=retryable)

    def routes(self, step_id: str, *targets: str, then: str | None = None) -> Walking:
        """The step succeeds and decides what follows."""
        return self.ok(step_id, routing=targets, then=then)

    def record(self, run: StepRun) -> Walking:
        """Take in a row, in the order of a journal."""
        del self.out[run.step_id]
        numbered = replace(run, sequence=len(self.rows) + 1)
        self.rows.append(numbered)
        self.walk.record(numbered, numbered.output)
        stopped = set(self.walk.take_stopped())
        self.out = {step_id: ready for step_id, ready in self.out.items() if ready.branch not in stopped}
        self.skipped += [skipped.step_id for skipped in self.walk.take_skipped()]
        return self

    @property
    def state(self) -> ExecutionState | None:
        """The final state; None while it goes on."""
        return None if self.walk.ended is None else self.walk.ended.state

    @property
    def code(self) -> str | None:
        """The code of the failure it ended with."""
        ended = self.walk.ended
        return None if ended is None or ended.failure is None else ended.failure.code

    def seen(self, step_id: str) -> Context:
        """The context that a step which runs now was given."""
        return self.out[step_id].context


def replayed(job: Job, rows: list[StepRun], context: Context | None = None) -> Walking:
    """A fresh walk after the journal's rows."""
    walking = Walking(job, context)
    for run in rows:
        walking.walk.record(run, run.output)
    return walking
