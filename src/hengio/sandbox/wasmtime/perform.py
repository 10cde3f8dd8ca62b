"""Performs one call on the present thread and says how it ended."""

from __future__ import annotations

import time

from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox import output
from hengio.sandbox.wasmtime.attempt import attempt
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.witness import Witness


def perform(engine: GuestEngine, compiled: Compiled, guest: Guest, *, witness: Witness) -> Outcome:
    """Run the guest to its end. Nothing a guest does is raised; a fault of the host's own (a listener) is."""
    made = attempt(engine, compiled, guest)
    if made.stop is not None:
        made = witness.review(compiled, guest, made)
    data, stop, fuel_left, peak = made
    logs = guest.flush()
    kind, reply, failure = _judge(guest, data, stop)
    return Outcome(
        kind=kind,
        reply=reply,
        failure=failure,
        backtrace=stop.backtrace if stop is not None else (),
        fuel_used=guest.call.limits.fuel - fuel_left,
        fuel_exact=stop is None or stop.at_call,
        peak_memory_bytes=peak,
        duration_ms=(time.monotonic() - guest.started) * 1_000,
        compiler=engine.compiler,
        host_calls=guest.host_calls,
        logs=tuple(logs.lines) if logs is not None else (),
        logs_dropped=logs.dropped if logs is not None else 0,
        context_writes=guest.writes,
    )


def _judge(guest: Guest, data: bytes, stop: Stop | None) -> output.Reading:
    if stop is None:
        return output.read(data, guest.call.output_mode)
    return output.Reading(stop.kind, None, Failure(stop.code, stop.message, stop.details))


def ended_before(kind: OutcomeKind, code: str, message: str) -> Outcome:
    """The outcome of a call that never reached its guest."""
    return Outcome(kind=kind, failure=Failure(code, message, retryable=False))
