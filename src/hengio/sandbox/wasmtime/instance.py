"""One store, one instance, one call, thrown away: the hot path.

Nothing is pooled between calls but address space, which the engine hands back zeroed.
"""

from __future__ import annotations

import threading
from time import monotonic

from hengio.sandbox.wasmtime import traps, wasi
from hengio.sandbox.wasmtime.capi import DROP, KEEP, Scratch
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import ON_EPOCH, GuestEngine, running
from hengio.sandbox.wasmtime.guest import Guest

_TABLES, _INSTANCES, _MEMORIES = 4, 1, 1
"""The engine counts a memory's limit for each memory, hence one."""
_UNLIMITED = -1
_MOST_FUEL = (1 << 63) - 1
_LARGE = 1 << 20
"""Bytes of memory from which freeing an instance may take long enough to let others run meanwhile."""


# Looked up once: on this path a name in a module costs half of one in an object.
_store_new, _store_context, _store_limiter = KEEP.store_new, KEEP.store_context, KEEP.store_limiter
_set_fuel, _get_fuel = KEEP.context_set_fuel, KEEP.context_get_fuel
_set_epoch_deadline, _on_epoch_deadline = KEEP.context_set_epoch_deadline, KEEP.store_epoch_deadline_callback
_export_nth, _call = KEEP.instance_export_nth, DROP.func_call_unchecked
_instantiate_quickly, _instantiate = KEEP.instance_pre_instantiate, DROP.instance_pre_instantiate
_delete_quickly, _delete = KEEP.store_delete, DROP.store_delete
_TRAP, _OUT, _FIRST, _SECOND = Scratch.TRAP, Scratch.OUT, Scratch.VALUES, Scratch.VALUES + Scratch.PER_VALUE
_VALUES_LENT = 4


class _Thread(threading.local):
    """What each thread keeps between calls."""

    scratch: Scratch


_thread = _Thread()


class Instance:
    """A guest inside its store, between `open` and `close`, on one thread."""

    __slots__ = ("_compiled", "_context", "_guest", "_scratch", "_store", "_words")

    def __init__(self, engine: GuestEngine, compiled: Compiled, guest: Guest) -> None:
        scratch = getattr(_thread, "scratch", None) or _new_scratch()
        limits = guest.call.limits
        self._compiled, self._guest = compiled, guest
        self._scratch, self._words = scratch, scratch.words
        self._store = store = _store_new(engine.address, None, None)
        self._context = guest.context = context = _store_context(store)
        fuel = limits.fuel
        _set_fuel(context, fuel if 0 <= fuel <= _MOST_FUEL else _clamped(fuel))
        _set_epoch_deadline(context, 1)
        _on_epoch_deadline(store, ON_EPOCH, None, None)
        memory = limits.memory_bytes if engine.store_limits_memory else _UNLIMITED
        _store_limiter(store, memory, limits.table_elements, _INSTANCES, _TABLES, _MEMORIES)
        if compiled.uses_wasi:
            wasi.give_context(context, guest.call, command=compiled.kind == "command")
        guest.memory = scratch.memory
        if not guest.started:
            guest.started = now = monotonic()
            guest.deadline = guest.latest(now)
        running.guest = guest

    def instantiate(self) -> None:
        """Create the instance and run its start function and `_initialize`. Raises `Stop`."""
        compiled, guest, scratch, words = self._compiled, self._guest, self._scratch, self._words
        words[_TRAP] = 0
        instantiate = _instantiate_quickly if compiled.instantiates_quickly else _instantiate
        error = instantiate(compiled.address, self._context, scratch.instance, scratch.trap)
        if error or words[_TRAP]:
            raise traps.take(scratch, error, guest)
        name, length = scratch.name, scratch.name_length
        _export_nth(self._context, scratch.instance, compiled.memory, name, length, scratch.memory_extern)
        guest.context = self._context
        guest.memory_known = True
        if compiled.initialize is not None:
            self.call(compiled.initialize)

    def call(self, export: int | None, first: int = 0, second: int = 0) -> int:
        """Call an exported function of at most two arguments. Returns the bits of its result. Raises `Stop`."""
        context, scratch, words = self._context, self._scratch, self._words
        name, length = scratch.name, scratch.name_length
        _export_nth(context, scratch.instance, export, name, length, scratch.function_extern)
        words[_FIRST] = first
        words[_SECOND] = second
        error = _call(context, scratch.function, scratch.values, _VALUES_LENT, scratch.trap)
        if error or words[_TRAP]:
            raise traps.take(scratch, error, self._guest)
        return words[_FIRST]

    def close(self) -> tuple[int, int]:
        """Free the store; returns fuel left and bytes of memory at the end, which never shrinks: so its peak."""
        _get_fuel(self._context, self._scratch.out)
        memory = self._guest.memory_size
        (_delete_quickly if memory < _LARGE else _delete)(self._store)
        del running.guest
        return self._words[_OUT], memory


def _clamped(fuel: int) -> int:
    """Within what the engine counts: a negative limit is none at all."""
    return max(0, min(fuel, _MOST_FUEL))


def _new_scratch() -> Scratch:
    """The scratch of a thread that had none; raises `RuntimeError` on the main thread."""
    if threading.current_thread() is threading.main_thread():
        raise RuntimeError("guests do not run on the main thread: a signal handler could raise inside a callback")
    _thread.scratch = Scratch()
    return _thread.scratch
