"""Performs one call on the present thread and says how it ended."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple

import msgspec

from hengio.model.module import ModuleKind
from hengio.model.outcome import Failure, Outcome, OutcomeKind, Reply
from hengio.model.tape import TapeEvent
from hengio.sandbox import output
from hengio.sandbox.output import Reading
from hengio.sandbox.wasmtime.attempt import Attempt, Runnable, attempt
from hengio.sandbox.wasmtime.config import CompilerName
from hengio.sandbox.wasmtime.directories.content import Written
from hengio.sandbox.wasmtime.directories.saving import save
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.tape import tape
from hengio.sandbox.wasmtime.witness import Witness


class Ran(NamedTuple):
    """How a guest ended, as it is known where it ran.

    `reading` is what its output says, if that was read already; `unsaved` why its files were not saved. `dropped`
    counts lines of the log. `events` are for its tape, of which `missing` more did not fit; None for no tape.
    """

    made: Attempt
    kind: ModuleKind
    compiler: CompilerName
    duration_ms: float
    host_calls: int
    reading: Reading | None = None
    unsaved: tuple[OutcomeKind, Failure] | None = None
    dropped: int = 0
    events: tuple[TapeEvent, ...] | None = None
    missing: int = 0


def perform(compiled: Runnable, guest: Guest, *, witness: Witness) -> Outcome:
    """Run the guest to its end. Nothing a guest does is raised; a fault of the host's own (a listener) is."""
    return outcome(run(compiled, guest, witness=witness), guest)


def run(compiled: Runnable, guest: Guest, *, witness: Witness) -> Ran:
    """The same, before it is judged."""
    made = attempt(compiled.engine, compiled, guest)
    if made.stop is not None:
        made = witness.review(compiled, guest, made)
    logs = guest.flush()
    reading = unsaved = None
    if made.stop is None:
        reading = output.read(made.data, guest.call.output_mode)
        if reading.kind is OutcomeKind.SUCCEEDED and (files := guest.written()) is not None:
            unsaved = _save(compiled, guest, files)
    mode, events, missing = guest.call.tape, None, 0
    well = reading is not None and reading.kind is OutcomeKind.SUCCEEDED and unsaved is None
    if mode == "always" or (mode == "failures" and not well):
        events, missing = ((), 0) if guest.record is None else guest.record.on_tape()
    return Ran(
        made,
        compiled.kind,
        compiled.engine.compiler,
        (monotonic() - guest.started) * 1_000,
        guest.host_calls,
        reading,
        unsaved,
        0 if logs is None else logs.dropped,
        events,
        missing,
    )


def outcome(ran: Ran, guest: Guest) -> Outcome:
    """What that means, with what happened on this side: log, context, requests outside."""
    stop = ran.made.stop
    kind: OutcomeKind
    reply: Reply | None
    failure: Failure | None
    if stop is not None:
        kind, reply, failure = stop.kind, None, Failure(stop.code, stop.message, stop.details, stop.retryable)
    else:
        kind, reply, failure = ran.reading or output.read(ran.made.data, guest.call.output_mode)
        if ran.unsaved is not None and kind is OutcomeKind.SUCCEEDED:
            kind, reply, failure = ran.unsaved[0], None, ran.unsaved[1]
    logs = guest.logged
    judged = Outcome(
        kind=kind,
        reply=reply,
        failure=failure,
        backtrace=() if stop is None else stop.backtrace,
        fuel_used=guest.call.limits.fuel - ran.made.fuel_left,
        fuel_exact=stop is None or stop.at_call,
        peak_memory_bytes=ran.made.peak_bytes,
        duration_ms=ran.duration_ms,
        compiler=ran.compiler,
        host_calls=ran.host_calls,
        io_calls=guest.io_calls,
        wrote=guest.wrote,
        denials=tuple(guest.denials),
        logs=() if logs is None else tuple(logs.lines),
        logs_dropped=ran.dropped,
        context_writes=guest.writes,
    )
    if ran.events is None:
        return judged
    recorded = tape(ran.kind, guest.call, ran.made.data, judged, events=ran.events, missing=ran.missing)
    return msgspec.structs.replace(judged, tape=recorded)


def _save(compiled: Runnable, guest: Guest, files: Iterable[tuple[str, Written]]) -> tuple[OutcomeKind, Failure] | None:
    """Still a running guest: closing the sandbox cancels it."""
    compiled.engine.ticker.enter(guest)
    try:
        return save(guest, files)
    finally:
        compiled.engine.ticker.leave(guest)
