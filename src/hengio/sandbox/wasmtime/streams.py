"""The functions of preview 1 on standard streams, within the call's quotas. Other descriptors go to `directories`."""

from __future__ import annotations

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.directories import descriptors, stat
from hengio.sandbox.wasmtime.errno import Errno
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.vectors import vectors

STDIN, STDOUT, STDERR = 0, 1, 2


def fd_write(guest: Guest, fd: int, pointer: int, count: int, written: int) -> int:
    """stdout and stderr; bounded by the call's quotas, past which stdout ends the call and stderr is dropped."""
    if fd > STDERR:
        return descriptors.fd_write(guest, fd, pointer, count, written)
    if not is_open(guest, fd) or fd == STDIN:
        return Errno.BADF
    spans, total = vectors(guest, pointer, count)
    for start, length in spans:
        _print(guest, fd, start, length)
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


def fd_read(guest: Guest, fd: int, pointer: int, count: int, read: int) -> int:
    """stdin: a command's input; a reactor's is empty."""
    if fd > STDERR:
        return descriptors.fd_read(guest, fd, pointer, count, read)
    if not is_open(guest, fd) or fd != STDIN:
        return Errno.BADF
    total = 0
    source = guest.call.input if guest.output is not None else b""
    for start, length in vectors(guest, pointer, count)[0]:
        chunk = source[guest.read_to : guest.read_to + length]
        guest.write(start, chunk)
        guest.read_to += len(chunk)
        total += len(chunk)
    guest.write(read, total.to_bytes(4, "little"))
    return Errno.SUCCESS


def fd_fdstat_get(guest: Guest, fd: int, result: int) -> int:
    """`fdstat` (24 bytes): an unknown file type, so that C libraries buffer it like a pipe; no flags; its rights."""
    if fd > STDERR:
        return descriptors.fd_fdstat_get(guest, fd, result)
    if not is_open(guest, fd):
        return Errno.BADF
    guest.write(result, stat.fdstat(kind=stat.UNKNOWN, rights=stat.READ | stat.WRITE))
    return Errno.SUCCESS


def fd_close(guest: Guest, fd: int) -> int:
    """Closing a standard stream makes it unusable for the guest."""
    if fd > STDERR:
        return descriptors.fd_close(guest, fd)
    if not is_open(guest, fd):
        return Errno.BADF
    guest.closed |= 1 << fd
    return Errno.SUCCESS


def fd_seek(guest: Guest, fd: int, offset: int, whence: int, result: int) -> int:
    """The standard streams have no position."""
    if fd > STDERR:
        return descriptors.fd_seek(guest, fd, offset, whence, result)
    return Errno.SPIPE if is_open(guest, fd) else Errno.BADF


def fd_tell(guest: Guest, fd: int, result: int) -> int:
    """As `fd_seek`."""
    if fd > STDERR:
        return descriptors.fd_tell(guest, fd, result)
    return Errno.SPIPE if is_open(guest, fd) else Errno.BADF


def fd_filestat_get(guest: Guest, fd: int, result: int) -> int:
    """Of a standard stream nothing is known."""
    if fd > STDERR:
        return descriptors.fd_filestat_get(guest, fd, result)
    if not is_open(guest, fd):
        return Errno.BADF
    guest.write(result, stat.NO_FILESTAT)
    return Errno.SUCCESS


def fd_fdstat_set_flags(guest: Guest, fd: int, flags: int) -> int:
    """No flag changes what a standard stream does."""
    if fd > STDERR:
        return descriptors.fd_fdstat_set_flags(guest, fd, flags)
    return Errno.SUCCESS if is_open(guest, fd) else Errno.BADF


def fd_sync(guest: Guest, fd: int) -> int:
    """Also `fd_datasync`."""
    if fd > STDERR:
        return descriptors.fd_sync(guest, fd)
    return Errno.INVAL if is_open(guest, fd) else Errno.BADF


def is_open(guest: Guest, fd: int) -> bool:
    """Whether it is a standard stream that the guest has not closed."""
    return fd <= STDERR and not guest.closed >> fd & 1
