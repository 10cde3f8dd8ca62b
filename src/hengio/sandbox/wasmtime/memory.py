"""Linear memories that the host makes itself, and so sees every refusal (Wasmtime's memory creator).

Slower than pooled memories: each is mapped anew and every access is checked by compiled code. Hence only for a witness.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
from ctypes import c_size_t, c_uint64
from ctypes import c_void_p as address

from wasmtime import Config, _ffi

from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.engine import running

_New = ctypes.CFUNCTYPE(address, address, address, c_size_t, c_size_t, c_size_t, c_size_t, address)
_Get = ctypes.CFUNCTYPE(address, address, address, address)
_Grow = ctypes.CFUNCTYPE(address, address, c_size_t)
_Free = ctypes.CFUNCTYPE(None, address)


class _LinearMemory(ctypes.Structure):
    """`wasmtime_linear_memory_t`."""

    _fields_ = (("env", address), ("get", _Get), ("grow", _Grow), ("free", _Free))


class _Creator(ctypes.Structure):
    """`wasmtime_memory_creator_t`. Without a finaliser: it lives as long as the process."""

    _fields_ = (("env", address), ("new", _New), ("free", address))


class _Memory:
    """One memory: mapped whole at its limit, so that it never moves; `size` is what the guest has of it."""

    def __init__(self, size: int, capacity: int) -> None:
        self.size = size
        self.capacity = max(capacity, 1)
        self.map = mmap.mmap(-1, self.capacity)
        self._first = ctypes.c_char.from_buffer(self.map)
        self.start = ctypes.addressof(self._first)

    def close(self) -> None:
        del self._first
        self.map.close()


_memories: dict[int, _Memory] = {}
_numbers = itertools.count(1)


def _new(_env: int, _type: int, minimum: int, maximum: int, _reserved: int, _guard: int, out: int) -> int | None:
    try:
        limit = running.guest.call.limits.memory_bytes
        number = next(_numbers)
        _memories[number] = _Memory(minimum, max(minimum, min(maximum, limit)))
        made = _LinearMemory.from_address(out)
        made.env, made.get, made.grow, made.free = number, _GET, _GROW, _FREE
    except BaseException:  # noqa: BLE001 - an exception out of a C callback would end the process
        return int(KEEP.error_new(b"no memory"))
    return None


def _get(number: int, size: int, capacity: int) -> int:
    memory = _memories[number]
    c_uint64.from_address(size).value = memory.size
    c_uint64.from_address(capacity).value = memory.capacity
    return memory.start


def _grow(number: int, size: int) -> int | None:
    memory = _memories[number]
    if size <= memory.capacity:
        memory.size = size
        return None
    running.guest.refused_bytes = size
    return int(KEEP.error_new(b"over the limit"))


def _free(number: int) -> None:
    memory = _memories.pop(number, None)
    if memory is not None:
        memory.close()


_GET, _GROW, _FREE = _Get(_get), _Grow(_grow), _Free(_free)
_creator = _Creator(None, _New(_new), None)


def watch(config: Config) -> None:
    """Have the engine of this configuration (of the tier `witness`) use these memories."""
    creator = ctypes.cast(ctypes.pointer(_creator), ctypes.POINTER(_ffi.wasmtime_memory_creator))
    _ffi.wasmtime_config_host_memory_creator_set(config.ptr(), creator)
