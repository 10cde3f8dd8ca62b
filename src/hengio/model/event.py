"""What happens to an execution, told while it happens, for whoever watches. Losing one loses no state."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from hengio.clock import Micros

EventType = Literal["execution.started", "step.started", "step.log", "step.finished", "execution.finished"]


class Event(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that happened. `data` is as `docs/reference/events.md` lists it for each type."""

    type: EventType
    execution_id: str
    at: Micros
    step_id: str | None = None
    data: dict[str, Any] | None = None
