"""One step of a job: what it does (`type`, `config`) and what follows it."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from hengio.model.policy import FanOut, Retry

StepType = Literal["http", "database", "file_processing", "sftp", "wasm"]
END = "end"


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A step in canonical form (H3).

    `config` is the author's own JSON, templates unresolved; the step type's module in `hengio.steps` reads it.
    `next` None means the following step in definition order; a list of several ids is a fan-out that meets at `then`.
    `notes` is the author's own, kept and never scanned.
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
