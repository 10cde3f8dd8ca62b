"""The tape of a call that has ended."""

from __future__ import annotations

from importlib.metadata import version

from hengio.model.module import ModuleKind
from hengio.model.outcome import Outcome
from hengio.model.tape import End, Tape, TapeEvent
from hengio.sandbox.protocol import Call

RUNTIME = f"wasmtime {version('wasmtime')}"
"""Another version may count fuel differently."""


def tape(
    kind: ModuleKind, call: Call, data: bytes, outcome: Outcome, *, events: tuple[TapeEvent, ...], missing: int
) -> Tape:
    """All of it, unredacted: whoever stores it knows what is sensitive (`sandbox.tapes.keep`). `data` is the output."""
    return Tape(
        module=call.module_name,
        module_name=call.module_name,
        digest=call.digest,
        kind=kind,
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
            output=data,
            fuel_used=outcome.fuel_used,
            fuel_exact=outcome.fuel_exact,
            peak_memory_bytes=outcome.peak_memory_bytes,
        ),
    )
