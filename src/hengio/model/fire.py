"""The fire ledger: what became of each nominal time of a schedule, and why (H1.6)."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from msgspec import Struct

from hengio.clock import Micros

SkipReason = Literal["overlap", "holiday", "paused", "misfire", "dst-gap"]
"""An execution of the job was not over; a day that the calendar leaves out; the job or its schedule was paused; nobody
was there in time and the misfire policy does not make up for it; a time that the clock jumped over."""


class FireState(StrEnum):
    """What became of a nominal time."""

    FIRED = "fired"
    SKIPPED = "skipped"
    MISSED = "missed"


class Fire(Struct, frozen=True, kw_only=True):
    """One row of the ledger, unique by job and nominal time.

    `reason` is that of a skip. `note` is for people. `execution_id` is what it started. A row with `until` stands for
    every nominal time from its own to that moment, both included: what a long outage left is not written row by row.
    """

    job_id: str
    job_version: int
    nominal_time: Micros
    state: FireState
    decided_at: Micros
    reason: SkipReason | None = None
    note: str = ""
    execution_id: str | None = None
    until: Micros | None = None


class FireFilter(Struct, frozen=True, kw_only=True):
    """Which rows are asked for; everything that is not given matches. `since` is inclusive, `until` is not."""

    job_id: str | None = None
    states: tuple[FireState, ...] = ()
    since: Micros | None = None
    until: Micros | None = None
