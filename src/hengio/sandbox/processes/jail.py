"""Takes away from a process what a guest's process does not need, before it runs any guest (Linux).

A guest is held by the sandbox; this holds what would get out of it. Each part is there if the kernel has it: a process
says which it got, and what runs in containers that forbid some of it loses only that.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
import sys
from collections.abc import Callable

_PDEATHSIG, _DUMPABLE, _NO_NEW_PRIVILEGES, _SECCOMP = 1, 4, 38, 22
_NEW_NETWORK, _NEW_USER, _NEW_IPC = 0x4000_0000, 0x1000_0000, 0x0800_0000
_OPEN_FILES = 1024
"""What a module begins with is a file in memory for as long as the module is kept."""

_LANDLOCK_CREATE, _LANDLOCK_RESTRICT, _LANDLOCK_VERSION = 444, 446, 1
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""Version of Landlock → how many kinds of access to files it knows."""
_TCP_SINCE, _TCP_RIGHTS = 4, 2
_SCOPES_SINCE, _SCOPES = 6, 2

_ALLOW, _DENY, _NO_SUCH_CALL = 0x7FFF_0000, 0x0005_0001, 0x0005_0026
"""SECCOMP_RET_ALLOW; SECCOMP_RET_ERRNO with EPERM, with ENOSYS."""
_THREAD = 0x0001_0000
"""`CLONE_THREAD`."""
_MACHINES = {"x86_64": 0xC000_003E, "aarch64": 0xC000_00B7}
_FOREIGN = 0x4000_0000
"""Numbers from which x86-64 means another calling convention."""
_CALLS: dict[str, tuple[int, int]] = {
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1), "kill": (62, 129),
    "tkill": (200, 130), "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "kexec_load": (246, 104),
    "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "open_by_handle_at": (304, 265), "io_uring_setup": (425, 425), "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
}  # fmt: skip
"""System calls that are denied: their numbers on x86-64 and on aarch64."""
_CLONE, _CLONE3 = (56, 220), (435, 435)

_libc = ctypes.CDLL(None, use_errno=True)


def enter(memory_bytes: int) -> list[str]:
    """Give up what is not needed; `memory_bytes` is what the process may have of its own. The protections it got."""
    _limit(memory_bytes)
    if sys.platform != "linux":
        return ["limits"]
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)
    _libc.prctl(_DUMPABLE, 0)
    parts: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("network", _leave_network),
        ("privileges", lambda: _libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0),
        ("files", _lock_files),
        ("system_calls", _filter_calls),
    )
    return ["limits", *[name for name, part in parts if part()]]


def _limit(memory_bytes: int) -> None:
    for what, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, memory_bytes),  # of files in memory: what a module begins with is one
        (resource.RLIMIT_NOFILE, _OPEN_FILES),
        (resource.RLIMIT_DATA, memory_bytes),
    ):
        resource.setrlimit(what, (limit, limit))


def _leave_network() -> bool:
    """Into a network without interfaces; without privileges that takes a user namespace, too."""
    return any(_libc.unshare(flags) == 0 for flags in (_NEW_NETWORK | _NEW_IPC, _NEW_USER | _NEW_NETWORK | _NEW_IPC))


def _lock_files() -> bool:
    """No file can be opened any more (Landlock), where the kernel can no TCP connection be made either."""
    version = _libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), _LANDLOCK_VERSION)
    if version < 1:
        return False
    count = max(count for since, count in _FILE_RIGHTS.items() if since <= version)
    words = [(1 << count) - 1]
    if version >= _TCP_SINCE:
        words.append((1 << _TCP_RIGHTS) - 1)
    if version >= _SCOPES_SINCE:
        words.append((1 << _SCOPES) - 1)
    attributes = struct.pack(f"<{len(words)}Q", *words)
    rules = _libc.syscall(_LANDLOCK_CREATE, attributes, ctypes.c_size_t(len(attributes)), 0)
    if rules < 0:
        return False
    done = bool(_libc.syscall(_LANDLOCK_RESTRICT, rules, 0) == 0)
    os.close(rules)
    return done


def _filter_calls() -> bool:
    """Deny what starts programs, makes connections, or reaches into other processes and the kernel (seccomp)."""
    machine = platform.machine()
    if machine not in _MACHINES:
        return False
    program = _program(machine)
    code = ctypes.create_string_buffer(program, len(program))
    about = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    return bool(_libc.prctl(_SECCOMP, 2, about, 0, 0) == 0)


def _program(machine: str) -> bytes:
    """Instructions of the classic BPF: `(operation, jump if true, jump if false, operand)`."""
    load, jump_equal, jump_at_least, jump_set, answer = 0x20, 0x15, 0x35, 0x45, 0x06
    number_at, machine_at, first_argument_at = 0, 4, 16
    which = list(_MACHINES).index(machine)
    lines = [(load, 0, 0, machine_at), (jump_equal, 1, 0, _MACHINES[machine]), (answer, 0, 0, _DENY)]
    lines += [(load, 0, 0, number_at)]
    if machine == "x86_64":
        lines += [(jump_at_least, 0, 1, _FOREIGN), (answer, 0, 0, _DENY)]
    for numbers in _CALLS.values():
        if numbers[which] >= 0:
            lines += [(jump_equal, 0, 1, numbers[which]), (answer, 0, 0, _DENY)]
    lines += [(jump_equal, 0, 1, _CLONE3[which]), (answer, 0, 0, _NO_SUCH_CALL)]
    lines += [(jump_equal, 0, 3, _CLONE[which]), (load, 0, 0, first_argument_at), (jump_set, 1, 0, _THREAD)]
    lines += [(answer, 0, 0, _DENY), (answer, 0, 0, _ALLOW)]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)
