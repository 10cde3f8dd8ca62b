"""Runs a command: JSON on stdin, JSON on stdout (ABI: Command)."""

from __future__ import annotations

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.instance import Instance
from hengio.sandbox.wasmtime.wasi import Exit

_LAST_LINES = 5
"""Lines of stderr that a failure quotes."""


def run(instance: Instance, compiled: Compiled, guest: Guest) -> bytes:
    """What it printed. Raises `Stop`; a non-zero exit code is `failed`, quoting the last lines of stderr."""
    guest.output = bytearray()
    try:
        instance.instantiate()
        instance.call(compiled.start)
    except Exit as exit_:
        if exit_.exit_code:
            raise _failed(guest, exit_.exit_code) from None
    return bytes(guest.output)


def _failed(guest: Guest, code: int) -> Stop:
    guest.flush()
    last = [line.message for line in guest.logs.lines[-_LAST_LINES:]]
    message = f"the command exited with code {code}" + (f": {last[-1]}" if last else "")
    return Stop(OutcomeKind.FAILED, "exit", message, details={"exit_code": code, "stderr": last})
