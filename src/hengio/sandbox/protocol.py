"""The sandbox as the rest of Hengio sees it: bytes in, an `Outcome` out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from enum import IntEnum
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from hengio.model.grant import Grant
from hengio.model.module import Limits, ModuleFacts
from hengio.model.outcome import LogLine, Outcome
from hengio.model.tape import TapeMode
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.tapes.play import Player

Fetch = Callable[[], Awaitable[bytes]]


class ContextView(Protocol):
    """What `get_context` and `set_context` reach: one step's view of the execution's context."""

    def get(self, path: str) -> tuple[bool, Any]:
        """Whether a value stands at the dotted path (`variables.region`, `steps.a.output.items[0]`), and that value."""
        ...

    def set(self, key: str, value: Any) -> str | None:
        """Set `variables.<key>` for this step's own later reads. None: done; a text: why not (read-only variable)."""
        ...


class Status(IntEnum):
    """The upper half of what a host function returns (ABI: Reactor)."""

    OK = 0
    NOT_FOUND = 1
    PERMISSION_DENIED = 2
    INVALID_REQUEST = 3
    DEADLINE = 4
    LIMIT_EXCEEDED = 5
    UNAVAILABLE = 6
    FAILED = 7


OutsideFunction = Literal["http_request", "db_query", "file_read", "file_write", "file_find", "file_list", "file_admit"]
"""The last three serve directories (ABI: WASI) and are not offered to guests: what is at a path and may be read, what
is in a folder and may be read, and whether a path may be written."""
CHANGING: frozenset[OutsideFunction] = frozenset({"http_request", "db_query", "file_write"})
"""Those after which something outside may be different."""


class Ask(Struct, frozen=True, kw_only=True):
    """One request of a guest to the world outside its execution.

    `request` is the JSON of `http_request` and `db_query`, the UTF-8 path of the others; `data` what
    `file_write` writes. `number` counts the requests of this call from 1. `seconds_left` of the call's own time: the
    answer must come within it.
    """

    function: OutsideFunction
    request: bytes
    number: int
    seconds_left: float
    data: bytes = b""


class Answered(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer. `reply` is the value, or `{"code", "message"}` under any status but `OK`.

    `wrote` is true if something outside may have changed. `denied` is the grant that was missing; `left_out` is true
    where the module has it and its step's `permissions` do not.
    """

    status: Status
    reply: bytes
    wrote: bool = False
    denied: Grant | None = None
    left_out: bool = False


class Outside(Protocol):
    """What one call may reach outside its execution, as far as its grants go (R4.7, R4.8, R5.6).

    Promises: nothing a guest asks for is raised, a denial is an answer. Cancelling ends what is under way.
    """

    async def answer(self, ask: Ask) -> Answered: ...


Directory = Literal["in", "out"]


class Call(Struct, frozen=True, kw_only=True):
    """One call of a module's entry.

    `input` is UTF-8 JSON. `env` are further environment variables of a command. `on_log` is called from the guest's own
    thread for every kept line, and must be quick. `outside` None: every request of a host function that reaches outside
    is denied. `directories` are those that a guest finds through WASI, in this order. `by` is a moment on the monotonic
    clock at which the call ends at the latest, however long compiling its module took. `tape` says when the outcome has
    a recording, whose events take at most about `tape_bytes`. With `played` the call learns what that tape says, and
    nothing of the world.
    """

    digest: str
    module_name: str
    function: str
    input: bytes
    limits: Limits
    context: ContextView
    output_mode: Literal["auto", "data"] = "auto"
    env: Mapping[str, str] = field(default_factory=dict)
    on_log: Callable[[LogLine], None] | None = None
    outside: Outside | None = None
    directories: tuple[Directory, ...] = ()
    by: float | None = None
    tape: TapeMode = "never"
    tape_bytes: int = 4 << 20
    played: Player | None = None

    def latest(self, now: float) -> float:
        """When the call must end, on the monotonic clock, if it begins `now`."""
        end = now + self.limits.timeout_seconds
        return end if self.by is None else min(end, self.by)


class Sandbox(Protocol):
    """Runs guests.

    Promises: a call returns within its limits whatever the guest does, no two calls share any state, and no failure of
    a guest is raised (it is the outcome's kind). Does not promise: that a cancelled call had no effect outside before
    it ended.
    """

    def inspect(self, binary: bytes) -> ModuleFacts:
        """Parse and validate a binary; raises `Refused` naming what is missing or not offered (ABI: Kinds)."""
        ...

    def prepare(self, binary: bytes, digest: str) -> None:
        """Begin to make the module ready, in every tier, for calls here and, where code is kept, in other processes.
        Returns at once; a module that can not be made ready is found out by its first call."""
        ...

    async def prepared(self, digest: str) -> None:
        """Wait until what was begun for the module is over and kept."""
        ...

    async def call(self, call: Call, fetch: Fetch) -> Outcome:
        """Run one call. `fetch` yields the binary when it is not in the cache; the digest is checked against
        it before anything is compiled (R14.4), a mismatch is `module_refused`. Cancelling the awaiting task
        ends the guest at its next check and is raised as `CancelledError`; if the guest had begun, the `Outcome` is its
        argument."""
        ...

    def statistics(self) -> SandboxStatistics:
        """What happened so far."""
        ...

    async def close(self) -> None:
        """End every running guest and free the engine."""
        ...
