"""A running guest: what it may still do, what it did, and its memory, as host functions see them.

One `Guest` belongs to one call and one thread; nothing in it outlives the call.
"""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

import msgspec

from hengio.model.grant import Grant
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.host.context import ContextCalls
from hengio.sandbox.host.log import Lines, Logs
from hengio.sandbox.host.outside import DENIED
from hengio.sandbox.protocol import CHANGING, Answered, Ask, Call, OutsideFunction
from hengio.sandbox.tapes.record import Record
from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.directories.content import Written
from hengio.sandbox.wasmtime.directories.table import Directories
from hengio.sandbox.wasmtime.stop import Stop
from hengio.sandbox.wasmtime.world import Live, Recording, Replaying, World

if TYPE_CHECKING:
    from hengio.sandbox.wasmtime.component.clocks import Timers

__all__ = ["Guest", "Stop"]

_memory_size, _memory_data = KEEP.memory_data_size, KEEP.memory_data
_string_at, _memmove = ctypes.string_at, ctypes.memmove


_MOST_DENIALS = 100
"""Different missing grants that an outcome names."""


class Guest:
    """One call of a guest. `deadline` is on the monotonic clock; `cancel` may come from any thread."""

    __slots__ = (
        "_context",
        "_directories",
        "_known_size",
        "_logs",
        "_loop",
        "_pending",
        "_second",
        "_start",
        "_streams",
        "_woken",
        "_world",
        "call",
        "cancelled",
        "closed",
        "context",
        "deadline",
        "denials",
        "ended",
        "host_calls",
        "io_calls",
        "mapped_bytes",
        "memory",
        "memory_known",
        "output",
        "read_to",
        "refused_bytes",
        "reply",
        "started",
        "stop",
        "timers",
        "wrote",
    )

    timers: Timers
    """Of a component; set when it begins."""

    def __init__(self, call: Call, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.call = call
        self._loop = loop
        self._pending: Future[Answered] | None = None
        self._world: World | None = None
        self.io_calls = 0
        self.wrote = False
        self.denials: dict[Grant, None] = {}
        self.cancelled = False
        self.ended: Outcome | None = None
        """How the call ended, told on the thread that it ran on."""
        self.started = self.deadline = 0.0
        self.context = self.memory = self._start = 0
        self._known_size = -1
        self.memory_known = False
        self.stop: BaseException | None = None
        self.reply: bytes | None = None
        self.host_calls = 0
        self.output: bytearray | None = None
        """A command's stdout; None for a reactor, whose stdout is logged."""
        self.read_to = self.closed = 0
        """How much of stdin was read; which standard streams were closed (a bit each)."""
        self._streams: dict[int, Lines] | None = None
        self.mapped_bytes = self.refused_bytes = 0
        """Where memories are our own: what it has of them, and what it would have had when it was first refused."""
        self._second: Guest | None = None
        self._woken: threading.Event | None = None
        self._logs: Logs | None = None
        self._context: ContextCalls | None = None
        self._directories: Directories | None = None

    @property
    def logs(self) -> Logs:
        """Made when first needed: most calls log nothing."""
        if self._logs is None:
            self._logs = Logs(self.call.limits, self.call.on_log)
        return self._logs

    @property
    def context_calls(self) -> ContextCalls:
        if self._context is None:
            self._context = ContextCalls(self.call.context, self.call.limits)
        return self._context

    @property
    def directories(self) -> Directories:
        if self._directories is None:
            self._directories = Directories(self)
        return self._directories

    def written(self) -> Iterator[tuple[str, Written]] | None:
        """The files of `/out` by their paths in the files area; None if it never had a directory open."""
        return None if self._directories is None else self._directories.written()

    @property
    def world(self) -> World:
        """What it learns beside its input comes from here."""
        if self._world is None:
            self._world = self._open_world()
        return self._world

    def _open_world(self) -> World:
        if self.call.played is not None:
            return Replaying(self, self.call.played, patient=True)
        return Live(self) if self.call.tape == "never" else Recording(self)

    @property
    def record(self) -> Record | None:
        """What was written down of that; None if nothing was asked."""
        return self._world.record if isinstance(self._world, Live) else None

    def stream(self, fd: int) -> Lines:
        """The log lines that a standard stream is cut into."""
        if self._streams is None:
            self._streams = {}
        if fd not in self._streams:
            self._streams[fd] = Lines(self.logs, level="info", limit=self.call.limits.log_bytes)
        return self._streams[fd]

    @property
    def logged(self) -> Logs | None:
        """What was logged, if anything."""
        return self._logs

    def flush(self) -> Logs | None:
        """Take unfinished lines of the standard streams as lines. What was logged, if anything."""
        if self._streams is not None and not self.cancelled:
            for lines in self._streams.values():
                lines.flush()
        return self._logs

    @property
    def writes(self) -> tuple[tuple[str, Any], ...]:
        return tuple(self._context.writes) if self._context is not None else ()

    def again(self, fuel: int) -> Guest:
        """The same call once more: heard by no listener, ended by the same deadline and the same cancel, and without
        effect outside."""
        limits = msgspec.structs.replace(self.call.limits, fuel=fuel)
        self._second = second = Guest(msgspec.structs.replace(self.call, limits=limits, on_log=None, outside=None))
        second._world = None if self._world is None else self._world.again(second)
        second.started, second.deadline, second.cancelled = self.started, self.deadline, self.cancelled
        return second

    def cancel(self) -> None:
        """End the guest at its next check: at most a tick of the engine away, at once if it sleeps."""
        self.cancelled = True
        if self._woken is not None:
            self._woken.set()
        if self._pending is not None:
            self._pending.cancel()
        if self._second is not None:
            self._second.cancel()

    def check(self) -> None:
        """Raises `Stop` when the call was cancelled or its time is over."""
        if self.cancelled:
            raise Stop(OutcomeKind.CANCELLED, "cancelled", "the call was cancelled")
        if time.monotonic() >= self.deadline:
            raise self.late()

    def late(self) -> Stop:
        """Why it ends when its time is over: its own limit, or what the step and the job had left for it."""
        if self.call.by is not None and self.deadline >= self.call.by:
            given = max(0.0, self.call.by - self.started)
            message = f"the step, or the job, had no more time: the call was ended after {given:.3g} s"
        else:
            message = f"the call took longer than {self.call.limits.timeout_seconds:g} s"
        return Stop(OutcomeKind.TIMED_OUT, "timed_out", message)

    def sleep(self, seconds: float) -> None:
        """Sleep, but neither past the deadline nor past a cancel: both raise `Stop`."""
        self._woken = threading.Event()
        left = min(seconds, self.deadline - time.monotonic(), threading.TIMEOUT_MAX)
        self._woken.wait(0 if self.cancelled else max(0.0, left))
        self.check()

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered:
        """Ask the world outside and wait for its answer, but neither past the deadline nor past a cancel."""
        self.io_calls += 1
        outside, loop = self.call.outside, self._loop
        if outside is None or loop is None:
            return DENIED
        left = self.deadline - time.monotonic()
        ask = Ask(function=function, request=request, data=data, number=self.io_calls, seconds_left=left)
        self._pending = asyncio.run_coroutine_threadsafe(outside.answer(ask), loop)
        if self.cancelled:
            self._pending.cancel()
        try:
            answer = self._pending.result(left)
        except (TimeoutError, CancelledError):
            self._pending.cancel()
            self.wrote = self.wrote or function in CHANGING  # nobody knows how far it came
            self.check()
            raise Stop(OutcomeKind.TIMED_OUT, "timed_out", "a request outside did not end in time") from None
        finally:
            self._pending = None
        self.note(answer)
        return answer

    def note(self, answer: Answered) -> None:
        """Keep what the outcome says of an answer from outside."""
        self.wrote = self.wrote or answer.wrote
        if answer.denied is not None and len(self.denials) < _MOST_DENIALS:
            self.denials[answer.denied] = None

    @property
    def repeatable(self) -> bool:
        """Whether a second run can be told all that must not be asked again."""
        return self._world is None or self._world.repeatable

    def read(self, pointer: int, length: int) -> bytes:
        """Bytes of guest memory. Raises `Stop` (`bad_pointer`) unless all of them lie inside it."""
        return _string_at(self._locate(pointer, length), length)

    def write(self, pointer: int, data: bytes) -> None:
        """Copy into guest memory, under the same check."""
        length = len(data)
        _memmove(self._locate(pointer, length), data, length)

    def require(self, pointer: int, length: int) -> None:
        """Only the check."""
        self._locate(pointer, length)

    def _locate(self, pointer: int, length: int) -> int:
        size = _memory_size(self.context, self.memory)
        if pointer + length > size:
            where = f"{length} bytes at {pointer}, but guest memory has {size}"
            raise Stop(OutcomeKind.TRAPPED, "bad_pointer", f"a pointer outside guest memory: {where}")
        if size != self._known_size:  # memory moves only when it grows
            self._start, self._known_size = _memory_data(self.context, self.memory), size
        return self._start + pointer

    @property
    def memory_size(self) -> int:
        size: int = _memory_size(self.context, self.memory) if self.memory_known else 0
        return size
