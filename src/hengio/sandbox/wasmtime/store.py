"""A store with all limits of one call: what a guest lives in, whatever its kind."""

from __future__ import annotations

import threading
from time import monotonic

from hengio.sandbox.wasmtime.capi import DROP, KEEP, Scratch
from hengio.sandbox.wasmtime.engine import ON_EPOCH, GuestEngine, running
from hengio.sandbox.wasmtime.guest import Guest

_UNLIMITED = -1
_MOST_FUEL = (1 << 63) - 1
_LARGE = 1 << 20
"""Bytes of memory from which freeing an instance may take long enough to let others run meanwhile."""

# Looked up once: on this path a name in a module costs half of one in an object.
_store_new, _store_context, _store_limiter = KEEP.store_new, KEEP.store_context, KEEP.store_limiter
_set_fuel, _get_fuel = KEEP.context_set_fuel, KEEP.context_get_fuel
_set_epoch_deadline, _on_epoch_deadline = KEEP.context_set_epoch_deadline, KEEP.store_epoch_deadline_callback
_delete_quickly, _delete = KEEP.store_delete, DROP.store_delete
_OUT = Scratch.OUT


class _Thread(threading.local):
    """What each thread keeps between calls."""

    scratch: Scratch


_thread = _Thread()


class Store:
    """One call's store, on one thread, until `free`. It may hold so many tables, instances and memories."""

    __slots__ = ("_context", "_guest", "_scratch", "_store", "_words")

    def __init__(self, engine: GuestEngine, guest: Guest, tables: int, instances: int, memories: int) -> None:
        scratch = getattr(_thread, "scratch", None) or _new_scratch()
        limits = guest.call.limits
        self._guest = guest
        self._scratch, self._words = scratch, scratch.words
        self._store = store = _store_new(engine.address, None, None)
        self._context = guest.context = context = _store_context(store)
        fuel = limits.fuel
        _set_fuel(context, fuel if 0 <= fuel <= _MOST_FUEL else _clamped(fuel))
        _set_epoch_deadline(context, 1)
        _on_epoch_deadline(store, ON_EPOCH, None, None)
        memory = limits.memory_bytes if engine.store_limits_memory else _UNLIMITED
        _store_limiter(store, memory, limits.table_elements, instances, tables, memories)
        if not guest.started:
            guest.started = now = monotonic()
            guest.deadline = guest.call.latest(now)
        running.guest = guest

    def free(self, memory: int) -> int:
        """Free the store, in which the guest has so many bytes of memory; returns the fuel left."""
        _get_fuel(self._context, self._scratch.out)
        (_delete_quickly if memory < _LARGE else _delete)(self._store)
        del running.guest
        return self._words[_OUT]


def _clamped(fuel: int) -> int:
    """Within what the engine counts: a negative limit is none at all."""
    return max(0, min(fuel, _MOST_FUEL))


def _new_scratch() -> Scratch:
    """The scratch of a thread that had none; raises `RuntimeError` on the main thread."""
    if threading.current_thread() is threading.main_thread():
        raise RuntimeError("guests do not run on the main thread: a signal handler could raise inside a callback")
    _thread.scratch = Scratch()
    return _thread.scratch
