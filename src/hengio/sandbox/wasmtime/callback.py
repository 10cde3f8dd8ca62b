"""Defines a Python function as a host function, so that nothing it raises reaches the engine's C frames."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from ctypes import c_uint64
from typing import Any

from wasmtime import FuncType, Linker, ValType

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.capi import EXTERN_HEADER, KEEP, Callback, raw
from hengio.sandbox.wasmtime.engine import running
from hengio.sandbox.wasmtime.errno import Fault
from hengio.sandbox.wasmtime.guest import Guest, Stop

HostFunction = Callable[..., int | None]
"""`(guest, *arguments) -> result`: arguments and result as unsigned integers, a float as its 64 bits."""

_WIDTH = {"i32": 0xFFFF_FFFF, "i64": 0xFFFF_FFFF_FFFF_FFFF, "f64": 0xFFFF_FFFF_FFFF_FFFF}
_VALUES = {"i32": ValType.i32, "i64": ValType.i64, "f64": ValType.f64}
_STOPPED = b"stopped by the host"


class Definitions:
    """Host functions of one linker, kept alive as long as it."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        self._kept: list[Any] = []

    def add(self, module: str, name: str, *, type_: str, function: HostFunction) -> None:
        """Offer `function` under that name; `type_` is in WAT words, such as `(i32, i32) -> i64`."""
        parameters, results = words(type_)
        signature = FuncType([_VALUES[word]() for word in parameters], [_VALUES[word]() for word in results])
        callback = Callback(_guarded(function, [_WIDTH[word] for word in parameters], bool(results)))
        self._kept += [callback, signature]
        module_name, function_name = module.encode(), name.encode()
        error = KEEP.linker_define_func_unchecked(
            raw(self._linker),
            module_name,
            len(module_name),
            function_name,
            len(function_name),
            raw(signature),
            ctypes.cast(callback, ctypes.c_void_p).value,
            None,
            None,
        )
        if error:
            raise RuntimeError(f"the engine refused to define {module}.{name}")


def words(type_: str) -> tuple[list[str], list[str]]:
    """Parameters and results of a type in WAT words."""
    parameters, _, results = type_.partition(" -> ")
    return re.findall(r"\w+", parameters), re.findall(r"\w+", results)


def _guarded(function: HostFunction, widths: list[int], has_result: bool) -> Callable[..., int | None]:
    """The C side of `function`. Each value takes two words of `values`, of which the first one counts."""
    masks = [(2 * index, width) for index, width in enumerate(widths)]
    array = c_uint64 * (2 * max(len(widths), 1))

    def callback(_env: int, caller: int, values: int, _count: int) -> int | None:
        try:
            guest = running.guest
            if not guest.memory_known:
                _find_memory(guest, caller)
            guest.check()
            slots = array.from_address(values)
            result = function(guest, *[slots[at] & mask for at, mask in masks])
            if has_result and result is not None:
                slots[0] = result
        except Fault as fault:
            slots[0] = fault.errno
        except BaseException as error:  # noqa: BLE001 - out of a C callback it would end the process
            running.guest.stop = error
            trap: int = KEEP.trap_new(_STOPPED, len(_STOPPED))
            return trap
        return None

    return callback


def _find_memory(guest: Guest, caller: int) -> None:
    """While a start function runs, the instance is not yet in our hands: its caller's export is asked for."""
    guest.context = KEEP.caller_context(caller)
    if not KEEP.caller_export_get(caller, b"memory", 6, guest.memory - EXTERN_HEADER):
        message = "a host function was called before the module's memory exists"
        raise Stop(OutcomeKind.TRAPPED, "bad_pointer", message)
