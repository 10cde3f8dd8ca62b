"""What there is to decide before a guest runs, and after it ran out of fuel; the same wherever guests run."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from time import monotonic
from typing import TypeVar

import msgspec

from hengio.errors import Corrupt, NotFound, Refused
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.attempt import Runnable
from hengio.sandbox.wasmtime.compile import Compiled
from hengio.sandbox.wasmtime.config import BETTER, Tier
from hengio.sandbox.wasmtime.engine import TICK_SECONDS
from hengio.sandbox.wasmtime.guest import Guest

Loaded = TypeVar("Loaded")
PATIENCE_SECONDS = 1.0
"""How long a cancelled call is waited for: most end within a tick."""


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


def may_repeat(call: Call, tier: Tier, ended: Outcome) -> bool:
    """Whether better code may have the last word on a fuel limit: there is some, running it again does nothing twice,
    and no tape is played, which is of one compiler."""
    return tier in BETTER and call.played is None and not ended.wrote and not ended.context_writes


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


async def cut_short(guest: Guest) -> asyncio.CancelledError:
    """What is raised for a cancelled call: with its outcome, which comes when the guest has noticed the cancel. Without
    one if the guest had not begun, or does not notice."""
    guest.cancel()
    for _ in range(round(PATIENCE_SECONDS / TICK_SECONDS)):
        if not guest.started or guest.ended is not None:
            break
        await asyncio.sleep(TICK_SECONDS)
    return asyncio.CancelledError(*(() if guest.ended is None else (guest.ended,)))
