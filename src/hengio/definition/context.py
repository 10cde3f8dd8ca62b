"""The data an execution carries from step to step, and how a module's context writes change it.

Outputs are held as encoded JSON and parsed only when a template or a condition looks inside.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from hengio import codec
from hengio.codec import Raw


class StepEntry:
    """What `steps.<id>` shows: output, status, times (ISO 8601), attempt, error.

    `fields` may be a function: most entries are never looked at but for their output, so they are described on demand.
    """

    __slots__ = ("_fields", "_parsed", "raw")

    def __init__(self, *, raw: Raw | None, fields: Mapping[str, Any] | Callable[[], Mapping[str, Any]]) -> None:
        self.raw = raw
        self._fields = fields
        self._parsed: Any = None

    @property
    def fields(self) -> Mapping[str, Any]:
        """Everything but the output."""
        if callable(self._fields):
            self._fields = self._fields()
        return self._fields

    @property
    def output(self) -> Any:
        """The output, parsed once."""
        if self._parsed is None and self.raw is not None:
            self._parsed = codec.decode(self.raw)
        return self._parsed


class Context:
    """One branch's view: what the execution was given, the variables as it sees them, the steps that ran before it.

    `admin` holds the variables an administrator defined, of which `secret_names` are sensitive; modules may neither
    write the former nor read the latter unasked. `variables` are the execution's own. `locked` says of variables that
    are defined but cannot be read why not.
    """

    __slots__ = ("admin", "base", "locked", "secret_names", "steps", "variables")

    def __init__(
        self,
        *,
        base: Mapping[str, Any],
        admin: Mapping[str, Any],
        secret_names: frozenset[str] = frozenset(),
        variables: dict[str, Any] | None = None,
        steps: dict[str, StepEntry] | None = None,
        locked: Mapping[str, str] | None = None,
    ) -> None:
        self.base = base
        self.admin = admin
        self.secret_names = secret_names
        self.variables = variables if variables is not None else {}
        self.steps = steps if steps is not None else {}
        self.locked = locked if locked is not None else {}

    def fork(self) -> Context:
        """The view of a new branch: everything as it is now, and nothing that is written elsewhere afterwards."""
        return Context(
            base=self.base,
            admin=self.admin,
            secret_names=self.secret_names,
            variables=dict(self.variables),
            steps=dict(self.steps),
            locked=self.locked,
        )

    def merge(self, patch: Mapping[str, Any]) -> None:
        """Merge variables deeply; `null` deletes, unrelated values stay (RFC 7396)."""
        self.variables = merged(self.variables, patch)

    def all_variables(self) -> dict[str, Any]:
        """Variables as templates see them: the administrator's, then what modules added."""
        return {**self.variables, **self.admin}


def merged(target: Any, patch: Mapping[str, Any]) -> dict[str, Any]:
    """`target` with `patch` applied (RFC 7396, JSON Merge Patch); neither is changed."""
    result = dict(target) if isinstance(target, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(result.get(key), value)
        else:
            result[key] = value
    return result
