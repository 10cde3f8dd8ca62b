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
from contextlib import suppress

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
    # programs, connections, other processes
    "socket": (41, 198), "socketpair": (53, 199), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, -1), "vfork": (58, -1), "kill": (62, 129),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "ptrace": (101, 117),
    "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "process_madvise": (440, 440),
    "process_mrelease": (448, 448), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424), "kcmp": (312, 272), "setpriority": (141, 140), "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "migrate_pages": (256, 238), "move_pages": (279, 239), "setpgid": (109, 154),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    # the machine
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "init_module": (175, 105), "finit_module": (313, 273),
    "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116), "iopl": (172, -1), "ioperm": (173, -1),
    "sethostname": (170, 161), "setdomainname": (171, 162), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "settimeofday": (164, 170), "adjtimex": (159, 171),
    # files, whose modes and owners Landlock does not look after
    "open_by_handle_at": (304, 265), "name_to_handle_at": (303, 264), "mknod": (133, -1), "mknodat": (259, 33),
    "chmod": (90, -1), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, -1),
    "fchown": (93, 55), "lchown": (94, -1), "fchownat": (260, 54), "setxattr": (188, 5), "lsetxattr": (189, 6),
    "fsetxattr": (190, 7), "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "setxattrat": (463, 463), "removexattrat": (466, 466), "utime": (132, -1), "utimes": (235, -1),
    "utimensat": (280, 88), "futimesat": (261, -1),
    # rights
    "setuid": (105, 146), "setgid": (106, 144), "setreuid": (113, 145), "setregid": (114, 143),
    "setresuid": (117, 147), "setresgid": (119, 149), "setgroups": (116, 159), "capset": (126, 91),
    "personality": (135, 92), "setrlimit": (160, 164),
}  # fmt: skip
"""System calls that are denied: their numbers on x86-64 and on aarch64."""
_MAP, _LIMIT, _SIGNAL = (9, 222), (302, 261), (234, 131)
"""`mmap`, `prlimit64` and `tgkill`, which are denied for some arguments."""
_SHARED = 1
"""The bit of `mmap`'s flags that no private mapping has: memory that is shared counts towards no limit of a process."""
_CLONE, _CLONE3 = (56, 220), (435, 435)

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06
"""Operations of the classic BPF on a word: load it, compare it, answer."""
_NOBODY = 65_534

_libc = ctypes.CDLL(None, use_errno=True)


def enter(memory_bytes: int) -> list[str]:
    """Give up what is not needed; `memory_bytes` is what the process may have of its own. The protections it got."""
    _limit(memory_bytes)
    if sys.platform != "linux":
        return ["limits"]
    parts: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("network", _leave_network),
        ("privileges", _drop_privileges),
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


def _drop_privileges() -> bool:
    """Nobody, if it was root, and never more than it is; dead when its parent is; not to be looked into."""
    if os.geteuid() == 0:
        with suppress(OSError):  # in a user namespace of its own it is nobody outside of it
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    _libc.prctl(_PDEATHSIG, signal.SIGKILL)  # which a change of user takes back
    _libc.prctl(_DUMPABLE, 0)
    return bool(_libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) == 0)


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
    program = _program(machine, os.getpid())
    code = ctypes.create_string_buffer(program, len(program))
    about = struct.pack("<HxxxxxxQ", len(program) // 8, ctypes.addressof(code))
    return bool(_libc.prctl(_SECCOMP, 2, about, 0, 0) == 0)


def _program(machine: str, process: int) -> bytes:
    """Instructions of the classic BPF: `(operation, jump if true, jump if false, operand)`."""
    which = list(_MACHINES).index(machine)
    lines = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _MACHINES[machine]), (_ANSWER, 0, 0, _DENY), (_LOAD, 0, 0, 0)]
    if machine == "x86_64":
        lines += [(_AT_LEAST, 0, 1, _FOREIGN), (_ANSWER, 0, 0, _DENY)]
    for numbers in _CALLS.values():
        if numbers[which] >= 0:
            lines += [(_EQUAL, 0, 1, numbers[which]), (_ANSWER, 0, 0, _DENY)]
    lines += [(_EQUAL, 0, 1, _CLONE3[which]), (_ANSWER, 0, 0, _NO_SUCH_CALL)]
    lines += _unless(_CLONE[which], 0, (_ANY_BIT, _THREAD))
    lines += _unless(_LIMIT[which], 0, (_EQUAL, 0))
    lines += _unless(_SIGNAL[which], 0, (_EQUAL, process))
    lines += [(_EQUAL, 0, 4, _MAP[which]), (_LOAD, 0, 0, _argument(3)), (_ANY_BIT, 0, 1, _SHARED)]
    lines += [(_ANSWER, 0, 0, _DENY), (_ANSWER, 0, 0, _ALLOW), (_ANSWER, 0, 0, _ALLOW)]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)


def _unless(number: int, argument: int, test: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Deny a call unless the lower half of an argument passes a test."""
    operation, operand = test
    loaded = [(_EQUAL, 0, 4, number), (_LOAD, 0, 0, _argument(argument)), (operation, 1, 0, operand)]
    return [*loaded, (_ANSWER, 0, 0, _DENY), (_ANSWER, 0, 0, _ALLOW)]


def _argument(index: int) -> int:
    """Where the lower half of an argument lies in what the filter sees."""
    return 16 + 8 * index
