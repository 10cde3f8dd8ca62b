"""Defines Python functions as host functions of components; nothing they raise reaches the engine's C frames."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from wasmtime.component import LinkerInstance, ResourceType

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.capi import KEEP, ComponentCallback, ResourceDestructor, raw
from hengio.sandbox.wasmtime.component import reading
from hengio.sandbox.wasmtime.component.layout import SIZE
from hengio.sandbox.wasmtime.component.values import Value
from hengio.sandbox.wasmtime.engine import running
from hengio.sandbox.wasmtime.guest import Guest, Stop

HostFunction = Callable[..., Value | None]
"""`(guest, *arguments) -> value`: arguments as `reading.read` leaves them, a resource of the host's as its number."""


class Definitions:
    """What one linker offers, kept alive as long as it."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def function(self, instance: LinkerInstance, name: str, function: HostFunction, *, told: bool = True) -> None:
        """Offer a function of an interface. With `told` false it does not look at its arguments."""
        callback = ComponentCallback(_guarded(function, told=told))
        self._kept.append(callback)
        encoded = name.encode()
        self._defined(
            name,
            KEEP.component_linker_instance_add_func(
                raw(instance), encoded, len(encoded), _address(callback), None, None
            ),
        )

    def resource(self, instance: LinkerInstance, name: str, *, type_: int, drop: Callable[[Guest, int], None]) -> None:
        """Offer a type of resources of the host's; `drop` is told the number of one that the guest let go."""
        made = ResourceType.host(type_)
        destructor = ResourceDestructor(_destructor(drop))
        self._kept += [made, destructor]
        encoded = name.encode()
        self._defined(
            name,
            KEEP.component_linker_instance_add_resource(
                raw(instance), encoded, len(encoded), raw(made), _address(destructor), None, None
            ),
        )

    @staticmethod
    def _defined(name: str, error: int | None) -> None:
        if error:
            KEEP.error_delete(error)
            raise RuntimeError(f"the engine refused to define {name}")


def _address(callback: Any) -> int | None:
    return ctypes.cast(callback, ctypes.c_void_p).value


def _guarded(function: HostFunction, *, told: bool) -> Callable[..., int | None]:
    def callback(
        _env: int, context: int, _type: int, arguments: int, count: int, results: int, has_result: int
    ) -> int | None:
        try:
            guest = running.guest
            guest.check()
            given = [_argument(arguments + index * SIZE, context) for index in range(count if told else 0)]
            result = function(guest, *given)
            if has_result and result is not None:
                result.put(results, context)
        except BaseException as error:  # noqa: BLE001 - out of a C callback it would end the process
            return _stopped(error)
        return None

    return callback


def _argument(at: int, context: int) -> Any:
    return _told(reading.read(at), context)


def _told(value: Any, context: int) -> Any:
    if isinstance(value, reading.Resource):
        return reading.number(value, context)
    return [_told(element, context) for element in value] if isinstance(value, list) else value


def _destructor(drop: Callable[[Guest, int], None]) -> Callable[..., int | None]:
    def callback(_env: int, _context: int, number: int) -> int | None:
        try:
            drop(running.guest, number)
        except BaseException as error:  # noqa: BLE001 - as above
            return _stopped(error)
        return None

    return callback


def _stopped(error: BaseException) -> int:
    if isinstance(error, reading.Unreadable):
        error = Stop(OutcomeKind.TRAPPED, "bad_argument", f"a host function was given {error}")
    running.guest.stop = error
    return int(KEEP.error_new(b"stopped by the host"))
