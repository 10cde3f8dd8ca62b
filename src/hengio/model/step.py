"""One step of a job: what it does (`type`, `config`) and what follows it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from hengio.model.policy import FanOut, Retry

StepType = Literal["http", "database", "file_processing", "sftp", "wasm"]
END = "end"


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step in canonical form (H3).

    `id` tells the step from the job's others. `name` is for people. `type` says what the step does.
    `config` says how: the author's own JSON, templates unresolved, which the type's module in `hengio.steps` reads.
    `condition` is an expression: the step is skipped when it is false.
    `next` is the id of the step that follows, several of them for a fan-out, or `end`; None is the following step.
    `then` is the step at which the branches of a fan-out meet. `fan_out` says what a failed branch does to the others.
    `retry` says when a failed attempt is made again. `timeout_seconds` is the time of one attempt.
    `on_failure` is `fail`, `continue` or the id of the step to go on with. `on_crash` is what becomes of an attempt
    whose worker was lost. `max_visits` is how often the step may run in one execution.
    `notes` are the author's own, kept and never scanned.
    """

    id: str
    name: str = ""
    type: StepType
    config: dict[str, Any] = field(default_factory=dict)
    condition: str | None = None
    next: str | tuple[str, ...] | None = None
    then: str | None = None
    fan_out: FanOut = FanOut()
    retry: Retry = Retry()
    timeout_seconds: float | None = None
    on_failure: str = "fail"
    on_crash: Literal["retry", "fail"] = "retry"
    max_visits: int = 100
    notes: dict[str, Any] | None = None
