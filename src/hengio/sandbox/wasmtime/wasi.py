"""WASI preview 1, deny-all (R2.5): Wasmtime's own with nothing in it, and ours where its own would not hold a limit.

Measured: a guest asleep in Wasmtime's `poll_oneoff` outlives every deadline, one that prints into its `stdout` grows
the host's memory without fuel, and its output callbacks run on foreign threads. So whatever sleeps, prints, reads,
exits or tells the time is ours; what is left needs a directory or a socket, and there is none.
"""

from __future__ import annotations

import ctypes
import struct
import time
from collections.abc import Iterable
from ctypes import c_char_p
from enum import IntEnum

from hengio.clock import Clock
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.callback import Definitions, HostFunction
from hengio.sandbox.wasmtime.capi import KEEP
from hengio.sandbox.wasmtime.guest import Guest, Stop

MODULE = "wasi_snapshot_preview1"
STDIN, STDOUT, STDERR = 0, 1, 2
_VECTORS_LIMIT = 1024
"""Buffers of one read or write, as IOV_MAX elsewhere; also subscriptions of one poll."""
_RANDOM_CHUNK = 64 << 10
_RIGHTS_READ_WRITE = 1 << 1 | 1 << 6
_SUBSCRIPTION = struct.Struct("<QB7xIxxxxQQH6x")
"""`subscription` (48 bytes): userdata, tag, then of a clock: id, timeout, precision, flags."""
_EVENT = struct.Struct("<QHB5xQH6x")
"""`event` (32 bytes): userdata, error, type, bytes ready, flags."""
_ABSOLUTE = 1
"""Flag of a clock subscription: the timeout is a moment, not a duration."""
_RESOLUTION_NS = 1_000


class Errno(IntEnum):
    """Those of preview 1 that ours return."""

    SUCCESS = 0
    BADF = 8
    INVAL = 28
    SPIPE = 70


class Exit(Stop):
    """The guest called `proc_exit`. What that means is for its kind to say."""

    def __init__(self, code: int) -> None:
        super().__init__(OutcomeKind.TRAPPED, "exit", f"the guest exited with code {code} instead of returning")
        self.exit_code = code


def fd_write(guest: Guest, fd: int, vectors: int, count: int, written: int) -> int:
    """stdout and stderr; bounded by the call's quotas, past which stdout ends the call and stderr is dropped."""
    if not _is_open(guest, fd) or fd == STDIN:
        return Errno.BADF
    if count > _VECTORS_LIMIT:
        return Errno.INVAL
    total = 0
    for pointer, length in _vectors(guest, vectors, count):
        guest.require(pointer, length)
        _print(guest, fd, pointer, length)
        total += length
    guest.write(written, total.to_bytes(4, "little"))
    return Errno.SUCCESS


def _print(guest: Guest, fd: int, pointer: int, length: int) -> None:
    limits = guest.call.limits
    if fd == STDOUT and guest.output is not None:
        if len(guest.output) + length > limits.output_bytes:
            message = f"the output is over its limit of {limits.output_bytes} bytes"
            raise Stop(OutcomeKind.INVALID_OUTPUT, "invalid_output", message, details={"offset": limits.output_bytes})
        guest.output += guest.read(pointer, length)
        return
    step = limits.log_bytes + 1
    for at in range(pointer, pointer + length, step):
        guest.check()
        if guest.logs.full:
            guest.logs.dropped += 1
            return
        guest.stream(fd).write(guest.read(at, min(step, pointer + length - at)))


def fd_read(guest: Guest, fd: int, vectors: int, count: int, read: int) -> int:
    """stdin: a command's input; a reactor's is empty."""
    if not _is_open(guest, fd) or fd != STDIN:
        return Errno.BADF
    if count > _VECTORS_LIMIT:
        return Errno.INVAL
    total = 0
    source = guest.call.input if guest.output is not None else b""
    for pointer, length in _vectors(guest, vectors, count):
        guest.require(pointer, length)
        chunk = source[guest.read_to : guest.read_to + length]
        guest.write(pointer, chunk)
        guest.read_to += len(chunk)
        total += len(chunk)
    guest.write(read, total.to_bytes(4, "little"))
    return Errno.SUCCESS


def fd_fdstat_get(guest: Guest, fd: int, result: int) -> int:
    """`fdstat` (24 bytes): an unknown file type, so that C libraries buffer it like a pipe; no flags; its rights."""
    if not _is_open(guest, fd):
        return Errno.BADF
    guest.write(result, struct.pack("<BxHxxxxQQ", 0, 0, _RIGHTS_READ_WRITE, 0))
    return Errno.SUCCESS


def fd_close(guest: Guest, fd: int) -> int:
    """Closing a standard stream makes it unusable for the guest."""
    if not _is_open(guest, fd):
        return Errno.BADF
    guest.closed |= 1 << fd
    return Errno.SUCCESS


def fd_seek(guest: Guest, fd: int, _offset: int, _whence: int, _result: int) -> int:
    """The standard streams have no position."""
    return Errno.SPIPE if _is_open(guest, fd) else Errno.BADF


def clock_res_get(guest: Guest, clock: int, result: int) -> int:
    """A microsecond for all clocks."""
    if clock > _CLOCKS:
        return Errno.INVAL
    guest.write(result, _RESOLUTION_NS.to_bytes(8, "little"))
    return Errno.SUCCESS


_CLOCKS = 3
"""The highest clock id: realtime, monotonic, process and thread CPU time."""


def random_get(guest: Guest, pointer: int, length: int) -> int:
    """Random bytes from the system, in pieces so that a large request still ends with the call."""
    guest.require(pointer, length)
    for at in range(0, length, _RANDOM_CHUNK):
        guest.check()
        guest.write(pointer + at, guest.world.random(min(_RANDOM_CHUNK, length - at)))
    return Errno.SUCCESS


def sched_yield(_guest: Guest) -> int:
    """Gives the processor to others."""
    time.sleep(0)
    return Errno.SUCCESS


def proc_exit(_guest: Guest, code: int) -> None:
    """Ends the guest."""
    raise Exit(code)


class Clocks:
    """The functions that tell or wait for time. Only `realtime` is the world's; the others count from the call's start,
    so that a guest does not see the host's uptime."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now(self, guest: Guest, clock: int) -> int:
        """Nanoseconds."""
        return guest.world.now(clock, self._clock)

    def time_get(self, guest: Guest, clock: int, _precision: int, result: int) -> int:
        """`clock_time_get`."""
        if clock > _CLOCKS:
            return Errno.INVAL
        guest.write(result, self.now(guest, clock).to_bytes(8, "little"))
        return Errno.SUCCESS

    def poll(self, guest: Guest, subscriptions: int, events: int, count: int, ready: int) -> int:
        """`poll_oneoff`: standard streams are always ready; else it sleeps until the first clock or the deadline."""
        if not 0 < count <= _VECTORS_LIMIT:
            return Errno.INVAL
        guest.require(events, count * _EVENT.size)
        wanted = list(_SUBSCRIPTION.iter_unpack(guest.read(subscriptions, count * _SUBSCRIPTION.size)))
        found = [self._stream(guest, *item[:3]) for item in wanted if item[1] != 0]
        waits = [(self._wait_ns(guest, *item[2:]), item[0]) for item in wanted if item[1] == 0]
        shortest = 0 if found else min(wait for wait, _ in waits)
        if shortest > 0:
            guest.world.sleep(shortest)
        found += [_EVENT.pack(userdata, Errno.SUCCESS, 0, 0, 0) for wait, userdata in waits if wait <= shortest]
        guest.write(events, b"".join(found))
        guest.write(ready, len(found).to_bytes(4, "little"))
        return Errno.SUCCESS

    def _wait_ns(self, guest: Guest, clock: int, timeout: int, _precision: int, flags: int) -> int:
        return max(0, timeout - self.now(guest, clock)) if flags & _ABSOLUTE else timeout

    @staticmethod
    def _stream(guest: Guest, userdata: int, tag: int, fd: int) -> bytes:
        waiting = len(guest.call.input) - guest.read_to if fd == STDIN and guest.output is not None else 0
        error = Errno.SUCCESS if _is_open(guest, fd) else Errno.BADF
        return _EVENT.pack(userdata, error, tag, waiting, 0)


def _is_open(guest: Guest, fd: int) -> bool:
    return fd <= STDERR and not guest.closed >> fd & 1


def _vectors(guest: Guest, pointer: int, count: int) -> list[tuple[int, int]]:
    """The (pointer, length) pairs of an `iovec` list."""
    return list(struct.iter_unpack("<II", guest.read(pointer, count * 8)))


_OURS: dict[str, HostFunction] = {
    "fd_write": fd_write,
    "fd_read": fd_read,
    "fd_fdstat_get": fd_fdstat_get,
    "fd_close": fd_close,
    "fd_seek": fd_seek,
    "clock_res_get": clock_res_get,
    "random_get": random_get,
    "sched_yield": sched_yield,
    "proc_exit": proc_exit,
}

_ERRNO = " -> i32"
TYPES: dict[str, str] = {
    name: f"({', '.join({'i': 'i32', 'l': 'i64'}[letter] for letter in letters)}){_ERRNO}"
    for name, letters in {
        "args_get": "ii", "args_sizes_get": "ii", "environ_get": "ii", "environ_sizes_get": "ii",
        "clock_res_get": "ii", "clock_time_get": "ili", "fd_advise": "illi", "fd_allocate": "ill",
        "fd_close": "i", "fd_datasync": "i", "fd_fdstat_get": "ii", "fd_fdstat_set_flags": "ii",
        "fd_fdstat_set_rights": "ill", "fd_filestat_get": "ii", "fd_filestat_set_size": "il",
        "fd_filestat_set_times": "illi", "fd_pread": "iiili", "fd_prestat_dir_name": "iii",
        "fd_prestat_get": "ii", "fd_pwrite": "iiili", "fd_read": "iiii", "fd_readdir": "iiili",
        "fd_renumber": "ii", "fd_seek": "ilii", "fd_sync": "i", "fd_tell": "ii", "fd_write": "iiii",
        "path_create_directory": "iii", "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiilli",
        "path_link": "iiiiiii", "path_open": "iiiiillii", "path_readlink": "iiiiii",
        "path_remove_directory": "iii", "path_rename": "iiiiii", "path_symlink": "iiiii",
        "path_unlink_file": "iii", "poll_oneoff": "iiii", "proc_raise": "i", "random_get": "ii",
        "sched_yield": "", "sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii",
        "sock_shutdown": "ii",
    }.items()
} | {"proc_exit": "(i32) -> ()"}  # fmt: skip
"""Every function of preview 1 with its type in WAT words."""


def give_context(store: int, call: Call, *, command: bool) -> None:
    """Wasmtime's own context: without one, the first call of its functions would abort the process. It holds nothing
    but a command's arguments and environment."""
    config = KEEP.wasi_config_new()
    if command:
        arguments, environment = [call.module_name, call.function], call.env
        KEEP.wasi_config_set_argv(config, len(arguments), _texts(arguments))
        KEEP.wasi_config_set_env(config, len(environment), _texts(environment), _texts(environment.values()))
    error = KEEP.context_set_wasi(store, config)
    if error:
        KEEP.error_delete(error)
        raise RuntimeError("the engine refused a WASI context")


def _texts(values: Iterable[str]) -> ctypes.Array[c_char_p]:
    """A C array of UTF-8 strings; one with a NUL inside ends there."""
    encoded = [value.encode(errors="replace") for value in values]
    return (c_char_p * len(encoded))(*encoded)


def define(definitions: Definitions, clock: Clock) -> None:
    """Put ours over Wasmtime's, which the linker must have defined already."""
    clocks = Clocks(clock)
    ours = {**_OURS, "clock_time_get": clocks.time_get, "poll_oneoff": clocks.poll}
    for name, function in ours.items():
        definitions.add(MODULE, name, type_=TYPES[name], function=function)
