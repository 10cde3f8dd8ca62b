"""Values of the component model as guests hand them over, read where they lie.

The bindings of the `wasmtime` package build a Python object for every byte of a list; here a list of bytes is one copy.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import c_uint8, c_uint64
from typing import Any, NamedTuple

from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.component.layout import BOOL, ENUM, LIST, NUMBERS, OF, RESOURCE, RESULT, SIZE, STRING, U8

MOST_ELEMENTS = 1_024
"""Elements of a list that is no list of bytes."""


class Unreadable(Exception):
    """A value of a kind that no function here takes."""


class Result(NamedTuple):
    """A `result`; `value` is None where that case carries none."""

    ok: bool
    value: Any = None


class Resource(NamedTuple):
    """A borrowed `wasmtime_component_resource_any_t *`."""

    address: int


def read(at: int) -> Any:
    """The value at an address, left as it is: a string or an enumeration's case as bytes, a list of bytes as bytes.

    Raises `Unreadable`.
    """
    kind = c_uint8.from_address(at).value
    reader = _READERS.get(kind)
    if reader is None:
        raise Unreadable(f"a value of kind {kind}")
    return reader(at + OF)


def _bool(at: int) -> bool:
    return bool(c_uint8.from_address(at).value)


def _result(at: int) -> Result:
    value = _word(at + 8)
    return Result(_bool(at), read(value) if value else None)


def _resource(at: int) -> Resource:
    return Resource(_word(at))


def _number(type_: Any) -> Callable[[int], int]:
    return lambda at: int(type_.from_address(at).value)


def _word(at: int) -> int:
    return c_uint64.from_address(at).value


def _bytes(at: int) -> bytes:
    size, data = (c_uint64 * 2).from_address(at)
    return ctypes.string_at(data, size) if size else b""


def _list(at: int) -> bytes | list[Any]:
    """Of bytes every `SIZE`th one of the elements; other elements are few, or not read at all."""
    size, data = (c_uint64 * 2).from_address(at)
    if size == 0:
        return b""
    if c_uint8.from_address(data).value == U8:
        return ctypes.string_at(data + OF, (size - 1) * SIZE + 1)[::SIZE]
    if size > MOST_ELEMENTS:
        raise Unreadable(f"a list of {size} elements, more than {MOST_ELEMENTS}")
    return [read(data + index * SIZE) for index in range(size)]


_READERS: dict[int, Callable[[int], Any]] = {
    **{kind: _number(type_) for kind, type_ in NUMBERS.items()},
    STRING: _bytes,
    ENUM: _bytes,
    BOOL: _bool,
    RESULT: _result,
    RESOURCE: _resource,
    LIST: _list,
}


def number(resource: Resource, context: int) -> int:
    """Which of the host's resources it is."""
    out = c_uint64()
    error = KEEP.component_resource_any_to_host(context, resource.address, ctypes.addressof(out))
    if error:
        KEEP.error_delete(error)
        raise Unreadable("a resource that is not the host's")
    found = int(KEEP.component_resource_host_rep(out.value))
    KEEP.component_resource_host_delete(out.value)
    return found
