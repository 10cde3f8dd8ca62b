"""Performs one call on the present thread and says how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable
from time import monotonic
from typing import TypeVar

import msgspec

from hengio.errors import Corrupt, NotFound, Refused
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox import output
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.attempt import Runnable, attempt
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.config import BETTER, Tier
from hengio.sandbox.wasmtime.directories.content import Written
from hengio.sandbox.wasmtime.directories.saving import save
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.tape import tape
from hengio.sandbox.wasmtime.witness import Witness

Loaded = TypeVar("Loaded")


def perform(compiled: Runnable, guest: Guest, *, witness: Witness) -> Outcome:
    """Run the guest to its end. Nothing a guest does is raised; a fault of the host's own (a listener) is."""
    made = attempt(compiled.engine, compiled, guest)
    if made.stop is not None:
        made = witness.review(compiled, guest, made)
    logs, stop = guest.flush(), made.stop
    if stop is None:
        kind, reply, failure = output.read(made.data, guest.call.output_mode)
        if kind is OutcomeKind.SUCCEEDED and (files := guest.written()) is not None:
            unsaved = _save(compiled, guest, files)
            if unsaved is not None:
                kind, reply, failure = unsaved[0], None, unsaved[1]
    else:
        kind, reply, failure = stop.kind, None, Failure(stop.code, stop.message, stop.details, stop.retryable)
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


def _save(compiled: Runnable, guest: Guest, files: Iterable[tuple[str, Written]]) -> tuple[OutcomeKind, Failure] | None:
    """Still a running guest: closing the sandbox cancels it."""
    compiled.engine.ticker.enter(guest)
    try:
        return save(guest, files)
    finally:
        compiled.engine.ticker.leave(guest)


def ended_before(kind: OutcomeKind, code: str, message: str) -> Outcome:
    """The outcome of a call that never reached its guest."""
    return Outcome(kind=kind, failure=Failure(code, message, retryable=False))


async def ready(loading: Awaitable[Loaded], call: Call) -> Loaded | Outcome:
    """What `loading` makes of the call's module, or the outcome of a call that ends before: its module is refused, or
    not there by the moment at which the call ends at the latest. What was begun for the module goes on."""
    try:
        async with asyncio.timeout(None if call.by is None else max(0.0, call.by - monotonic())) as limit:
            return await loading
    except TimeoutError:
        if not limit.expired():
            raise
        return Outcome(kind=OutcomeKind.TIMED_OUT, failure=Failure("timed_out", "the module was not compiled in time"))
    except (Refused, NotFound, Corrupt) as error:
        return ended_before(OutcomeKind.MODULE_REFUSED, error.code, str(error))


def may_repeat(call: Call, tier: Tier, outcome: Outcome) -> bool:
    """Whether better code may have the last word on a fuel limit: there is some, running it again does nothing twice,
    and no tape is played, which is of one compiler."""
    return tier in BETTER and call.played is None and not outcome.wrote and not outcome.context_writes


def patience(left: float) -> float:
    """Seconds to wait for that code, of those that a call has left: most must remain for the second run, and a verdict
    that waited until nothing is left would be told as a matter of time, not of fuel."""
    return max(0.0, left) / 10


def last_word(first: Outcome, second: Outcome) -> Outcome:
    """The outcome of a call that ran out of fuel, and again on better code: the second, unless its time was too short
    to tell. What it may have changed outside, and was denied there, is told in any case."""
    if second.kind is not OutcomeKind.TIMED_OUT or second.wrote:
        return second
    return msgspec.structs.replace(first, denials=tuple(dict.fromkeys((*first.denials, *second.denials))))


def misfit(compiled: Runnable, call: Call) -> Outcome | None:
    """The outcome if the call can not even begin: no such entry, or more memory declared than allowed."""
    if not isinstance(compiled, Compiled):
        return None
    if compiled.kind == "reactor" and call.function not in compiled.entries:
        known = ", ".join(sorted(compiled.entries))
        message = f"the module has no entry {call.function!r}; its entries are {known}"
        return ended_before(OutcomeKind.MODULE_REFUSED, "entry_missing", message)
    needed, limit = compiled.memory_minimum, call.limits.memory_bytes
    if needed > limit:
        message = f"the module declares {needed} bytes of memory at least, more than the limit of {limit}"
        return ended_before(OutcomeKind.OUT_OF_MEMORY, "out_of_memory", message)
    return None
