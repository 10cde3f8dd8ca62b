"""What one call may reach outside its execution: each request goes to its capability with the call's scope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from hengio.alerts import alert
from hengio.model.grant import Grant, Permission
from hengio.model.module import ModuleFacts
from hengio.sandbox.host.answer import answered
from hengio.sandbox.protocol import Answered, Ask, Directory, OutsideFunction, Status

DENIED = answered(Status.PERMISSION_DENIED, "this call may reach nothing outside its execution")
Layer = tuple[Grant, ...]
Note = Callable[[Literal["http", "database", "file"], dict[str, Any]], None]
_OFFERED: tuple[OutsideFunction, ...] = ("http_request", "db_query", "file_read", "file_write")
_DIRECTORIES: frozenset[OutsideFunction] = frozenset(
    {"file_read", "file_write", "file_find", "file_list", "file_admit"}
)
_OPENS_FILES = "wasi_snapshot_preview1.path_open"
"""All other functions on files need an open one."""
_MOST_LEFT_OUT = 100
"""As many as an outcome names denials."""


class Scope(Struct, frozen=True, kw_only=True):
    """Who asks. A request is allowed if **every** layer holds a grant for it: first what an administrator granted the
    module, then what the job narrows that to. `key` is (root execution, step, visit) as text, equal on retry, rerun and
    redrive: with a request's number it makes an idempotency key. `functions` are those that the module imports, in
    whatever way (None: all): a guest that asks for another one is no longer held by the engine. With a `note`
    nothing outside is changed: what would have been is told there, and answered as if it had been.
    """

    layers: tuple[Layer, ...]
    key: str
    functions: frozenset[OutsideFunction] | None = None
    note: Note | None = None
    http_bytes: int = 16 << 20
    database_rows: int = 10_000
    file_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        if not self.layers:  # every one of none would be satisfied
            raise ValueError("a scope has at least one layer of grants")

    @property
    def directories(self) -> tuple[Directory, ...]:
        """`in` if something may be read, `out` if something may be written; none for what cannot open files."""
        if self.functions is not None and not self.functions >= _DIRECTORIES:
            return ()
        each: tuple[tuple[Directory, Permission], ...] = (("in", "file:read"), ("out", "file:write"))
        return tuple(
            name
            for name, permission in each
            if all(any(grant.permission == permission for grant in layer) for layer in self.layers)
        )


def imported(facts: ModuleFacts) -> frozenset[OutsideFunction]:
    """What a module can ask for: the host functions that it imports, and, if it can open files, what serves
    directories."""
    opens = any(function.name == _OPENS_FILES for function in facts.imports)
    return frozenset(name for name in _OFFERED if name in facts.host_functions) | (_DIRECTORIES if opens else set())


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
        self._alarmed = False

    async def answer(self, ask: Ask) -> Answered:
        if self.scope.functions is not None and ask.function not in self.scope.functions:
            return self._not_imported(ask.function)
        capability = self._capabilities.by_function.get(ask.function)
        if capability is None:
            return answered(Status.UNAVAILABLE, f"{ask.function} is not available here")
        answer = await capability.answer(ask, self.scope)
        if answer.left_out and answer.denied is not None and len(self.left_out) < _MOST_LEFT_OUT:
            self.left_out.add(answer.denied)
        return answer

    def _not_imported(self, function: OutsideFunction) -> Answered:
        if not self._alarmed:  # whoever got that far may ask without end
            self._alarmed = True
            alert("function_not_imported", function=function, key=self.scope.key)
        return answered(Status.PERMISSION_DENIED, f"the module does not import {function}")
