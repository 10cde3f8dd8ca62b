"""A job: its steps, how it may be triggered, and the limits on the whole of it."""

from __future__ import annotations

from functools import cached_property
from typing import Any, Literal

from msgspec import Struct

from hengio.model.input import Input
from hengio.model.schedule import Schedule
from hengio.model.step import Step

Overlap = Literal["skip", "queue", "allow", "cancel_running"]


class RateLimit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most `max_requests` in any `window_seconds`."""

    max_requests: int
    window_seconds: int


class Webhook(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """The webhook trigger of a job (H2).

    `enabled` lets it start the job. `secret_key` is what calls are signed with, as it is or as `${NAME}`; without one
    the installation makes it. `rate_limit` bounds how often it may. `headers` names those that an execution is told,
    instead of the usual ones. `url` is where it can be called, and given by the installation.
    """

    enabled: bool = False
    secret_key: str | None = None
    rate_limit: RateLimit | None = None
    headers: tuple[str, ...] | None = None
    url: str | None = None


class Triggers(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What may start the job (H2).

    `scheduled` is its schedule. `manual` is a person or a program that asks for it. `webhook` is a call from outside.
    """

    scheduled: bool = True
    manual: bool = True
    webhook: Webhook = Webhook()


class Job(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, dict=True):
    """A job definition in canonical form (H3).

    `name` tells the job from every other. `description` is for people. `enabled` jobs may be started.
    `schedule` is when the job runs by itself. `triggers` are what may start it.
    `timeout_seconds` counts time at work, waits for retries left out. `deadline_seconds` counts everything.
    `max_retries` is how often a failed step is tried again that says nothing itself. `max_crashes` is how often an
    execution may lose its worker. `max_parallel` bounds the branches of a fan-out that run at once.
    `allow_concurrent` lets executions of the job run side by side. `overlap` is what becomes of one that would.
    `inputs` are what an execution may be given, by name; without them it takes any JSON.
    `steps` run in this order, unless they are routed. `notes` are the author's own, kept and never scanned.
    """

    name: str
    description: str = ""
    enabled: bool = True
    schedule: Schedule | None = None
    triggers: Triggers = Triggers()
    timeout_seconds: float | None = None
    deadline_seconds: float | None = None
    max_retries: int = 3
    max_crashes: int = 3
    max_parallel: int = 8
    allow_concurrent: bool = False
    overlap: Overlap | None = None
    inputs: dict[str, Input] | None = None
    steps: tuple[Step, ...]
    notes: dict[str, Any] | None = None

    @cached_property
    def order(self) -> dict[str, int]:
        """Step id → its place in definition order, from 0."""
        return {step.id: place for place, step in enumerate(self.steps)}

    @property
    def exclusive(self) -> bool:
        """Whether no other execution of the job may run beside one (H5.8)."""
        return not self.allow_concurrent and self.overlap != "allow"

    def step(self, step_id: str) -> Step:
        """The step of that id; `KeyError` if the job has none."""
        return self.steps[self.order[step_id]]
