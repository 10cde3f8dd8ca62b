"""A call as the guest's process and this one talk it through."""

from __future__ import annotations

import asyncio
from time import monotonic

import msgspec

from hengio.errors import Refused
from hengio.model.outcome import Failure, LogLine, Outcome, OutcomeKind
from hengio.sandbox.host.answer import Answer
from hengio.sandbox.processes.code import Entry
from hengio.sandbox.processes.wire import Begin, Broken, Frame, Question, Refusal, Stopped, Told, Word, Write
from hengio.sandbox.processes.worker import Worker
from hengio.sandbox.protocol import Call
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.config import Tier
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.perform import ended_before

GRACE_SECONDS = 1.0
"""How long after its deadline a guest's process may go on, before it is killed."""
_MOST_LOADS = 6
"""Files that one call may ask for: the module and its code, once more for its second run."""


class _TooMuch(Exception):
    """The guest's process does what no guest can make it do."""


class Conversation:
    """One call. `guest` stands for it on this side: it has what the guest may reach, its deadline and its cancel."""

    def __init__(self, call: Call, entry: Entry, source: CodeSource, loop: asyncio.AbstractEventLoop) -> None:
        self.guest = Guest(call, loop)
        self._call, self._entry, self._source = call, entry, source
        self._worker: Worker | None = None
        self._loads = self._lines = 0

    def cancel(self) -> None:
        """End the call, from any thread; its process is not used again."""
        self.guest.cancel()
        worker = self._worker
        if worker is not None:
            worker.stop()

    def hold(self, worker: Worker) -> tuple[Outcome, bool]:
        """The outcome, and whether the process may take another call."""
        guest = self.guest
        self._worker = worker
        try:
            if guest.cancelled:
                return _cancelled(), True
            worker.channel.send(Word.BEGIN, msgspec.msgpack.encode(_begin(self._call, self._entry.tier)))
            self._start()
            while True:
                frame = worker.channel.receive(guest.deadline + GRACE_SECONDS)
                if frame.word == Word.DONE:
                    return self._judged(frame.payload), True
                if frame.word == Word.REFUSED:
                    refusal = msgspec.msgpack.decode(frame.payload, type=Refusal)
                    return ended_before(OutcomeKind.MODULE_REFUSED, refusal.code, refusal.message), True
                self._answer(worker, frame)
        except (Broken, _TooMuch, msgspec.DecodeError, ValueError) as error:
            return self._lost(worker, error), False
        finally:
            self._worker = None

    def _start(self) -> None:
        guest = self.guest
        guest.started = monotonic()
        guest.deadline = guest.latest(guest.started)

    def _answer(self, worker: Worker, frame: Frame) -> None:
        send = worker.channel.send
        match frame.word:
            case Word.LOG:
                self._heard(frame.payload)
            case Word.GET:
                send(Word.GET, _told(self._get(frame.payload)))
            case Word.SET:
                send(Word.SET, _told(self._set(msgspec.msgpack.decode(frame.payload, type=Write))))
            case Word.ASK:
                send(*self._outside(msgspec.msgpack.decode(frame.payload, type=Question)))
            case Word.BINARY:
                self._load()
                send(Word.BINARY, b"", self._entry.binary)
            case Word.CODE:
                self._load()
                self._send_code(worker, msgspec.convert(frame.payload.decode(), Tier))
            case _:
                raise _TooMuch(frame.payload.decode(errors="replace"))

    def _load(self) -> None:
        """Loading is no part of the call: its time begins again."""
        self._loads += 1
        if self._loads > _MOST_LOADS:
            raise _TooMuch("too many loads")
        self._start()

    def _send_code(self, worker: Worker, tier: Tier) -> None:
        try:
            worker.channel.send(Word.CODE, b"", self._entry.code(tier, self._source))
        except Refused as error:
            worker.channel.send(Word.REFUSED, msgspec.msgpack.encode(Refusal(error.code, str(error))))
        self._start()

    def _asked(self) -> None:
        """Counts a question: a guest's process asks no more than its guest may."""
        self.guest.host_calls += 1
        if self.guest.host_calls > self._call.limits.host_calls:
            raise _TooMuch("more host calls than allowed")

    def _get(self, path: bytes) -> Answer:
        self._asked()
        calls = self.guest.context_calls
        return calls.admits(len(path)) or calls.get(path)

    def _set(self, write: Write) -> Answer:
        self._asked()
        calls = self.guest.context_calls
        return calls.admits(len(write.key), len(write.value)) or calls.set(write.key, write.value)

    def _outside(self, question: Question) -> tuple[Word, bytes]:
        self._asked()
        try:
            answer = self.guest.ask(question.function, question.request, question.data)
        except Stop as stop:
            return Word.STOP, msgspec.msgpack.encode(Stopped(stop.kind, stop.code, stop.message))
        return Word.ASK, msgspec.msgpack.encode(Told(answer.status, answer.reply, answer.wrote, answer.denied))

    def _heard(self, payload: bytes) -> None:
        self._lines += 1
        if self._lines > self._call.limits.log_lines:
            raise _TooMuch("more lines than allowed")
        if self._call.on_log is not None:
            self._call.on_log(msgspec.json.decode(payload, type=LogLine))

    def _judged(self, payload: bytes) -> Outcome:
        """What the process measured, with what happened on this side."""
        guest, told = self.guest, msgspec.json.decode(payload, type=Outcome)
        return msgspec.structs.replace(
            told,
            io_calls=guest.io_calls,
            wrote=guest.wrote,
            denials=tuple(guest.denials),
            context_writes=guest.writes,
            logs=told.logs[: self._call.limits.log_lines],
        )

    def _lost(self, worker: Worker, error: Exception) -> Outcome:
        """The outcome of a call whose process gave none."""
        guest = self.guest
        if guest.cancelled:
            return _cancelled()
        late = monotonic() >= guest.deadline + GRACE_SECONDS
        worker.stop()
        if late:
            seconds = self._call.limits.timeout_seconds
            kind, failure = OutcomeKind.TIMED_OUT, Failure("timed_out", f"the call took longer than {seconds:g} s")
        else:
            why = f"{worker.ended()} ({error})" if isinstance(error, Broken) else str(error)
            kind, failure = OutcomeKind.TRAPPED, Failure("process_lost", f"the guest's process was lost: {why}")
        return Outcome(
            kind=kind,
            failure=failure,
            fuel_exact=False,
            duration_ms=(monotonic() - guest.started) * 1_000,
            io_calls=guest.io_calls,
            wrote=guest.wrote,
            denials=tuple(guest.denials),
        )


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
        listens=call.on_log is not None,
    )


def _told(answer: Answer) -> bytes:
    return msgspec.msgpack.encode(Told(*answer))
