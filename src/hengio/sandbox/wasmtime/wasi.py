"""WASI preview 1 for guests of Wasmtime (R2.5), deny-all: each of its functions is ours, so that all limits hold.

Measured: a guest asleep in Wasmtime's own `poll_oneoff` outlives every deadline, one that prints into its `stdout`
grows the host's memory without fuel, and its output callbacks run on foreign threads. None of it is linked: what no
function of ours allows is not there. Time and chance are here; standard streams are in `streams`, files and
folders in `directories`.
"""

from __future__ import annotations

import struct
import time

from hengio.clock import Clock
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime import environment, streams
from hengio.sandbox.wasmtime.callback import Definitions, HostFunction
from hengio.sandbox.wasmtime.directories import descriptors, entries
from hengio.sandbox.wasmtime.errno import Errno
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.streams import STDIN, is_open
from hengio.sandbox.wasmtime.vectors import MOST

MODULE = "wasi_snapshot_preview1"
_RANDOM_CHUNK = 64 << 10
_SUBSCRIPTION = struct.Struct("<QB7xIxxxxQQH6x")
"""`subscription` (48 bytes): userdata, tag, then of a clock: id, timeout, precision, flags."""
_EVENT = struct.Struct("<QHB5xQH6x")
"""`event` (32 bytes): userdata, error, type, bytes ready, flags."""
_ABSOLUTE = 1
"""Flag of a clock subscription: the timeout is a moment, not a duration."""
_RESOLUTION_NS = 1_000


class Exit(Stop):
    """The guest called `proc_exit`. What that means is for its kind to say."""

    def __init__(self, code: int) -> None:
        super().__init__(OutcomeKind.TRAPPED, "exit", f"the guest exited with code {code} instead of returning")
        self.exit_code = code


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
        """`poll_oneoff`: streams and files are always ready; else it sleeps until the first clock or the deadline."""
        if not 0 < count <= MOST:
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
        error = Errno.SUCCESS if is_open(guest, fd) or fd in guest.directories else Errno.BADF
        return _EVENT.pack(userdata, error, tag, waiting, 0)


def _never(*_: int) -> int:
    """Links, times of change, rights to give away, signals: there are none."""
    return Errno.NOTSUP


def _no_socket(guest: Guest, fd: int, *_: int) -> int:
    """No descriptor is a socket."""
    return Errno.NOTSOCK if is_open(guest, fd) or fd in guest.directories else Errno.BADF


_OURS: dict[str, HostFunction] = {
    "args_get": environment.args_get,
    "args_sizes_get": environment.args_sizes_get,
    "environ_get": environment.environ_get,
    "environ_sizes_get": environment.environ_sizes_get,
    "clock_res_get": clock_res_get,
    "fd_advise": descriptors.fd_advise,
    "fd_allocate": descriptors.fd_allocate,
    "fd_close": streams.fd_close,
    "fd_datasync": streams.fd_sync,
    "fd_fdstat_get": streams.fd_fdstat_get,
    "fd_fdstat_set_flags": streams.fd_fdstat_set_flags,
    "fd_fdstat_set_rights": _never,
    "fd_filestat_get": streams.fd_filestat_get,
    "fd_filestat_set_size": descriptors.fd_filestat_set_size,
    "fd_filestat_set_times": _never,
    "fd_pread": descriptors.fd_pread,
    "fd_prestat_dir_name": descriptors.fd_prestat_dir_name,
    "fd_prestat_get": descriptors.fd_prestat_get,
    "fd_pwrite": descriptors.fd_pwrite,
    "fd_read": streams.fd_read,
    "fd_readdir": descriptors.fd_readdir,
    "fd_renumber": descriptors.fd_renumber,
    "fd_seek": streams.fd_seek,
    "fd_sync": streams.fd_sync,
    "fd_tell": streams.fd_tell,
    "fd_write": streams.fd_write,
    "path_create_directory": entries.path_create_directory,
    "path_filestat_get": entries.path_filestat_get,
    "path_filestat_set_times": _never,
    "path_link": _never,
    "path_open": entries.path_open,
    "path_readlink": entries.path_readlink,
    "path_remove_directory": entries.path_remove_directory,
    "path_rename": entries.path_rename,
    "path_symlink": _never,
    "path_unlink_file": entries.path_unlink_file,
    "proc_exit": proc_exit,
    "proc_raise": _never,
    "random_get": random_get,
    "sched_yield": sched_yield,
    "sock_accept": _no_socket,
    "sock_recv": _no_socket,
    "sock_send": _no_socket,
    "sock_shutdown": _no_socket,
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


def define(definitions: Definitions, clock: Clock) -> None:
    """Offer every function of preview 1 to a linker."""
    clocks = Clocks(clock)
    ours = {**_OURS, "clock_time_get": clocks.time_get, "poll_oneoff": clocks.poll}
    for name, type_ in TYPES.items():
        definitions.add(MODULE, name, type_=type_, function=ours[name])
