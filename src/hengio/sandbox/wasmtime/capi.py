"""Wasmtime's C API as the hot path calls it: our own prototypes, raw addresses, no Python objects in between.

The bindings of the `wasmtime` package spend most of a call on building wrappers (exports, function types, values),
which is an order of magnitude more than the call itself. Each function here is declared once with plain integers, in
one of two ways:

* `KEEP` holds the GIL (`PyDLL`): only for calls that take well under a microsecond and never run guest code;
* `DROP` releases it (`CDLL`): whatever runs guest code or may touch much memory.

A guest called through `KEEP` could stop the whole process, since nobody else could run to end it.
"""

from __future__ import annotations

import ctypes
from ctypes import c_bool, c_char_p, c_int64, c_size_t, c_uint32, c_uint64
from ctypes import c_void_p as address
from typing import Any

from wasmtime import _ffi

Callback = ctypes.CFUNCTYPE(address, address, address, address, c_size_t)
"""`(env, caller, values, count) -> trap`: a host function; 0 is success, else a trap that the engine then owns."""

EpochCallback = ctypes.CFUNCTYPE(address, address, address, address, address)
"""`(context, data, delta, kind) -> error`: asked when a store's epoch deadline passes; 0 goes on for `*delta` ticks."""

ComponentCallback = ctypes.CFUNCTYPE(address, address, address, address, address, c_size_t, address, c_size_t)
"""`(env, context, type, arguments, count, results, count) -> error`: a host function of components; 0 is success."""

ResourceDestructor = ctypes.CFUNCTYPE(address, address, address, c_uint32)
"""`(env, context, number) -> error`: the guest has dropped a resource of the host's."""

_PROTOTYPES: tuple[tuple[str, Any, tuple[Any, ...]], ...] = (
    ("wasmtime_store_new", address, (address, address, address)),
    ("wasmtime_store_context", address, (address,)),
    ("wasmtime_store_delete", None, (address,)),
    ("wasmtime_store_limiter", None, (address, c_int64, c_int64, c_int64, c_int64, c_int64)),
    ("wasmtime_store_epoch_deadline_callback", None, (address, address, address, address)),
    ("wasmtime_context_set_fuel", address, (address, c_uint64)),
    ("wasmtime_context_get_fuel", address, (address, address)),
    ("wasmtime_context_set_epoch_deadline", None, (address, c_uint64)),
    ("wasmtime_engine_increment_epoch", None, (address,)),
    ("wasmtime_instance_pre_instantiate", address, (address, address, address, address)),
    ("wasmtime_instance_export_nth", c_bool, (address, address, c_size_t, address, address, address)),
    ("wasmtime_caller_context", address, (address,)),
    ("wasmtime_caller_export_get", c_bool, (address, c_char_p, c_size_t, address)),
    ("wasmtime_func_call_unchecked", address, (address, address, address, c_size_t, address)),
    ("wasmtime_memory_data", address, (address, address)),
    ("wasmtime_memory_data_size", c_size_t, (address, address)),
    (
        "wasmtime_linker_define_func_unchecked",
        address,
        (address, c_char_p, c_size_t, c_char_p, c_size_t, address, address, address, address),
    ),
    ("wasmtime_module_image_range", None, (address, address, address)),
    ("wasmtime_trap_new", address, (c_char_p, c_size_t)),
    ("wasmtime_trap_code", c_bool, (address, address)),
    ("wasm_trap_trace", None, (address, address)),
    ("wasm_trap_delete", None, (address,)),
    ("wasmtime_error_new", address, (c_char_p,)),
    ("wasmtime_error_message", None, (address, address)),
    ("wasmtime_error_wasm_trace", None, (address, address)),
    ("wasmtime_error_delete", None, (address,)),
    ("wasm_frame_func_index", c_uint32, (address,)),
    ("wasm_frame_module_offset", c_size_t, (address,)),
    ("wasmtime_frame_func_name", address, (address,)),
    ("wasm_frame_vec_delete", None, (address,)),
    ("wasm_byte_vec_delete", None, (address,)),
    ("wasm_byte_vec_new", None, (address, c_size_t, c_char_p)),
    ("wasmtime_component_linker_instance_add_func", address, (address, c_char_p, c_size_t, address, address, address)),
    (
        "wasmtime_component_linker_instance_add_resource",
        address,
        (address, c_char_p, c_size_t, address, address, address, address),
    ),
    ("wasmtime_component_linker_instantiate", address, (address, address, address, address)),
    ("wasmtime_component_instance_get_func", c_bool, (address, address, address, address)),
    ("wasmtime_component_func_call", address, (address, address, address, c_size_t, address, c_size_t)),
    ("wasmtime_component_val_new", address, (address,)),
    ("wasmtime_component_val_delete", None, (address,)),
    ("wasmtime_component_vallist_new_uninit", None, (address, c_size_t)),
    ("wasmtime_component_valtuple_new_uninit", None, (address, c_size_t)),
    ("wasmtime_component_valrecord_new_uninit", None, (address, c_size_t)),
    ("wasmtime_component_resource_host_new", address, (c_bool, c_uint32, c_uint32)),
    ("wasmtime_component_resource_host_rep", c_uint32, (address,)),
    ("wasmtime_component_resource_host_to_any", address, (address, address, address)),
    ("wasmtime_component_resource_any_to_host", address, (address, address, address)),
    ("wasmtime_component_resource_host_delete", None, (address,)),
)


class _Functions:
    """The functions of one loaded library, each with its own prototype."""

    def __init__(self, library: ctypes.CDLL) -> None:
        for name, result, arguments in _PROTOTYPES:
            function = library[name]
            function.restype = result
            function.argtypes = arguments
            setattr(self, name.removeprefix("wasmtime_"), function)

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


KEEP = _Functions(ctypes.PyDLL(str(_ffi.filename)))
DROP = _Functions(ctypes.CDLL(str(_ffi.filename)))


def raw(owner: Any) -> int:
    """The bare address behind an object of the `wasmtime` package, which must outlive its use."""
    return ctypes.cast(owner.ptr(), address).value or 0


EXTERN_HEADER = 8
"""Bytes of `wasmtime_extern_t` before the thing itself."""


class Scratch:
    """The memory one thread lends to the C API: where results of calls are written, in 64-bit words.

    | words | what | size in C |
    |---|---|---|
    | 0-1 | `wasmtime_instance_t` | 16 bytes |
    | 2 | `wasm_trap_t *` | pointer |
    | 3-4 | name and length that `export_nth` reports | pointer, size_t |
    | 5-8 | `wasmtime_extern_t` of the memory: kind, then from word 6 `wasmtime_memory_t` | 32 bytes |
    | 9-12 | `wasmtime_extern_t` of the function: kind, then from word 10 `wasmtime_func_t` | 32 bytes |
    | 13-20 | `wasmtime_val_raw_t` × 4: arguments in, results out | 16 bytes each |
    | 21-22 | out values: fuel, vectors (size, data) | |
    """

    __slots__ = (
        "function",
        "function_extern",
        "instance",
        "memory",
        "memory_extern",
        "name",
        "name_length",
        "out",
        "trap",
        "values",
        "words",
    )

    TRAP, NAME, MEMORY, FUNCTION, VALUES, OUT = 2, 3, 5, 9, 13, 21
    """Indexes into `words`."""
    PER_VALUE = 2
    """Words a `wasmtime_val_raw_t` takes."""

    def __init__(self) -> None:
        self.words = (c_uint64 * 24)()
        at = ctypes.addressof(self.words)
        self.instance = at
        self.trap = at + 8 * self.TRAP
        self.name, self.name_length = at + 8 * self.NAME, at + 8 * (self.NAME + 1)
        self.memory_extern = at + 8 * self.MEMORY
        self.memory = self.memory_extern + EXTERN_HEADER
        self.function_extern = at + 8 * self.FUNCTION
        self.function = self.function_extern + EXTERN_HEADER
        self.values = at + 8 * self.VALUES
        self.out = at + 8 * self.OUT
