"""All that a guest can learn of the world beside its input, behind one object: clocks, random bytes, sleep, the
context, and what lies outside its execution.

`Live` asks the world itself, `Recording` also writes down what it answered, `Replaying` answers from what was written
down. Made with the first thing that a guest asks.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Protocol, TypeVar

from hengio.clock import Clock
from hengio.model.outcome import OutcomeKind
from hengio.model.tape import ContextCall, Request, Sleep, Stopped
from hengio.sandbox.host.answer import Answer
from hengio.sandbox.host.context import ContextCalls
from hengio.sandbox.protocol import Answered, Call, OutsideFunction, Status
from hengio.sandbox.tapes.play import Diverged, Player, TapeEnded
from hengio.sandbox.tapes.record import Record
from hengio.sandbox.wasmtime.stop import Stop

T = TypeVar("T")
TIME_OF_DAY = 0
"""WASI's id of the clock that tells it; the others count from the call's start."""
_WORD = (1 << 64) - 1


class Asker(Protocol):
    """The guest that asks, as far as its world needs it."""

    call: Call
    started: float
    deadline: float
    io_calls: int
    wrote: bool

    @property
    def context_calls(self) -> ContextCalls: ...

    def sleep(self, seconds: float) -> None: ...

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered: ...

    def note(self, answer: Answered) -> None: ...


class World(Protocol):
    """What a guest may ask. Each may end the guest (`Stop`)."""

    @property
    def repeatable(self) -> bool:
        """Whether a second run of the guest can be told the same."""
        ...

    def again(self, guest: Asker) -> World:
        """The world for a second run: it gets the same answers, and nobody outside is asked."""
        ...

    def now(self, clock: int, source: Clock) -> int:
        """Nanoseconds of a clock (`TIME_OF_DAY` is asked of `source`), below 2^64."""
        ...

    def random(self, count: int) -> bytes: ...

    def sleep(self, nanoseconds: int) -> None: ...

    def get_context(self, path: bytes) -> Answer: ...

    def set_context(self, key: bytes, value: bytes) -> Answer: ...

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered:
        """A request to the world outside the execution."""
        ...


class Live:
    """The world itself. Of what it answers only what came from outside the execution is kept: a second run must not ask
    for that again."""

    __slots__ = ("_guest", "_record")

    def __init__(self, guest: Asker) -> None:
        self._guest = guest
        self._record = Record(guest.call.tape_bytes)

    @property
    def record(self) -> Record:
        return self._record

    @property
    def repeatable(self) -> bool:
        return self._record.whole

    def again(self, guest: Asker) -> World:
        return _Repeating(guest, Player(self._record.events()))

    def now(self, clock: int, source: Clock) -> int:
        if clock == TIME_OF_DAY:
            return source.now() * 1_000 & _WORD
        return int((time.monotonic() - self._guest.started) * 1_000_000_000)

    def random(self, count: int) -> bytes:
        return os.urandom(count)

    def sleep(self, nanoseconds: int) -> None:
        self._guest.sleep(nanoseconds / 1e9)

    def get_context(self, path: bytes) -> Answer:
        return self._guest.context_calls.get(path)

    def set_context(self, key: bytes, value: bytes) -> Answer:
        return self._guest.context_calls.set(key, value)

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered:
        guest, add = self._guest, self._record.add
        try:
            answer = guest.ask(function, request, data)
        except Stop as stop:
            asked = Request(function, request, wrote=guest.wrote, data=data, stopped=_stopped(stop))
            add(asked, len(request) + len(data))
            raise
        asked = Request(function, request, answer.status, answer.reply, answer.wrote, answer.denied, data)
        add(asked, len(request) + len(data) + len(answer.reply))
        return answer


class Recording(Live):
    """The world itself, and all that it answers is written down."""

    __slots__ = ()

    def again(self, guest: Asker) -> World:
        return Replaying(guest, Player(self._record.events()))

    def now(self, clock: int, source: Clock) -> int:
        nanoseconds = super().now(clock, source)
        self._record.time(clock, nanoseconds)
        return nanoseconds

    def random(self, count: int) -> bytes:
        data = super().random(count)
        self._record.random(data)
        return data

    def sleep(self, nanoseconds: int) -> None:
        try:
            super().sleep(nanoseconds)
        except Stop as stop:
            self._record.add(Sleep(nanoseconds, _stopped(stop)))
            raise
        self._record.add(Sleep(nanoseconds))

    def get_context(self, path: bytes) -> Answer:
        status, reply = answer = self._guest.context_calls.get(path)
        self._record.add(ContextCall(path, status, reply), len(path) + len(reply))
        return answer

    def set_context(self, key: bytes, value: bytes) -> Answer:
        status, reply = answer = self._guest.context_calls.set(key, value)
        self._record.add(ContextCall(key, status, reply, value), len(key) + len(value) + len(reply))
        return answer


class _Repeating(Live):
    """The world itself, but outside nobody is asked: those answers come from a record."""

    __slots__ = ("_player",)

    def __init__(self, guest: Asker, player: Player) -> None:
        super().__init__(guest)
        self._player = player

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered:
        return _asked(self._guest, self._player, function, request, data)


class Replaying:
    """A tape instead of the world. A guest that asks for something else than the tape has next is ended.

    With `patient` its time counts from the last event: a replay may be slower than the call was.
    """

    __slots__ = ("_guest", "_patient", "_player")

    repeatable = True

    def __init__(self, guest: Asker, player: Player, *, patient: bool = False) -> None:
        self._guest = guest
        self._player = player
        self._patient = patient

    def again(self, guest: Asker) -> World:
        return Replaying(guest, self._player.rewound())

    def now(self, clock: int, _source: Clock) -> int:
        return self._play(lambda: self._player.time(clock))

    def random(self, count: int) -> bytes:
        return self._play(lambda: self._player.random(count))

    def sleep(self, nanoseconds: int) -> None:
        _stop_as(self._play(lambda: self._player.sleep(nanoseconds)).stopped)

    def get_context(self, path: bytes) -> Answer:
        event = self._play(lambda: self._player.context(path, None))
        return _status(event.status), event.reply

    def set_context(self, key: bytes, value: bytes) -> Answer:
        event = self._play(lambda: self._player.context(key, value))
        if event.status == Status.OK:
            self._guest.context_calls.accept(key, value)
        return _status(event.status), event.reply

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered:
        answer = _asked(self._guest, self._player, function, request, data)
        self._renew()
        return answer

    def _play(self, play: Callable[[], T]) -> T:
        played = _played(play)
        self._renew()
        return played

    def _renew(self) -> None:
        if self._patient:
            self._guest.deadline = time.monotonic() + self._guest.call.limits.timeout_seconds


def _asked(guest: Asker, player: Player, function: OutsideFunction, request: bytes, data: bytes) -> Answered:
    guest.io_calls += 1
    event = _played(lambda: player.request(function, request, data))
    guest.wrote = guest.wrote or event.wrote
    _stop_as(event.stopped)
    answer = Answered(status=_status(event.status), reply=event.reply, wrote=event.wrote, denied=event.denied)
    guest.note(answer)
    return answer


def _played(play: Callable[[], T]) -> T:
    """What a player says; its objections end the guest."""
    try:
        return play()
    except Diverged as error:
        raise Stop(OutcomeKind.FAILED, "diverged", str(error)) from None
    except TapeEnded as error:
        _stop_as(error.stopped)
        raise Stop(OutcomeKind.FAILED, "tape_ended", "the tape was full here") from None


def _stop_as(stopped: Stopped | None) -> None:
    if stopped is not None:
        raise Stop(OutcomeKind(stopped), stopped, "the recorded call ended here")


def _stopped(stop: Stop) -> Stopped:
    return "cancelled" if stop.kind is OutcomeKind.CANCELLED else "timed_out"


def _status(number: int) -> Status:
    """A tape from elsewhere can hold any number."""
    try:
        return Status(number)
    except ValueError:
        return Status.FAILED
