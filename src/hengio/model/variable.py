"""A variable: a value that an administrator defined, for every job or for one."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from hengio.clock import Micros

MOST_BYTES = 64 << 10
"""What a value or a connection's object may have as JSON."""


class Variable(Struct, frozen=True, kw_only=True):
    """`job_id` None is global; a job's own variable wins over a global one of the same name (H6.1).

    A `sensitive` one is encrypted at rest and never printed. `locked` says why its value cannot be read; the value
    is None then.
    """

    name: str
    job_id: str | None = None
    value: Any
    sensitive: bool = False
    description: str = ""
    updated_at: Micros
    updated_by: str
    locked: str = ""

    def __repr__(self) -> str:
        return f"Variable({self.name!r}, job_id={self.job_id!r}, sensitive={self.sensitive})"
