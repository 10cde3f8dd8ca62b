"""Calls a reactor: JSON is copied into memory it allocated, and its answer is read from where it points."""

from __future__ import annotations

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.instance import Instance

_WORD = 0xFFFF_FFFF


def run(instance: Instance, compiled: Compiled, guest: Guest) -> bytes:
    """The output of the entry. Pointers from the guest are believed only after the bounds check. Raises `Stop`."""
    data = guest.call.input
    instance.instantiate()
    pointer = instance.call(compiled.allocator, len(data)) & _WORD
    if pointer == 0 and data:
        raise Stop(OutcomeKind.OUT_OF_MEMORY, "out_of_memory", f"the guest's allocator refused {len(data)} bytes")
    guest.write(pointer, data)
    result = instance.call(compiled.entries[guest.call.function], pointer, len(data))
    pointer, length = result >> 32, result & _WORD
    limit = guest.call.limits.output_bytes
    if length > limit:
        guest.require(pointer, length)
        message = f"the output has {length} bytes, more than the limit of {limit}"
        raise Stop(OutcomeKind.INVALID_OUTPUT, "invalid_output", message, details={"offset": limit})
    return guest.read(pointer, length)
