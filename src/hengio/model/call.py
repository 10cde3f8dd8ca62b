"""An entry of the execution log: one call of a module (R8)."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.outcome import Failure


class ModuleCall(Struct, frozen=True, kw_only=True):
    """One attempt of a step that called a module. `outcome` is an outcome's word (`succeeded`, `out_of_fuel` …).

    `detail` holds what the call measured: module, digest, function, compiler, fuel, peak memory, duration in
    milliseconds, host calls, permissions, backtrace and log lines.
    """

    execution_id: str
    step_id: str
    visit: int
    attempt: int
    module_id: str
    outcome: str
    started_at: Micros
    completed_at: Micros
    failure: Failure | None
    detail: dict[str, Any]


class CallFilter(Struct, frozen=True, kw_only=True):
    """Which calls are asked for; everything that is not given matches. `since` is inclusive, `until` is not."""

    execution_id: str | None = None
    module_ids: tuple[str, ...] | None = None
    outcomes: tuple[str, ...] | None = None
    since: Micros | None = None
    until: Micros | None = None
