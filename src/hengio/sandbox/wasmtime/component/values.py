"""Values of the component model as the C API lays them out: `wasmtime_component_val_t` in, out, and nothing in between.

The bindings of the `wasmtime` package build a Python object for every byte of a list; here a list of bytes is one copy.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import c_uint8, c_uint64
from typing import Any, NamedTuple, Protocol

from wasmtime import _ffi

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.guest import Stop

SIZE = ctypes.sizeof(_ffi.wasmtime_component_val_t)
"""Bytes of one value: its kind, then from `_OF` the value itself."""
_OF = 8
_ENTRY = 16 + SIZE
"""Bytes of a record's field: its name (size, data), then its value."""


def _kind(name: str) -> int:
    return int(getattr(_ffi, f"WASMTIME_COMPONENT_{name}").value)


BOOL, STRING, LIST, ENUM = _kind("BOOL"), _kind("STRING"), _kind("LIST"), _kind("ENUM")
OPTION, RESULT, RECORD, TUPLE = _kind("OPTION"), _kind("RESULT"), _kind("RECORD"), _kind("TUPLE")
VARIANT, RESOURCE = _kind("VARIANT"), _kind("RESOURCE")
_U8 = _kind("U8")
_NUMBERS: dict[int, Any] = {
    _kind(name): getattr(ctypes, f"c_{'u' if name[0] == 'U' else ''}int{name[1:]}")
    for name in ("S8", "U8", "S16", "U16", "S32", "U32", "S64", "U64")
}


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
    return reader(at + _OF)


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
    if c_uint8.from_address(data).value == _U8:
        return ctypes.string_at(data + _OF, (size - 1) * SIZE + 1)[::SIZE]
    if size > MOST_ELEMENTS:
        raise Unreadable(f"a list of {size} elements, more than {MOST_ELEMENTS}")
    return [read(data + index * SIZE) for index in range(size)]


_READERS: dict[int, Callable[[int], Any]] = {
    **{kind: _number(type_) for kind, type_ in _NUMBERS.items()},
    STRING: _bytes,
    ENUM: _bytes,
    BOOL: _bool,
    RESULT: _result,
    RESOURCE: _resource,
    LIST: _list,
}


class Value(Protocol):
    """What a function answers. `put` writes it at an address, and whatever it needs besides is the engine's then."""

    def put(self, at: int, context: int) -> None: ...


class Number(NamedTuple):
    """An integer of a named type, such as `u64`."""

    type: str
    value: int

    def put(self, at: int, context: int) -> None:
        kind = _kind(self.type.upper())
        c_uint8.from_address(at).value = kind
        _NUMBERS[kind].from_address(at + _OF).value = self.value


class Bool(NamedTuple):
    value: bool

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = BOOL
        c_uint8.from_address(at + _OF).value = self.value


class Text(NamedTuple):
    """A string, as UTF-8."""

    value: bytes

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = STRING
        KEEP.wasm_byte_vec_new(at + _OF, len(self.value), self.value)


class Case(NamedTuple):
    """One case of an enumeration."""

    name: str

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = ENUM
        name = self.name.encode()
        KEEP.wasm_byte_vec_new(at + _OF, len(name), name)


class Bytes(NamedTuple):
    """A list of bytes."""

    value: bytes

    def put(self, at: int, context: int) -> None:
        size = len(self.value)
        c_uint8.from_address(at).value = LIST
        KEEP.component_vallist_new_uninit(at + _OF, size)
        if size:
            elements = bytearray(size * SIZE)
            elements[::SIZE] = bytes([_U8]) * size
            elements[_OF::SIZE] = self.value
            ctypes.memmove(_word(at + _OF + 8), bytes(elements), len(elements))


class List(NamedTuple):
    values: Sequence[Value]

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = LIST
        KEEP.component_vallist_new_uninit(at + _OF, len(self.values))
        _put_all(_word(at + _OF + 8), self.values, context)


class Tuple(NamedTuple):
    values: Sequence[Value]

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = TUPLE
        KEEP.component_valtuple_new_uninit(at + _OF, len(self.values))
        _put_all(_word(at + _OF + 8), self.values, context)


def _put_all(data: int, values: Sequence[Value], context: int) -> None:
    for index, value in enumerate(values):
        value.put(data + index * SIZE, context)


class Record(NamedTuple):
    """Fields in the order of the type."""

    fields: Sequence[tuple[str, Value]]

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = RECORD
        KEEP.component_valrecord_new_uninit(at + _OF, len(self.fields))
        data = _word(at + _OF + 8)
        for index, (name, value) in enumerate(self.fields):
            field, encoded = data + index * _ENTRY, name.encode()
            KEEP.wasm_byte_vec_new(field, len(encoded), encoded)
            value.put(field + 16, context)


class Variant(NamedTuple):
    """One case of a variant."""

    name: str
    value: Value | None = None

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = VARIANT
        name = self.name.encode()
        KEEP.wasm_byte_vec_new(at + _OF, len(name), name)
        c_uint64.from_address(at + _OF + 16).value = _boxed(self.value, context)


class Option(NamedTuple):
    """`value` None is `none`."""

    value: Value | None = None

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = OPTION
        c_uint64.from_address(at + _OF).value = _boxed(self.value, context)


class Ok(NamedTuple):
    value: Value | None = None

    def put(self, at: int, context: int) -> None:
        _put_result(at, True, self.value, context)


class Err(NamedTuple):
    value: Value | None = None

    def put(self, at: int, context: int) -> None:
        _put_result(at, False, self.value, context)


def _put_result(at: int, ok: bool, value: Value | None, context: int) -> None:
    c_uint8.from_address(at).value = RESULT
    c_uint8.from_address(at + _OF).value = ok
    c_uint64.from_address(at + _OF + 8).value = _boxed(value, context)


def _boxed(value: Value | None, context: int) -> int:
    """The address of a value of its own on the engine's heap; 0 for none."""
    if value is None:
        return 0
    space = ctypes.create_string_buffer(SIZE)
    value.put(ctypes.addressof(space), context)
    return int(KEEP.component_val_new(ctypes.addressof(space)))


class Own(NamedTuple):
    """A resource of the host's, handed to the guest: which one is `number`, of which type `type`."""

    number: int
    type: int

    def put(self, at: int, context: int) -> None:
        host = KEEP.component_resource_host_new(True, self.number, self.type)
        out = c_uint64()
        error = KEEP.component_resource_host_to_any(context, host, ctypes.addressof(out))
        KEEP.component_resource_host_delete(host)
        if error:
            KEEP.error_delete(error)
            raise Stop(OutcomeKind.TRAPPED, "too_many_resources", "the guest holds more resources than it may")
        c_uint8.from_address(at).value = RESOURCE
        c_uint64.from_address(at + _OF).value = out.value


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
