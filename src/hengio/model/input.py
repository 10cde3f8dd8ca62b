"""What a job wants to be given: each input of an execution with its type and its limits (H2.1)."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

InputType = Literal["string", "integer", "number", "boolean", "date", "datetime", "object", "array"]


class Input(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An input of the job's executions.

    `type` is that of its values: a `date` is written `2026-11-23`, a `datetime` as RFC 3339 has it. `description` is
    for people. `required` inputs must be given where they have no default. `default` is the value where none is given.
    `enum` lists all values there may be. `minimum` and `maximum` bound an integer or a number. `max_length` is the most
    letters of a string, items of an array or keys of an object.
    """

    type: InputType
    description: str = ""
    required: bool = False
    default: Any | UnsetType = UNSET
    enum: tuple[Any, ...] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    max_length: int | None = None
