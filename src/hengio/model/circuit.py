"""The circuit of a target: whether it is asked at all, after what happened with it (H5.5)."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from hengio.clock import Micros


class CircuitState(StrEnum):
    """Closed: asked. Open: left alone. Half open: one caller tries."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Circuit(Struct, frozen=True, kw_only=True):
    """A target's circuit as it is now. `target` is its kind and name: `http api.example.com:443`, `database warehouse`.
    `reason` is what the last failure said."""

    target: str
    state: CircuitState
    failures: int
    changed_at: Micros
    reason: str = ""
