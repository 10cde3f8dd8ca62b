"""Tells a guest that failed for want of memory from one that failed otherwise.

The pooled engine does not say that it refused growth, and how much a guest has at its end proves nothing: one that
asks for a gibibyte under 64 MiB gives up with one MiB in use. So a failed guest that could have asked is run once
more, within the time it has left, on an engine whose memories are our own and note each refusal. That run logs to
nobody, asks nobody outside (it is told what the first run was told, as far as that was recorded), and what it writes
to the context is lost with the step. If it ends there as it did before, the refusal is the cause. If it does not (it
saw another clock) or can not run there, a guest that ended within a page of its limit counts as out of memory.
"""

from __future__ import annotations

import threading
import time

from hengio.clock import Clock
from hengio.errors import Refused, Unavailable
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.binary import PAGE
from hengio.sandbox.wasmtime import memory
from hengio.sandbox.wasmtime.attempt import Attempt, Runnable, attempt
from hengio.sandbox.wasmtime.cache import Cache
from hengio.sandbox.wasmtime.compile import Compiled, Compiler
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.component.compile import CompiledComponent
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.inspect import Ceilings

_LEAST_SECONDS, _SECONDS_A_BYTE = 0.02, 0.5e-6
"""Time that must be left to try: for the run, and for compiling each byte on a slow machine."""
_CACHED_BYTES, _CACHED_MODULES = 64 << 20, 32


class Witness:
    """Built with the first failure that needs it. Safe to use from any thread."""

    def __init__(self, code: CodeSource, *, clock: Clock, ceilings: Ceilings) -> None:
        self._code = code
        self._clock = clock
        self._ceilings = ceilings
        self._cache = Cache(max_bytes=_CACHED_BYTES, max_count=_CACHED_MODULES)
        self._lock = threading.Lock()
        self._parts: tuple[GuestEngine, Compiler] | None = None

    def review(self, compiled: Runnable, guest: Guest, made: Attempt) -> Attempt:
        """The attempt, stopped as `out_of_memory` if that is the true reason."""
        stop = made.stop
        if stop is None or isinstance(compiled, CompiledComponent) or not compiled.can_grow or not _could_be(stop):
            return made
        limit = guest.call.limits.memory_bytes
        refused = self._refused(compiled, guest, stop)
        if refused is None and made.peak_bytes + PAGE > limit:
            refused = made.peak_bytes + PAGE
        if not refused:
            return made
        message = f"the guest failed when growth of its memory to {refused} bytes was refused (limit {limit}): {stop}"
        return made._replace(stop=stop.out_of_memory(message))

    def _refused(self, compiled: Compiled, guest: Guest, stop: Stop) -> int | None:
        """The size that was refused, 0 if none was, None if running it again does not tell."""
        if not guest.repeatable:
            return None
        if guest.deadline - time.monotonic() < _LEAST_SECONDS + _SECONDS_A_BYTE * len(compiled.binary):
            return None
        try:
            engine, again = self._compiled(compiled)
        except (Refused, Unavailable):
            return None
        made = attempt(engine, again, second := guest.again(_generous(guest)))
        if made.stop is None or (made.stop.kind, made.stop.code) != (stop.kind, stop.code):
            return None
        return second.refused_bytes

    def _compiled(self, compiled: Compiled) -> tuple[GuestEngine, Runnable]:
        with self._lock:
            engine, compiler = self._parts = self._parts or self._build()
            again = self._cache.get(compiled.digest)
            if again is None:
                again = compiler.compile(compiled.binary, compiled.digest)
                self._cache.put(again)
        return engine, again

    def _build(self) -> tuple[GuestEngine, Compiler]:
        engine = memory.engine("witness")
        return engine, Compiler(engine, self._code, clock=self._clock, ceilings=self._ceilings)

    def close(self) -> None:
        """Guests must have ended."""
        if self._parts is not None:
            self._parts[0].close()


def _could_be(stop: Stop) -> bool:
    """Whether want of memory could be behind it: any trap, as a refused allocation left unchecked can end in each of
    them, or a command that gave up with an exit code."""
    return stop.kind is OutcomeKind.TRAPPED or stop.code == "exit"


def _generous(guest: Guest) -> int:
    """Twice the fuel: the two compilers count a little differently, and the first run ended within its limit."""
    return guest.call.limits.fuel * 2
