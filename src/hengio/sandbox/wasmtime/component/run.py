"""Calls a component's `run` (ABI: Component)."""

from __future__ import annotations

import ctypes

from wasmtime import _ffi

from hengio import codec
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime import traps
from hengio.sandbox.wasmtime.capi import DROP, KEEP
from hengio.sandbox.wasmtime.component import reading
from hengio.sandbox.wasmtime.component.clocks import Timers
from hengio.sandbox.wasmtime.component.compile import CompiledComponent
from hengio.sandbox.wasmtime.component.layout import SIZE
from hengio.sandbox.wasmtime.component.values import Text
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.store import Store

_TABLES, _INSTANCES, _MEMORIES = 20, 100, 20
"""Parts of a component: an interpreter with its libraries has some twenty instances."""


class ComponentInstance(Store):
    """A component inside its store, until `close`."""

    __slots__ = ("_compiled", "_space")

    def __init__(self, engine: GuestEngine, compiled: CompiledComponent, guest: Guest) -> None:
        super().__init__(engine, guest, _TABLES, _INSTANCES, _MEMORIES)
        self._compiled = compiled
        self._space = _Space()
        guest.timers = Timers()

    def run(self, function: bytes, data: bytes) -> reading.Result:
        """The result of `run`. Raises `Stop`."""
        compiled, space, context = self._compiled, self._space, self._context
        self._done(DROP.component_linker_instantiate(compiled.linker, context, compiled.address, space.instance))
        if not KEEP.component_instance_get_func(space.instance, context, compiled.run, space.function):
            raise RuntimeError("the engine has lost a component's export")
        Text(function).put(space.arguments, context)
        Text(data).put(space.second, context)
        try:
            self._done(DROP.component_func_call(space.function, context, space.arguments, 2, space.result, 1))
        finally:
            KEEP.component_val_delete(space.arguments)
            KEEP.component_val_delete(space.second)
        result: reading.Result = reading.read(space.result)
        KEEP.component_val_delete(space.result)
        return result

    def _done(self, error: int | None) -> None:
        if error:
            raise traps.take(self._scratch, error, self._guest)

    def close(self) -> tuple[int, int]:
        """Free the store; returns fuel left and the bytes of all its memories, which never shrink: so their peak."""
        memory = self._guest.mapped_bytes
        return self.free(memory), memory


class _Space:
    """Where the engine writes: instance, function, the two arguments, the result."""

    __slots__ = ("_kept", "arguments", "function", "instance", "result", "second")

    def __init__(self) -> None:
        instance, function = ctypes.sizeof(_ffi.wasmtime_component_instance_t), _FUNCTION_BYTES
        self._kept = ctypes.create_string_buffer(instance + function + 3 * SIZE)
        self.instance = ctypes.addressof(self._kept)
        self.function = self.instance + instance
        self.arguments = self.function + function
        self.second = self.arguments + SIZE
        self.result = self.second + SIZE


_FUNCTION_BYTES = ctypes.sizeof(_ffi.wasmtime_component_func_t)


def run(instance: ComponentInstance, _compiled: CompiledComponent, guest: Guest) -> bytes:
    """The output. Raises `Stop`; an `err` is `failed` with what it says."""
    call = guest.call
    try:
        result = instance.run(call.function.encode(), call.input)
    except Stop as stop:
        raise _explained(stop, guest) from None
    value: bytes = result.value
    if not result.ok:
        raise _failure(value)
    limit = call.limits.output_bytes
    if len(value) > limit:
        message = f"the output has {len(value)} bytes, more than the limit of {limit}"
        raise Stop(OutcomeKind.INVALID_OUTPUT, "invalid_output", message, details={"offset": limit})
    return value


def _explained(stop: Stop, guest: Guest) -> Stop:
    """Out of memory, if the guest failed when it was refused some."""
    if stop.kind is not OutcomeKind.TRAPPED or not guest.refused_bytes:
        return stop
    limit = guest.call.limits.memory_bytes
    message = f"the guest failed when it was refused {guest.refused_bytes} bytes of memory (limit {limit}): {stop}"
    return stop.out_of_memory(message)


def _failure(error: bytes) -> Stop:
    """An `err` is `{"code", "message", "retryable"?}` as JSON, or any other text."""
    try:
        said = codec.decode(error)
    except codec.InvalidJson:
        said = None
    if isinstance(said, dict) and isinstance(said.get("code"), str) and isinstance(said.get("message"), str):
        stop = Stop(OutcomeKind.FAILED, said["code"], said["message"])
        stop.retryable = said["retryable"] if isinstance(said.get("retryable"), bool) else None
        return stop
    return Stop(OutcomeKind.FAILED, "failed", error.decode(errors="replace"))
