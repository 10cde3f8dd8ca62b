"""What a guest's process gives up before its first guest is gone (docs/reference/isolation.md)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

linux = pytest.mark.skipif(sys.platform != "linux", reason="the protections are Linux's")

JAILED = """
import ctypes, mmap, os, resource, signal, socket, sys, threading
from pathlib import Path
file = Path(sys.argv[1])
from hengio.sandbox.processes import jail
got = jail.enter(1 << 30)
libc = ctypes.CDLL(None, use_errno=True)
def call(number, *arguments):
    if os.uname().machine != "x86_64":
        raise OSError("numbers of another machine")
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "denied")
def denied(act):
    try:
        act()
    except (OSError, MemoryError):
        return True
    return False
tried = {
    "files": [lambda: open("/etc/passwd"), lambda: os.listdir("/"), lambda: open("/tmp/x", "w")],
    "limits": [lambda: bytearray(2 << 30)],
    "system_calls": [
        os.fork,
        socket.socket,
        lambda: os.execv("/bin/true", ["true"]),
        lambda: os.kill(1, 0),
        lambda: resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3)),
        lambda: os.sched_setaffinity(os.getppid(), {0}),
        lambda: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
        lambda: os.chmod(file, 0o666),
        lambda: os.utime(file),
        lambda: os.setxattr(file, "user.a", b"b"),
        lambda: mmap.mmap(-1, 1 << 20, flags=mmap.MAP_SHARED),
        lambda: call(234, os.getppid(), os.getppid(), 0),
        lambda: call(170, b"x", 1),
        lambda: os.setuid(0),
    ],
}
for part, acts in tried.items():
    print(part, part not in got or all(denied(act) for act in acts))
thread = threading.Thread(target=print, args=("threads", True))
thread.start()
thread.join()
"""


@linux
@pytest.mark.requirement("R3.4")
def test_what_a_process_gave_up_is_gone(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    file.chmod(0o600)
    done = subprocess.run([sys.executable, "-c", JAILED, file], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert set(done.stdout.split()[1::2]) == {"True"}, done.stdout
    assert set(done.stdout.split()[::2]) == {"files", "limits", "system_calls", "threads"}
    assert file.stat().st_mode & 0o777 == 0o600
