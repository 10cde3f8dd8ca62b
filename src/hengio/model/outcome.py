"""How a guest call ended (ABI: Output, Limits and how they end). A failing guest is a value, not an exception."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import Struct, field

from hengio.codec import Raw
from hengio.model.grant import Grant
from hengio.model.tape import Tape


class OutcomeKind(StrEnum):
    """Every way in which a call of a module can end."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    INVALID = "invalid"
    INVALID_OUTPUT = "invalid_output"
    OUT_OF_FUEL = "out_of_fuel"
    TIMED_OUT = "timed_out"
    OUT_OF_MEMORY = "out_of_memory"
    TRAPPED = "trapped"
    STACK_OVERFLOW = "stack_overflow"
    MODULE_REFUSED = "module_refused"
    CANCELLED = "cancelled"


class LogLine(Struct, frozen=True, omit_defaults=True):
    """One line a guest logged. `fields` are those of a structured (JSON object) line. `at` (RFC 3339) is when a live
    step heard it; a tape has none, since a replay comes to the same line at another time."""

    level: str
    message: str
    fields: dict[str, Any] | None = None
    at: str | None = None


class Frame(Struct, frozen=True, omit_defaults=True):
    """One frame of a guest's backtrace, innermost first. `function` is the name section's, or `func[12]`."""

    function: str
    offset: int | None = None


class Failure(Struct, frozen=True, omit_defaults=True):
    """Why something failed: a stable `code`, a `message` for people, and what else is known."""

    code: str
    message: str
    details: Any = None
    retryable: bool | None = None


class Reply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a guest's output says, read by the rules of the ABI (Output).

    `output` is the step's output as JSON bytes. `routing` is None without a routing decision, `()` to end the job.
    `context` is merged into the variables. At most one of `errors` (validation) and `error` is set.
    """

    output: Raw = field(default_factory=lambda: Raw(b"null"))
    routing: tuple[str, ...] | None = None
    then: str | None = None
    context: dict[str, Any] | None = None
    errors: list[Any] | None = None
    error: Failure | None = None


class Outcome(Struct, frozen=True, kw_only=True):
    """How one call of a module ended and what it took.

    `fuel_exact` is false where the compiler reports only a lower bound. `context_writes` are the guest's `set_context`
    calls in order. `io_calls` counts requests to the world outside, `wrote` is true when one of them may have changed
    something there, `denials` are the grants that were missing, in order and without repeats. `tape` is the recording,
    if one was asked for; it still holds all that the guest was given, secrets too.
    """

    kind: OutcomeKind
    reply: Reply | None = None
    failure: Failure | None = None
    backtrace: tuple[Frame, ...] = ()
    fuel_used: int = 0
    fuel_exact: bool = True
    peak_memory_bytes: int = 0
    duration_ms: float = 0.0
    compiler: str = ""
    host_calls: int = 0
    io_calls: int = 0
    wrote: bool = False
    denials: tuple[Grant, ...] = ()
    logs: tuple[LogLine, ...] = ()
    logs_dropped: int = 0
    context_writes: tuple[tuple[str, Any], ...] = ()
    tape: Tape | None = None
