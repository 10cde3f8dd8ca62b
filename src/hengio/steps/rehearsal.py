"""A dry run: steps read as ever, and what they would have changed outside is noted instead of done."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

ChangeKind = Literal["http", "database", "file", "sftp"]


class Change(Struct, frozen=True, kw_only=True):
    """Something that would have been changed. `what` says it in the words of its kind, secrets masked."""

    kind: ChangeKind
    step_id: str
    visit: int
    attempt: int
    what: dict[str, Any]


class Rehearsal:
    """What one dry run would have changed, in the order in which it would have been."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def note(self, kind: ChangeKind, *, step_id: str, visit: int, attempt: int, what: dict[str, Any]) -> None:
        """One more change that was not made."""
        self.changes.append(Change(kind=kind, step_id=step_id, visit=visit, attempt=attempt, what=what))
