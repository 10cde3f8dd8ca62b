"""Values of the component model as the host answers them, written where the engine wants them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_uint8, c_uint64
from typing import NamedTuple, Protocol

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.component.layout import (
    BOOL,
    ENTRY,
    ENUM,
    LIST,
    NUMBERS,
    OF,
    OPTION,
    RECORD,
    RESOURCE,
    RESULT,
    SIZE,
    STRING,
    TUPLE,
    U8,
    VARIANT,
    kind,
)
from hengio.sandbox.wasmtime.guest import Stop


class Value(Protocol):
    """What a function answers. `put` writes it at an address, and whatever it needs besides is the engine's then."""

    def put(self, at: int, context: int) -> None: ...


class Number(NamedTuple):
    """An integer of a named type, such as `u64`."""

    type: str
    value: int

    def put(self, at: int, context: int) -> None:
        word = kind(self.type.upper())
        c_uint8.from_address(at).value = word
        NUMBERS[word].from_address(at + OF).value = self.value


def u64(value: int) -> Number:
    """An unsigned integer of 64 bits, of which only those count."""
    return Number("u64", value & (1 << 64) - 1)


class Bool(NamedTuple):
    value: bool

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = BOOL
        c_uint8.from_address(at + OF).value = self.value


class Text(NamedTuple):
    """A string, as UTF-8."""

    value: bytes

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = STRING
        KEEP.wasm_byte_vec_new(at + OF, len(self.value), self.value)


class Case(NamedTuple):
    """One case of an enumeration."""

    name: str

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = ENUM
        name = self.name.encode()
        KEEP.wasm_byte_vec_new(at + OF, len(name), name)


class Bytes(NamedTuple):
    """A list of bytes."""

    value: bytes

    def put(self, at: int, context: int) -> None:
        size = len(self.value)
        c_uint8.from_address(at).value = LIST
        KEEP.component_vallist_new_uninit(at + OF, size)
        if size:
            elements = bytearray(size * SIZE)
            elements[::SIZE] = bytes([U8]) * size
            elements[OF::SIZE] = self.value
            ctypes.memmove(c_uint64.from_address(at + OF + 8).value, bytes(elements), len(elements))


class List(NamedTuple):
    values: Sequence[Value]

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = LIST
        KEEP.component_vallist_new_uninit(at + OF, len(self.values))
        _put_all(c_uint64.from_address(at + OF + 8).value, self.values, context)


class Tuple(NamedTuple):
    values: Sequence[Value]

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = TUPLE
        KEEP.component_valtuple_new_uninit(at + OF, len(self.values))
        _put_all(c_uint64.from_address(at + OF + 8).value, self.values, context)


def _put_all(data: int, values: Sequence[Value], context: int) -> None:
    for index, value in enumerate(values):
        value.put(data + index * SIZE, context)


class Record(NamedTuple):
    """Fields in the order of the type."""

    fields: Sequence[tuple[str, Value]]

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = RECORD
        KEEP.component_valrecord_new_uninit(at + OF, len(self.fields))
        data = c_uint64.from_address(at + OF + 8).value
        for index, (name, value) in enumerate(self.fields):
            field, encoded = data + index * ENTRY, name.encode()
            KEEP.wasm_byte_vec_new(field, len(encoded), encoded)
            value.put(field + 16, context)


class Variant(NamedTuple):
    """One case of a variant."""

    name: str
    value: Value | None = None

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = VARIANT
        name = self.name.encode()
        KEEP.wasm_byte_vec_new(at + OF, len(name), name)
        c_uint64.from_address(at + OF + 16).value = _boxed(self.value, context)


class Option(NamedTuple):
    """`value` None is `none`."""

    value: Value | None = None

    def put(self, at: int, context: int) -> None:
        c_uint8.from_address(at).value = OPTION
        c_uint64.from_address(at + OF).value = _boxed(self.value, context)


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
    c_uint8.from_address(at + OF).value = ok
    c_uint64.from_address(at + OF + 8).value = _boxed(value, context)


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
        c_uint64.from_address(at + OF).value = out.value
