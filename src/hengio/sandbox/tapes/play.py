"""Plays a tape: each thing a guest asks must be the next one on the tape, and gets the answer that it got then."""

from __future__ import annotations

import hashlib
from typing import TypeVar

from msgspec import Struct

from hengio.model.tape import ContextCall, Random, Request, Sleep, Stopped, TapeEvent, Times
from hengio.sandbox.tapes.shown import MOST_SHOWN, shown

E = TypeVar("E", Times, Random, Sleep, ContextCall, Request)
_EIGHT = 8


class Divergence(Struct, frozen=True):
    """The first difference: what the tape has and what came instead. `event` counts from 1; None at the end."""

    event: int | None
    expected: str
    came: str


class Diverged(Exception):
    """The guest asked for something else than the tape has next."""

    def __init__(self, found: Divergence) -> None:
        super().__init__(f"expected {found.expected}, came {found.came}")
        self.found = found


class TapeEnded(Exception):
    """Nothing is left on the tape where the recorded call went on: it was ended from outside (`stopped`), or else the
    tape was full."""

    def __init__(self, stopped: Stopped | None) -> None:
        super().__init__("the tape has no more events")
        self.stopped = stopped


class Player:
    """One pass over a tape's events.

    `stopped` is how the recorded call was ended from outside, `missing` whether the tape was full: both allow a guest
    to ask for more than there is.
    """

    __slots__ = ("_events", "_missing", "_place", "_stopped", "_used", "divergence", "ran_out")

    def __init__(self, events: tuple[TapeEvent, ...], *, stopped: Stopped | None = None, missing: bool = False) -> None:
        self._events = events
        self._stopped = stopped
        self._missing = missing
        self._place = self._used = 0
        self.divergence: Divergence | None = None
        self.ran_out = False
        """Whether it came to the end of a tape that was full."""

    def rewound(self) -> Player:
        """The same tape from its beginning."""
        return Player(self._events, stopped=self._stopped, missing=self._missing)

    def time(self, clock: int) -> int:
        """The next reading of a clock, in nanoseconds."""
        came = f"a reading of clock {clock}"
        event = self._next(Times, came)
        if event.clock != clock or self._used + _EIGHT > len(event.readings):
            raise self._differs(came)
        found = int.from_bytes(event.readings[self._used : self._used + _EIGHT], "little")
        self._take(_EIGHT, of=len(event.readings))
        return found

    def random(self, count: int) -> bytes:
        """The next random bytes."""
        came = f"a request for {count} random bytes"
        event = self._next(Random, came)
        if self._used + count > len(event.data):
            raise self._differs(came)
        found = event.data[self._used : self._used + count]
        self._take(count, of=len(event.data))
        return found

    def sleep(self, nanoseconds: int) -> Sleep:
        """The next sleep."""
        came = f"a sleep of {nanoseconds} ns"
        event = self._next(Sleep, came)
        return self._taken(event, same=event.nanoseconds == nanoseconds, came=came)

    def context(self, key: bytes, value: bytes | None) -> ContextCall:
        """The next call of `get_context` or `set_context`."""
        came = _context(key, value)
        event = self._next(ContextCall, came)
        return self._taken(event, same=(event.key, event.value) == (key, value), came=came)

    def request(self, function: str, request: bytes, data: bytes) -> Request:
        """The next request to the world outside."""
        came = _request(function, request, data=data)
        event = self._next(Request, came)
        same = (event.function, event.request) == (function, request) and _same_data(event, data)
        if not same and (at := _first_difference(event.request, request)) >= MOST_SHOWN:
            came += f", different from byte {at} on"
        return self._taken(event, same=same, came=came)

    def finish(self) -> None:
        """The guest has ended: nothing may be left."""
        if self.divergence is None and not self.ran_out and self._place < len(self._events):
            self._differs("the end of the call")

    def _next(self, kind: type[E], came: str) -> E:
        if self._place == len(self._events):
            if self._missing or self._stopped:
                self.ran_out = self._missing
                raise TapeEnded(None if self._missing else self._stopped)
            raise self._differs(came)
        event = self._events[self._place]
        if not isinstance(event, kind):
            raise self._differs(came)
        return event

    def _taken(self, event: E, *, same: bool, came: str) -> E:
        if not same:
            raise self._differs(came)
        self._place += 1
        return event

    def _take(self, count: int, *, of: int) -> None:
        self._used += count
        if self._used == of:
            self._place, self._used = self._place + 1, 0

    def _differs(self, came: str) -> Diverged:
        at_end = self._place == len(self._events)
        expected = "the end of the call" if at_end else _described(self._events[self._place])
        self.divergence = self.divergence or Divergence(self._place + 1, expected, came)
        return Diverged(self.divergence)


def _same_data(event: Request, data: bytes) -> bool:
    return event.data_sha256 == hashlib.sha256(data).hexdigest() if event.data_sha256 else event.data == data


def _first_difference(one: bytes, other: bytes) -> int:
    """The first byte at which they differ; -1 if they do not."""
    if one == other:
        return -1
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _described(event: TapeEvent) -> str:
    match event:
        case Times(clock=clock):
            return f"a reading of clock {clock}"
        case Random(data=data):
            return f"a request for {len(data)} random bytes, at once or in turns"
        case Sleep(nanoseconds=nanoseconds):
            return f"a sleep of {nanoseconds} ns"
        case ContextCall(key=key, value=value):
            return _context(key, value)
        case Request():
            return _request(event.function, event.request, data=event.data, sha256=event.data_sha256)


def _context(key: bytes, value: bytes | None) -> str:
    return f"get_context of {shown(key)}" if value is None else f"set_context of {shown(key)} to {shown(value)}"


def _request(function: str, request: bytes, *, data: bytes, sha256: str = "") -> str:
    written = shown(sha256) or (hashlib.sha256(data).hexdigest() if data else "")
    return f"{shown(function)} {shown(request)}" + (f", data with SHA-256 {written}" if written else "")
