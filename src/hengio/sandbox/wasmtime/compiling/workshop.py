"""Compiles binaries in child processes that are kept ready, limited, and killed when they take too long."""

from __future__ import annotations

import subprocess
import sys
import threading
from contextlib import suppress
from typing import BinaryIO, Protocol, cast

from msgspec import Struct

from hengio.errors import Refused, Unavailable
from hengio.sandbox.wasmtime.compiling import frames
from hengio.sandbox.wasmtime.config import Tier

MODULE = "hengio.sandbox.wasmtime.compiling.child"


class Compiles(Protocol):
    """Where compiled code comes from."""

    def compile(self, binary: bytes, tier: Tier) -> bytes:
        """The serialized code. Raises `Refused` for a binary that does not compile, `Unavailable`."""
        ...


class CompileLimits(Struct, frozen=True, kw_only=True):
    """What compiling one binary may take: wall clock, processor time of all threads, address space of the child."""

    seconds: float = 60.0
    cpu_seconds: int = 100
    memory_bytes: int = 3 << 30


class Workshop:
    """At most as many children as calls at a time. Safe to use from any thread."""

    def __init__(self, limits: CompileLimits | None = None) -> None:
        self._limits = limits or CompileLimits()
        self._idle: list[_Child] = []
        self._busy: set[_Child] = set()
        self._lock = threading.Lock()
        self._closed = False

    def prepare(self) -> None:
        """Have a child ready: starting one takes longer than compiling a small module."""
        with self._lock:
            if not self._idle and not self._busy and not self._closed:
                self._idle.append(_Child(self._limits))

    def compile(self, binary: bytes, tier: Tier) -> bytes:
        """The serialized code. Raises `Refused` for a binary that does not compile within the limits, `Unavailable`
        when the workshop is closed meanwhile."""
        answer, late = None, False
        for fresh in (False, True):  # one that was kept may just have ended for want of work
            child = self._taken(fresh=fresh)
            answer, late = child.compile(binary, tier)
            self._back(child, alive=answer is not None and not late)
            if answer is not None:
                return _code(answer)
            if late:
                break
        if self._closed:
            raise Unavailable("the sandbox is closing")
        limits = self._limits
        hint = f"limits: {limits.seconds:g} s, {limits.cpu_seconds} s of processor, {limits.memory_bytes >> 20} MiB"
        raise Refused("compiling the module takes more than it may", hint=hint)

    def close(self) -> None:
        """End all children; whoever waits for one is told."""
        with self._lock:
            self._closed = True
            children = [*self._idle, *self._busy]
            self._idle.clear()
        for child in children:
            child.kill()

    def _taken(self, *, fresh: bool) -> _Child:
        with self._lock:
            if self._closed:
                raise Unavailable("the sandbox is closing")
            child = _Child(self._limits) if fresh or not self._idle else self._idle.pop()
            self._busy.add(child)
        return child

    def _back(self, child: _Child, *, alive: bool) -> None:
        with self._lock:
            self._busy.discard(child)
            if alive and not self._closed:
                self._idle.append(child)
                return
        child.kill()


class _Child:
    """One process: no environment, no descriptors but its pipes, a session of its own."""

    def __init__(self, limits: CompileLimits) -> None:
        self._seconds = limits.seconds
        command = [sys.executable, "-I", "-m", MODULE, str(limits.memory_bytes), str(limits.cpu_seconds)]
        self._process = subprocess.Popen(  # noqa: S603 - all of the command is ours
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            start_new_session=True,
        )

    def compile(self, binary: bytes, tier: Tier) -> tuple[tuple[int, bytes] | None, bool]:
        """The child's answer, None if it did not live to give one; and whether it was killed for taking too long."""
        late = threading.Event()

        def stop() -> None:
            late.set()
            self.kill()

        watch = threading.Timer(self._seconds, stop)
        watch.daemon = True
        watch.start()
        try:
            frames.write(cast("BinaryIO", self._process.stdin), frames.TIERS.index(tier), binary)
            answer = frames.read(cast("BinaryIO", self._process.stdout))
        except (OSError, ValueError):  # its pipes are broken, or closed by `kill`
            answer = None
        watch.cancel()
        return answer, late.is_set()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError, ValueError):
                cast("BinaryIO", pipe).close()


def _code(answer: tuple[int, bytes]) -> bytes:
    word, data = answer
    if word != frames.COMPILED:
        raise Refused(f"the module does not compile: {data.decode(errors='replace').strip()}")
    return data
