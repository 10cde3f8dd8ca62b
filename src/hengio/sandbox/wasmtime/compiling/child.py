"""The child: compiles what comes on its standard input, within limits that it sets itself first.

A compile bomb ends this process and nothing else: its memory is limited, its processor time is limited for each binary,
and its parent kills it when it takes too long.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys

from wasmtime import Engine, Module, WasmtimeError
from wasmtime.component import Component

from hengio.sandbox.wasmtime.compiling import frames, segments
from hengio.sandbox.wasmtime.config import COMPONENT, OWN_MEMORIES, make_config

IDLE_SECONDS = 60.0
"""Without work for so long it ends; the next binary gets a new child."""
_PR_SET_PDEATHSIG = 1


def main(memory_bytes: int, cpu_seconds: int) -> None:
    """Serve until the input ends."""
    _limit(memory_bytes)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    engines: dict[int, Engine] = {}
    while select.select([source], [], [], IDLE_SECONDS)[0]:
        frame = frames.read(source)
        if frame is None:
            return
        tier, binary = frame
        used = resource.getrusage(resource.RUSAGE_SELF)
        until = int(used.ru_utime + used.ru_stime) + cpu_seconds + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.RLIM_INFINITY))
        try:
            if tier not in engines:
                engines[tier] = Engine(make_config(frames.TIERS[tier]))
            kind = Component if frames.TIERS[tier] in COMPONENT else Module
            if frames.TIERS[tier] in OWN_MEMORIES:
                binary = segments.joined(binary)
            frames.write(sink, frames.COMPILED, bytes(kind(engines[tier], binary).serialize()))
        except WasmtimeError as error:
            frames.write(sink, frames.FAILED, str(error).encode())


def _limit(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
