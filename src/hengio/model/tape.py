"""A tape: all that one call of a module learnt from the world, in order, and how it ended.

A module computes; whatever else it knows came over the host's functions. Given the same answers in the same order, the
same binary on the same compiler does the same again, to the byte and to the unit of fuel.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct, field

from hengio.model.grant import Grant
from hengio.model.module import Limits, ModuleKind

FORMAT = 1
"""Grows when a tape of before can not be read any more."""
TapeMode = Literal["never", "failures", "always"]
Stopped = Literal["timed_out", "cancelled"]
"""The outcomes that come from outside a guest, at any moment."""


class Times(Struct, frozen=True, tag="times", omit_defaults=True):
    """Readings of one clock in a row. `clock` is WASI's id (0 is the time of day, the others count from the call's
    start); `readings` are nanoseconds, 8 bytes each, little-endian."""

    clock: int
    readings: bytes


class Random(Struct, frozen=True, tag="random", omit_defaults=True):
    """Random bytes, of one request or of several in a row."""

    data: bytes


class Sleep(Struct, frozen=True, tag="sleep", omit_defaults=True):
    """A sleep. `stopped` if the call ended in it."""

    nanoseconds: int
    stopped: Stopped | None = None


class ContextCall(Struct, frozen=True, tag="context", omit_defaults=True):
    """`get_context` of a path, or with a `value` `set_context` of a key, and what was answered."""

    key: bytes
    status: int
    reply: bytes = b""
    value: bytes | None = None

    @property
    def function(self) -> str:
        return "get_context" if self.value is None else "set_context"


class Request(Struct, frozen=True, tag="request", omit_defaults=True):
    """A request to the world outside and its answer; `stopped` if the call ended while it waited for one.

    Of `data`, what `file_write` writes, a stored tape has only the SHA-256.
    """

    function: str
    request: bytes
    status: int = 0
    reply: bytes = b""
    wrote: bool = False
    denied: Grant | None = None
    data: bytes = b""
    data_sha256: str = ""
    stopped: Stopped | None = None


TapeEvent = Times | Random | Sleep | ContextCall | Request


class End(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the call ended. `outcome` is the outcome's word, `code` that of its failure, `output` what the module
    returned (None: too large to keep).

    `fuel_exact` is false where the compiler told only a lower bound.
    """

    outcome: str
    code: str = ""
    output: bytes | None = b""
    output_size: int = 0
    output_sha256: str = ""
    fuel_used: int = 0
    fuel_exact: bool = True
    peak_memory_bytes: int = 0


class Origin(Struct, frozen=True, kw_only=True):
    """The step run that was recorded."""

    execution_id: str
    job_id: str
    step_id: str
    visit: int
    attempt: int


class Redaction(Struct, frozen=True):
    """A sensitive value (`name`) that was replaced by as many other bytes, at `place`, so many times."""

    name: str
    place: str
    count: int


class Tape(Struct, frozen=True, kw_only=True):
    """A recorded call.

    `module` is what it was called as, `module_name` what a command finds as its first argument. `runtime` is the engine
    with its version. `missing` counts the events that did not fit into the tape's size: they are the last ones.
    """

    format: int = FORMAT
    module: str
    module_name: str
    digest: str
    kind: ModuleKind
    function: str
    compiler: str
    runtime: str
    limits: Limits
    output_mode: Literal["auto", "data"]
    env: dict[str, str] = field(default_factory=dict)
    directories: tuple[Literal["in", "out"], ...] = ()
    input: bytes
    events: tuple[TapeEvent, ...] = ()
    missing: int = 0
    end: End
    origin: Origin | None = None
    redacted: tuple[Redaction, ...] = ()
