"""One store, one instance, one call, thrown away: the hot path.

Nothing is pooled between calls but address space, which the engine hands back zeroed.
"""

from __future__ import annotations

import threading
import time

from hengio.sandbox.wasmtime import traps, wasi
from hengio.sandbox.wasmtime.capi import DROP, KEEP, Scratch
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import ON_EPOCH, GuestEngine, running
from hengio.sandbox.wasmtime.guest import Guest

_TABLES, _INSTANCES, _MEMORIES = 4, 1, 1
"""The engine counts a memory's limit for each memory, hence one."""
_UNLIMITED = -1
_LARGE = 1 << 20
"""Bytes of memory above which starting and freeing an instance may take long enough to let others run meanwhile."""


class _Thread(threading.local):
    """What each thread keeps between calls."""

    scratch: Scratch


_thread = _Thread()


class Instance:
    """A guest inside its store, between `open` and `close`, on one thread."""

    __slots__ = ("_compiled", "_context", "_guest", "_scratch", "_store", "_words")

    def __init__(self, engine: GuestEngine, compiled: Compiled, guest: Guest) -> None:
        scratch = _thread_scratch()
        limits = guest.call.limits
        self._compiled, self._guest = compiled, guest
        self._scratch, self._words = scratch, scratch.words
        self._store = store = KEEP.store_new(engine.address, None, None)
        self._context = guest.context = context = KEEP.store_context(store)
        KEEP.context_set_fuel(context, limits.fuel)
        KEEP.context_set_epoch_deadline(context, 1)
        KEEP.store_epoch_deadline_callback(store, ON_EPOCH, None, None)
        memory = limits.memory_bytes if engine.store_limits_memory else _UNLIMITED
        KEEP.store_limiter(store, memory, limits.table_elements, _INSTANCES, _TABLES, _MEMORIES)
        if compiled.uses_wasi:
            wasi.give_context(context, guest.call, command=compiled.kind == "command")
        guest.memory = scratch.memory
        if not guest.started:
            guest.started = now = time.monotonic()
            guest.deadline = now + limits.timeout_seconds
        running.guest = guest

    def instantiate(self) -> None:
        """Create the instance and run its start function and `_initialize`. Raises `Stop`."""
        compiled, scratch = self._compiled, self._scratch
        quick = compiled.quick_start and compiled.memory_minimum < _LARGE
        call = (KEEP if quick else DROP).instance_pre_instantiate
        self._words[Scratch.TRAP] = 0
        error = call(compiled.address, self._context, scratch.instance, scratch.trap)
        if error or self._words[Scratch.TRAP]:
            raise traps.take(scratch, error, self._guest)
        self._export(compiled.memory, scratch.memory_extern)
        self._guest.context = self._context
        self._guest.memory_known = True
        if compiled.initialize is not None:
            self.call(compiled.initialize)

    def call(self, export: int | None, *arguments: int) -> int:
        """Call an exported function. Returns the first word of its result. Raises `Stop`."""
        scratch, words = self._scratch, self._words
        self._export(export, scratch.function_extern)
        at = Scratch.VALUES
        for argument in arguments:
            words[at] = argument
            at += Scratch.PER_VALUE
        error = DROP.func_call_unchecked(self._context, scratch.function, scratch.values, 4, scratch.trap)
        if error or words[Scratch.TRAP]:
            raise traps.take(scratch, error, self._guest)
        return words[Scratch.VALUES]

    def _export(self, index: int | None, into: int) -> None:
        scratch = self._scratch
        KEEP.instance_export_nth(self._context, scratch.instance, index, scratch.name, scratch.name_length, into)

    def close(self) -> tuple[int, int]:
        """Free the store; returns fuel left and bytes of memory at the end, which never shrinks: so its peak."""
        KEEP.context_get_fuel(self._context, self._scratch.out)
        memory = self._guest.memory_size
        (KEEP if memory < _LARGE else DROP).store_delete(self._store)
        del running.guest
        return self._words[Scratch.OUT], memory


def _thread_scratch() -> Scratch:
    """This thread's scratch; raises `RuntimeError` on the main thread."""
    try:
        return _thread.scratch
    except AttributeError:
        if threading.current_thread() is threading.main_thread():
            message = "guests do not run on the main thread: a signal handler could raise inside a callback"
            raise RuntimeError(message) from None
        _thread.scratch = Scratch()
        return _thread.scratch
