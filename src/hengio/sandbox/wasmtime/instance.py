"""One store, one instance, one call of a core module, thrown away: the hot path.

Nothing is pooled between calls but address space, which the engine hands back zeroed.
"""

from __future__ import annotations

from hengio.sandbox.wasmtime import traps
from hengio.sandbox.wasmtime.capi import DROP, KEEP, Scratch
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.store import Store

_TABLES, _INSTANCES, _MEMORIES = 4, 1, 1
"""The engine counts a memory's limit for each memory, hence one."""

_export_nth, _call = KEEP.instance_export_nth, DROP.func_call_unchecked
_instantiate_quickly, _instantiate = KEEP.instance_pre_instantiate, DROP.instance_pre_instantiate
_TRAP, _FIRST, _SECOND = Scratch.TRAP, Scratch.VALUES, Scratch.VALUES + Scratch.PER_VALUE
_VALUES_LENT = 4


class Instance(Store):
    """A guest inside its store, until `close`."""

    __slots__ = ("_compiled",)

    def __init__(self, engine: GuestEngine, compiled: Compiled, guest: Guest) -> None:
        super().__init__(engine, guest, _TABLES, _INSTANCES, _MEMORIES)
        self._compiled = compiled
        guest.memory = self._scratch.memory

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
        memory = self._guest.memory_size
        return self.free(memory), memory
