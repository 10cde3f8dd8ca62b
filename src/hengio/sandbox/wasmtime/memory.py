"""Linear memories that the host makes itself (Wasmtime's memory creator), and so knows their size and every refusal.

Components have theirs here, because their memories can not be looked at from outside, and a guest that failed is run
here once more. A memory is address space of the engine's choice, of which a part may be touched: so it never moves, and
compiled code finds out what is out of bounds by a fault, as in the pool. Slower than there: it is mapped anew for each
call, and what it begins with is copied into it.

All memories of a guest together stay under its limit.
"""

from __future__ import annotations

import ctypes
import itertools
import mmap
import sys
from ctypes import c_int, c_size_t, c_uint64
from ctypes import c_void_p as address
from typing import Any

from wasmtime import _ffi

from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.config import Tier, make_config
from hengio.sandbox.wasmtime.engine import GuestEngine, running

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


def _function(library: ctypes.CDLL, name: str, result: Any, *arguments: Any) -> ctypes._NamedFuncPointer:
    function = library[name]
    function.restype, function.argtypes = result, arguments
    return function


_libc = ctypes.CDLL(None)
_map = _function(_libc, "mmap", address, address, c_size_t, c_int, c_int, c_int, ctypes.c_long)
_unmap = _function(_libc, "munmap", c_int, address, c_size_t)
_protect = _function(_libc, "mprotect", c_int, address, c_size_t, c_int)
_advise = _function(_libc, "madvise", c_int, address, c_size_t, c_int)
_NOTHING, _PRIVATE = 0, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
_FAILED = ctypes.c_void_p(-1).value
_LARGE = 4 << 20
"""Bytes from which a memory is worth huge pages: an instance of 13 MiB takes 3 ms with them and 8 ms without."""


class _Memory:
    """`capacity` bytes of address space, of which the guest has `size`."""

    __slots__ = ("_mapped", "capacity", "size", "start")

    def __init__(self, size: int, reserved: int, guard: int) -> None:
        self.capacity = max(size, reserved)
        self._mapped = max(self.capacity + guard, mmap.PAGESIZE)
        self.start = _map(None, self._mapped, _NOTHING, _PRIVATE, -1, 0)
        if self.start == _FAILED:
            raise MemoryError
        self.size = 0
        try:
            self.resize(size)
        except MemoryError:
            self.close()
            raise

    def resize(self, size: int) -> None:
        """Only ever larger. Raises `MemoryError` if the system has no more."""
        if size > self.capacity or (size and _protect(self.start, size, mmap.PROT_READ | mmap.PROT_WRITE)):
            raise MemoryError
        if size >= _LARGE and sys.platform == "linux":
            _advise(self.start, size, mmap.MADV_HUGEPAGE)
        self.size = size

    def close(self) -> None:
        _unmap(self.start, self._mapped)


_memories: dict[int, _Memory] = {}
_numbers = itertools.count(1)


def _admit(more: int) -> bool:
    """Whether the running guest may have so many bytes more; if not, that is noted."""
    guest = running.guest
    wanted = guest.mapped_bytes + more
    if wanted <= guest.call.limits.memory_bytes:
        return True
    guest.refused_bytes = guest.refused_bytes or wanted
    return False


def _new(_env: int, _type: int, minimum: int, _maximum: int, reserved: int, guard: int, out: int) -> int | None:
    try:
        if not _admit(minimum):
            return int(KEEP.error_new(b"over the limit"))
        number = next(_numbers)
        _memories[number] = _Memory(minimum, reserved, guard)
        running.guest.mapped_bytes += minimum
        made = _LinearMemory.from_address(out)
        made.env, made.get, made.grow, made.free = number, _GET, _GROW, _FREE
    except BaseException:  # noqa: BLE001 - an exception out of a C callback would end the process
        return int(KEEP.error_new(b"the system has no memory left"))
    return None


def _get(number: int, size: int, capacity: int) -> int:
    memory = _memories[number]
    c_uint64.from_address(size).value = memory.size
    c_uint64.from_address(capacity).value = memory.capacity
    return int(memory.start)


def _grow(number: int, size: int) -> int | None:
    try:
        memory = _memories[number]
        more = size - memory.size
        if not _admit(more):
            return int(KEEP.error_new(b"over the limit"))
        memory.resize(size)
        running.guest.mapped_bytes += more
    except BaseException:  # noqa: BLE001 - as above
        return int(KEEP.error_new(b"the system has no memory left"))
    return None


def _free(number: int) -> None:
    memory = _memories.pop(number, None)
    if memory is not None:
        memory.close()


_GET, _GROW, _FREE = _Get(_get), _Grow(_grow), _Free(_free)
_creator = _Creator(None, _New(_new), None)


def engine(tier: Tier) -> GuestEngine:
    """An engine of a tier whose memories are these."""
    config = make_config(tier)
    creator = ctypes.cast(ctypes.pointer(_creator), ctypes.POINTER(_ffi.wasmtime_memory_creator))
    _ffi.wasmtime_config_host_memory_creator_set(config.ptr(), creator)
    return GuestEngine(config, tier=tier, store_limits_memory=False)
