"""What one call may reach outside its execution: each request goes to its capability with the call's scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct, field

from hengio.model.grant import Grant, Permission
from hengio.sandbox.host.answer import answered
from hengio.sandbox.protocol import Answered, Ask, Directory, OutsideFunction, Status

DENIED = answered(Status.PERMISSION_DENIED, "this call may reach nothing outside its execution")
Layer = tuple[Grant, ...]
_MOST_LEFT_OUT = 100
"""As many as an outcome names denials."""


class Scope(Struct, frozen=True, kw_only=True):
    """Who asks. A request is allowed if **every** layer holds a grant for it: first what an administrator granted the
    module, then what the job narrows that to. `key` is (root execution, step, visit) as text, equal on retry, rerun and
    redrive: with a request's number it makes an idempotency key.
    """

    layers: tuple[Layer, ...]
    key: str
    http_bytes: int = 16 << 20
    database_rows: int = 10_000
    file_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if not self.layers:  # every one of none would be satisfied
            raise ValueError("a scope has at least one layer of grants")

    @property
    def directories(self) -> tuple[Directory, ...]:
        """`in` if something may be read, `out` if something may be written."""
        each: tuple[tuple[Directory, Permission], ...] = (("in", "file:read"), ("out", "file:write"))
        return tuple(
            name
            for name, permission in each
            if all(any(grant.permission == permission for grant in layer) for layer in self.layers)
        )


class Capability(Protocol):
    """Answers the requests of one or more host functions. Checks the grants before it does anything (R5.6).

    Promises: never raises but for being cancelled; ends within `ask.seconds_left`.
    """

    async def answer(self, ask: Ask, scope: Scope) -> Answered: ...


class Capabilities(Struct, frozen=True):
    """Those of this installation, by host function."""

    by_function: Mapping[OutsideFunction, Capability] = field(default_factory=dict)

    def of(self, scope: Scope) -> ScopedOutside:
        """The outside as a call of this scope reaches it."""
        return ScopedOutside(self, scope)


class ScopedOutside:
    """`Outside` for one call. `left_out` are the grants that were missing although the module has them."""

    def __init__(self, capabilities: Capabilities, scope: Scope) -> None:
        self.scope = scope
        self.left_out: set[Grant] = set()
        self._capabilities = capabilities

    async def answer(self, ask: Ask) -> Answered:
        capability = self._capabilities.by_function.get(ask.function)
        if capability is None:
            return answered(Status.UNAVAILABLE, f"{ask.function} is not available here")
        answer = await capability.answer(ask, self.scope)
        if answer.left_out and answer.denied is not None and len(self.left_out) < _MOST_LEFT_OUT:
            self.left_out.add(answer.denied)
        return answer
