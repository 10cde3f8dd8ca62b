"""Performs one call on the present thread and says how it ended."""

from __future__ import annotations

import time

from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox import output
from hengio.sandbox.wasmtime import command, reactor
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.engine import CraneliftEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.instance import Instance

_RUN = {"reactor": reactor.run, "command": command.run}
_EXACT = frozenset({OutcomeKind.OUT_OF_FUEL})


def perform(engine: CraneliftEngine, compiled: Compiled, guest: Guest) -> Outcome:
    """Run the guest to its end. Nothing a guest does is raised; a fault of the host's own (a listener) is."""
    engine.ticker.enter(guest)
    data, stop = b"", None
    try:
        instance = Instance(engine, compiled, guest)
        try:
            guest.check()
            data = _RUN[compiled.kind](instance, compiled, guest)
        except Stop as caught:
            stop = caught
        finally:
            fuel_used = guest.call.limits.fuel - instance.fuel_left()
            peak = guest.memory_size
            instance.close()
    finally:
        engine.ticker.leave(guest)
    guest.flush()
    kind, reply, failure = _judge(guest, data, stop)
    logs = guest.logged
    return Outcome(
        kind=kind,
        reply=reply,
        failure=failure,
        backtrace=stop.backtrace if stop is not None else (),
        fuel_used=fuel_used,
        fuel_exact=stop is None or stop.kind is OutcomeKind.OUT_OF_FUEL or stop.by_host,
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
