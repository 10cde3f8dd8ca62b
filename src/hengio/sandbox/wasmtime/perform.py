"""Performs one call on the present thread and says how it ended."""

from __future__ import annotations

from time import monotonic

import msgspec

from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox import output
from hengio.sandbox.wasmtime.attempt import attempt
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.tape import tape
from hengio.sandbox.wasmtime.witness import Witness


def perform(compiled: Compiled, guest: Guest, *, witness: Witness) -> Outcome:
    """Run the guest to its end. Nothing a guest does is raised; a fault of the host's own (a listener) is."""
    made = attempt(compiled.engine, compiled, guest)
    if made.stop is not None:
        made = witness.review(compiled, guest, made)
    logs, stop = guest.flush(), made.stop
    if stop is None:
        kind, reply, failure = output.read(made.data, guest.call.output_mode)
    else:
        kind, reply, failure = stop.kind, None, Failure(stop.code, stop.message, stop.details)
    outcome = Outcome(
        kind=kind,
        reply=reply,
        failure=failure,
        backtrace=() if stop is None else stop.backtrace,
        fuel_used=guest.call.limits.fuel - made.fuel_left,
        fuel_exact=stop is None or stop.at_call,
        peak_memory_bytes=made.peak_bytes,
        duration_ms=(monotonic() - guest.started) * 1_000,
        compiler=compiled.engine.compiler,
        host_calls=guest.host_calls,
        io_calls=guest.io_calls,
        wrote=guest.wrote,
        denials=tuple(guest.denials),
        logs=() if logs is None else tuple(logs.lines),
        logs_dropped=0 if logs is None else logs.dropped,
        context_writes=guest.writes,
    )
    mode = guest.call.tape
    if mode == "never" or (mode == "failures" and kind is OutcomeKind.SUCCEEDED):
        return outcome
    return msgspec.structs.replace(outcome, tape=tape(compiled, guest, made, outcome))


def ended_before(kind: OutcomeKind, code: str, message: str) -> Outcome:
    """The outcome of a call that never reached its guest."""
    return Outcome(kind=kind, failure=Failure(code, message, retryable=False))
