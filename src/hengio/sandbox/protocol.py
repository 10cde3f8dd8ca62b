"""The sandbox as the rest of Hengio sees it: bytes in, an `Outcome` out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from msgspec import Struct, field

from hengio.model.module import Limits, ModuleFacts
from hengio.model.outcome import LogLine, Outcome

Fetch = Callable[[], Awaitable[bytes]]


class ContextView(Protocol):
    """What `get_context` and `set_context` reach: one step's view of the execution's context."""

    def get(self, path: str) -> tuple[bool, Any]:
        """Whether a value stands at the dotted path (`variables.region`, `steps.a.output.items[0]`), and that value."""
        ...

    def set(self, key: str, value: Any) -> str | None:
        """Set `variables.<key>` for this step's own later reads. None: done; a text: why not (read-only variable)."""
        ...


class Call(Struct, frozen=True, kw_only=True):
    """One call of a module's entry.

    `input` is UTF-8 JSON. `env` are further environment variables of a command. `on_log` is called from the guest's own
    thread for every kept line, and must be quick.
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


class Sandbox(Protocol):
    """Runs guests.

    Promises: a call returns within its limits whatever the guest does, no two calls share any state, and no failure of
    a guest is raised (it is the outcome's kind). Does not promise: that a cancelled call had no effect outside before
    it ended.
    """

    def inspect(self, binary: bytes) -> ModuleFacts:
        """Parse and validate a binary; raises `Refused` naming what is missing or not offered (ABI: Kinds)."""
        ...

    async def call(self, call: Call, fetch: Fetch) -> Outcome:
        """Run one call. `fetch` yields the binary when it is not in the cache; the digest is checked against
        it before anything is compiled (R14.4), a mismatch is `module_refused`. Cancelling the awaiting task
        ends the guest at its next check and is raised as `CancelledError`."""
        ...

    async def close(self) -> None:
        """End every running guest and free the engine."""
        ...
