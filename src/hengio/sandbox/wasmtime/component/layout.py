"""How the C API lays out a value of the component model: `wasmtime_component_val_t`."""

from __future__ import annotations

import ctypes
from typing import Any

from wasmtime import _ffi

SIZE = ctypes.sizeof(_ffi.wasmtime_component_val_t)
"""Bytes of one value: its kind, then from `OF` the value itself."""
OF = 8
ENTRY = 16 + SIZE
"""Bytes of a record's field: its name (size, data), then its value."""


def kind(name: str) -> int:
    return int(getattr(_ffi, f"WASMTIME_COMPONENT_{name}").value)


BOOL, STRING, LIST, ENUM = kind("BOOL"), kind("STRING"), kind("LIST"), kind("ENUM")
OPTION, RESULT, RECORD, TUPLE = kind("OPTION"), kind("RESULT"), kind("RECORD"), kind("TUPLE")
VARIANT, RESOURCE = kind("VARIANT"), kind("RESOURCE")
U8 = kind("U8")
NUMBERS: dict[int, Any] = {
    kind(name): getattr(ctypes, f"c_{'u' if name[0] == 'U' else ''}int{name[1:]}")
    for name in ("S8", "U8", "S16", "U16", "S32", "U32", "S64", "U64")
}
