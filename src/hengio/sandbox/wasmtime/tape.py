"""The tape of a call that has ended."""

from __future__ import annotations

from importlib.metadata import version

from hengio.model.outcome import Outcome
from hengio.model.tape import End, Tape
from hengio.sandbox.wasmtime.attempt import Attempt, Runnable
from hengio.sandbox.wasmtime.guest import Guest

RUNTIME = f"wasmtime {version('wasmtime')}"
"""Another version may count fuel differently."""


def tape(compiled: Runnable, guest: Guest, made: Attempt, outcome: Outcome) -> Tape:
    """All of it, unredacted: whoever stores it knows what is sensitive (`sandbox.tapes.keep`)."""
    call, record = guest.call, guest.record
    events, missing = ((), 0) if record is None else record.on_tape()
    return Tape(
        module=call.module_name,
        module_name=call.module_name,
        digest=call.digest,
        kind=compiled.kind,
        function=call.function,
        compiler=outcome.compiler,
        runtime=RUNTIME,
        limits=call.limits,
        output_mode=call.output_mode,
        env=dict(call.env),
        directories=call.directories,
        input=call.input,
        events=events,
        missing=missing,
        end=End(
            outcome=outcome.kind.value,
            code="" if outcome.failure is None else outcome.failure.code,
            output=made.data,
            fuel_used=outcome.fuel_used,
            fuel_exact=outcome.fuel_exact,
            peak_memory_bytes=outcome.peak_memory_bytes,
        ),
    )
