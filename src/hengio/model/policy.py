"""Policies of a step: when to try again, and how a fan-out ends."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

DEFAULT_DELAYS = (5.0, 15.0, 60.0, 300.0, 1800.0)


class Retry(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How often and how fast a failed step is tried again (H5).

    `max_retries` counts tries after the first; None takes the job's. `delays_seconds` are waited in turn, the last one
    again and again. A delay is multiplied by a random factor of 1 ± `jitter`. `on` lists outcome kinds that are retried
    whatever their default.
    """

    max_retries: int | None = None
    delays_seconds: tuple[float, ...] = DEFAULT_DELAYS
    jitter: float = 0.1
    on: tuple[str, ...] = ()


class FanOut(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a fan-out ends (ABI: Routing).

    `on_failure` is what a failed branch does to its siblings: `cancel` stops them, `wait` lets them finish.
    """

    on_failure: Literal["cancel", "wait"] = "cancel"
