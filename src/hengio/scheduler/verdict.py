"""What is decided about one nominal time. Pure."""

from __future__ import annotations

from msgspec import Struct

from hengio.clock import Micros
from hengio.model.fire import FireState, SkipReason


class Verdict(Struct, frozen=True, kw_only=True):
    """The state of a nominal time; `due_at` is when the execution of one that fired is to begin. With `until` it stands
    for all nominal times from its own to that moment."""

    at: Micros
    state: FireState
    reason: SkipReason | None = None
    note: str = ""
    due_at: Micros | None = None
    until: Micros | None = None


def skipped(at: Micros, reason: SkipReason, note: str = "", *, until: Micros | None = None) -> Verdict:
    return Verdict(at=at, state=FireState.SKIPPED, reason=reason, note=note, until=until)


def missed(at: Micros, note: str, *, until: Micros | None = None) -> Verdict:
    return Verdict(at=at, state=FireState.MISSED, note=note, until=until)
