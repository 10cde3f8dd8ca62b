"""The clocks of WASI preview 2, and the pollables that wait for them (R3.3: no sleep outlasts its call)."""

from __future__ import annotations

from collections.abc import Sequence

from hengio.clock import Clock
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.component.resources import POLLABLE
from hengio.sandbox.wasmtime.component.values import Bool, List, Number, Own, Record, Value, u64
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.world import TIME_OF_DAY

MOST_TIMERS = 10_000
READY = 0
"""The number of the one pollable that needs no time; the others are timers."""
_MONOTONIC = 1
_RESOLUTION_NS = 1_000


class Timers:
    """The moments that a call's pollables wait for, in nanoseconds since it began."""

    __slots__ = ("_due", "_last")

    def __init__(self) -> None:
        self._due: dict[int, int] = {}
        self._last = READY

    def add(self, when: int) -> int:
        """The number of a new one."""
        if len(self._due) >= MOST_TIMERS:
            raise Stop(OutcomeKind.TRAPPED, "bad_argument", f"more than {MOST_TIMERS} timers at a time")
        self._last += 1
        self._due[self._last] = when
        return self._last

    def due(self, number: int) -> int:
        return self._due.get(number, 0)

    def remove(self, number: int) -> None:
        self._due.pop(number, None)


class Clocks:
    """Time and the waiting for it. The monotonic clock counts from the call's start, so that a guest does not see the
    host's uptime."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def _now(self, guest: Guest) -> int:
        return guest.world.now(_MONOTONIC, self._clock)

    def wall(self, guest: Guest) -> Value:
        return _moment(*divmod(guest.world.now(TIME_OF_DAY, self._clock), 1_000_000_000))

    def wall_resolution(self, _guest: Guest) -> Value:
        return _moment(0, _RESOLUTION_NS)

    def resolution(self, _guest: Guest) -> Value:
        return u64(_RESOLUTION_NS)

    def monotonic(self, guest: Guest) -> Value:
        return u64(self._now(guest))

    def at(self, guest: Guest, when: int) -> Value:
        return Own(guest.timers.add(when), POLLABLE)

    def after(self, guest: Guest, duration: int) -> Value:
        return self.at(guest, self._now(guest) + duration)

    def is_ready(self, guest: Guest, pollable: int) -> Value:
        return Bool(guest.timers.due(pollable) <= self._now(guest))

    def block(self, guest: Guest, pollable: int) -> None:
        self._sleep_until(guest, guest.timers.due(pollable))

    def poll(self, guest: Guest, pollables: Sequence[int]) -> Value:
        """Sleeps until the first is due, the deadline or a cancel."""
        if not pollables:
            raise Stop(OutcomeKind.TRAPPED, "bad_argument", "a poll of nothing")
        due = [guest.timers.due(pollable) for pollable in pollables]
        self._sleep_until(guest, min(due))
        now = max(self._now(guest), min(due))
        return List([Number("u32", index) for index, when in enumerate(due) if when <= now])

    def _sleep_until(self, guest: Guest, when: int) -> None:
        left = when - self._now(guest)
        if left > 0:
            guest.world.sleep(left)


def _moment(seconds: int, nanoseconds: int) -> Value:
    return Record((("seconds", u64(seconds)), ("nanoseconds", Number("u32", nanoseconds))))
