"""A call as the guest's process and this one talk it through."""

from __future__ import annotations

import asyncio
import secrets
from time import monotonic
from typing import NamedTuple

import msgspec

from hengio import codec
from hengio.errors import Refused
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox.host.answer import Answer
from hengio.sandbox.host.log import LEVELS
from hengio.sandbox.processes.code import Entry
from hengio.sandbox.processes.wire import (
    Begin,
    Broken,
    Cause,
    Ended,
    Line,
    Question,
    Received,
    Refusal,
    Stopped,
    Told,
    Word,
    Write,
)
from hengio.sandbox.processes.worker import Worker
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.around import ended_before
from hengio.sandbox.wasmtime.attempt import Attempt
from hengio.sandbox.wasmtime.compile import DigestMismatch
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.config import Tier
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.perform import Ran, outcome

GRACE_SECONDS = 1.0
"""How long after its deadline a guest's process may go on, before it is killed."""
_MOST_CODES = 2
"""Code that one call may ask for: its own, and that of its second run."""
_RUNS = 3
"""Times that its host calls may be asked for: its two runs, and what it saves in the end."""
_SPARE_CALLS = 2_000


class _TooMuch(Exception):
    """The guest's process does what no guest can make it do."""


class Held(NamedTuple):
    """The outcome, and whether the process may take another call."""

    outcome: Outcome
    kept: bool


class Conversation:
    """One call. `guest` stands for it on this side: it has what the guest may reach, its log, deadline and cancel."""

    def __init__(self, call: Call, entry: Entry, source: CodeSource, loop: asyncio.AbstractEventLoop) -> None:
        self.guest = Guest(call, loop)
        self.digest = entry.digest
        self._call, self._entry, self._source = call, entry, source
        self._worker: Worker | None = None
        self._asked = self._codes = 0
        self._has_binary = self._has_begun = False

    def cancel(self) -> None:
        """End the call, from any thread; its process is not used again."""
        self.guest.cancel()
        worker = self._worker
        if worker is not None:
            worker.stop()

    def hold(self, worker: Worker, *, last: bool = True) -> Held | None:
        """How it ended; None if the process was dead before it could begin, unless this is the `last` one."""
        guest, channel = self.guest, worker.channel
        self._worker = worker
        self._start()
        try:
            if guest.cancelled:
                return Held(_cancelled(), kept=True)
            channel.number = secrets.randbits(64)
            try:
                channel.send(Word.BEGIN, msgspec.msgpack.encode(_begin(self._call, self._entry.tier)), until=self._end)
            except Broken:
                if not last:
                    return None
                raise
            while True:
                frame = channel.receive(self._end)
                if frame.word == Word.DONE:
                    return Held(self._judged(msgspec.msgpack.decode(frame.payload, type=Ended)), kept=True)
                if frame.word == Word.REFUSED:
                    return Held(self._refused(msgspec.msgpack.decode(frame.payload, type=Refusal)), kept=True)
                self._answer(worker, frame)
        except (Broken, _TooMuch, msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
            return Held(self._lost(worker, error), kept=False)
        finally:
            self._worker = None

    @property
    def _end(self) -> float:
        """When the process is late."""
        return self.guest.deadline + GRACE_SECONDS

    def _start(self) -> None:
        guest = self.guest
        guest.started = monotonic()
        guest.deadline = guest.call.latest(guest.started)

    def _answer(self, worker: Worker, frame: Received) -> None:
        match frame.word:
            case Word.BINARY:
                self._send_binary(worker)
                return
            case Word.CODE:
                self._send_code(worker, msgspec.convert(frame.payload.decode(), Tier))
                return
        self._has_begun = True
        match frame.word:
            case Word.LOG:
                self._heard(msgspec.msgpack.decode(frame.payload, type=Line))
            case Word.GET:
                self._send(worker, Word.GET, _told(self._get(frame.payload)))
            case Word.SET:
                self._send(worker, Word.SET, _told(self._set(msgspec.msgpack.decode(frame.payload, type=Write))))
            case Word.ASK:
                self._send(worker, *self._outside(msgspec.msgpack.decode(frame.payload, type=Question)))
            case _:
                raise _TooMuch(frame.payload.decode(errors="replace"))

    def _send(self, worker: Worker, word: Word, payload: bytes, *files: int) -> None:
        worker.channel.send(word, payload, *files, until=self._end)

    def _send_binary(self, worker: Worker) -> None:
        if self._has_binary:
            raise _TooMuch("the module is asked for again")
        self._has_binary = True
        self._start()  # loading is no part of the call
        self._send(worker, Word.BINARY, b"", self._entry.binary)

    def _send_code(self, worker: Worker, tier: Tier) -> None:
        self._codes += 1
        if self._codes > _MOST_CODES:
            raise _TooMuch("code is asked for again and again")
        began = monotonic()
        try:
            file = self._entry.code(tier, self._source)
        except Refused as error:
            self._send(worker, Word.REFUSED, msgspec.msgpack.encode(Refusal(error.code, str(error))))
            return
        if self._codes == 1 and not self._has_begun:
            self._start()
        else:
            self.guest.deadline += monotonic() - began
        self._send(worker, Word.CODE, b"", file)

    def _count(self) -> None:
        """A guest's process asks no more than its guest may."""
        self._asked += 1
        if self._asked > _RUNS * self._call.limits.host_calls + _SPARE_CALLS:
            raise _TooMuch("more host calls than allowed")

    def _get(self, path: bytes) -> Answer:
        self._count()
        calls = self.guest.context_calls
        return calls.admits(len(path)) or calls.get(path)

    def _set(self, write: Write) -> Answer:
        self._count()
        calls = self.guest.context_calls
        return calls.admits(len(write.key), len(write.value)) or calls.set(write.key, write.value)

    def _outside(self, question: Question) -> tuple[Word, bytes]:
        self._count()
        try:
            answer = self.guest.ask(question.function, question.request, question.data)
        except Stop as stop:
            return Word.STOP, msgspec.msgpack.encode(Stopped(stop.kind, stop.code, stop.message))
        return Word.ASK, msgspec.msgpack.encode(Told(answer.status, answer.reply, answer.wrote, answer.denied))

    def _heard(self, line: Line) -> None:
        """Into the log on this side, which has its limits."""
        logs = self.guest.logs
        if line.level not in LEVELS or not logs.fits(len(line.text)):
            raise _TooMuch("more lines than allowed")
        logs.add(line.level, line.text)

    def _judged(self, told: Ended) -> Outcome:
        limits = self._call.limits
        if len(told.data) > limits.output_bytes or not 0 <= told.fuel_left <= limits.fuel:
            raise _TooMuch("more than allowed")
        made = Attempt(told.data, None if told.stop is None else _stop(told.stop), told.fuel_left, told.peak_bytes)
        unsaved = None if told.unsaved is None else (told.unsaved.kind, _failure(told.unsaved))
        ran = Ran(
            made,
            told.kind,
            told.compiler,
            told.duration_ms,
            told.host_calls,
            unsaved=unsaved,
            dropped=told.dropped,
            events=told.events,
            missing=told.missing,
        )
        return outcome(ran, self.guest)

    def _refused(self, refusal: Refusal) -> Outcome:
        """A module is refused before it begins, and its digest was looked at on this side."""
        if self._has_begun or refusal.code == DigestMismatch.code:
            raise _TooMuch("a refusal out of place")
        return ended_before(OutcomeKind.MODULE_REFUSED, refusal.code, refusal.message)

    def _lost(self, worker: Worker, error: Exception) -> Outcome:
        """The outcome of a call whose process gave none: what is known on this side."""
        guest = self.guest
        worker.stop()
        if guest.cancelled:
            stop = Stop(OutcomeKind.CANCELLED, "cancelled", "the call was cancelled")
        elif monotonic() >= self._end:
            stop = guest.late()
        else:
            why = f"{worker.ended()} ({error})" if isinstance(error, Broken) else str(error)
            stop = Stop(OutcomeKind.TRAPPED, "process_lost", f"the guest's process was lost: {why}")
        stop.at_call = False
        made = Attempt(b"", stop, self._call.limits.fuel, 0)
        taken = (monotonic() - guest.started) * 1_000
        return outcome(Ran(made, "reactor", "", taken, self._asked), guest)


def _stop(cause: Cause) -> Stop:
    stop = Stop(cause.kind, cause.code, cause.message, details=codec.decode(cause.details))
    stop.retryable, stop.backtrace, stop.at_call = cause.retryable, cause.backtrace, cause.at_call
    return stop


def _failure(cause: Cause) -> Failure:
    return Failure(cause.code, cause.message, retryable=cause.retryable)


def _cancelled() -> Outcome:
    return ended_before(OutcomeKind.CANCELLED, "cancelled", "the call was cancelled")


def _begin(call: Call, tier: Tier) -> Begin:
    return Begin(
        digest=call.digest,
        tier=tier,
        module_name=call.module_name,
        function=call.function,
        input=call.input,
        limits=call.limits,
        output_mode=call.output_mode,
        env=call.env,
        directories=call.directories,
        by=call.by,
        tape=call.tape,
        tape_bytes=call.tape_bytes,
    )


def _told(answer: Answer) -> bytes:
    return msgspec.msgpack.encode(Told(*answer))
