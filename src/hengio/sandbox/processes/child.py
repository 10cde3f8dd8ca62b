"""A guest's process: performs one call after another, and asks the other side for everything that is not in it."""

from __future__ import annotations

import socket
import sys
import threading
from typing import Any, NoReturn

import msgspec

from hengio import codec
from hengio.clock import SystemClock
from hengio.errors import HengioError, Refused
from hengio.model.outcome import Failure, Outcome, OutcomeKind
from hengio.sandbox.binary import is_component
from hengio.sandbox.host.log import Logs
from hengio.sandbox.processes import jail
from hengio.sandbox.processes.wire import (
    Begin,
    Broken,
    Cause,
    Channel,
    Ended,
    Line,
    Question,
    Received,
    Refusal,
    Stopped,
    Told,
    Word,
    Write,
    content_of,
)
from hengio.sandbox.protocol import Answered, Call, OutsideFunction, Status
from hengio.sandbox.wasmtime import memory
from hengio.sandbox.wasmtime.around import misfit
from hengio.sandbox.wasmtime.attempt import Attempt, Runnable
from hengio.sandbox.wasmtime.cache import Cache
from hengio.sandbox.wasmtime.compile import Compiler
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.component.compile import ComponentCompiler
from hengio.sandbox.wasmtime.config import COMPONENT, Tier
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES, GuestEngine
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.inspect import Ceilings
from hengio.sandbox.wasmtime.perform import Ran, run
from hengio.sandbox.wasmtime.tally import Tally
from hengio.sandbox.wasmtime.witness import Witness

_SLOTS = 2
"""Instances at a time: one runs, and one may be on its way out."""
_CACHED_BYTES, _CACHED_MODULES = 256 << 20, 64
_MOST_BYTES = 1 << 30
"""The longest frame that is taken: the other side is trusted."""


class _Context:
    """The execution's context, which the other side has."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def get(self, path: str) -> tuple[bool, Any]:
        told = _told(self._channel, Word.GET, path.encode())
        return (True, codec.Raw(told.reply)) if told.status is Status.OK else (False, None)

    def set(self, key: str, value: Any) -> str | None:
        told = _told(self._channel, Word.SET, msgspec.msgpack.encode(Write(key.encode(), codec.encode(value))))
        return None if told.status is Status.OK else str(codec.decode(told.reply)["message"])


class _Logs(Logs):
    """A log whose lines are kept on the other side, too."""

    __slots__ = ("_channel",)

    def __init__(self, call: Call, channel: Channel) -> None:
        super().__init__(call.limits, None)
        self._channel = channel

    def add(self, level: str, text: bytes) -> None:
        if self.fits(len(text)):
            self._channel.send(Word.LOG, msgspec.msgpack.encode(Line(level, text)))
        super().add(level, text)


class _Guest(Guest):
    """A guest whose requests to the world outside go through the other side."""

    __slots__ = ("_channel",)

    def __init__(self, call: Call, channel: Channel) -> None:
        super().__init__(call)
        self._channel = channel
        self._logs = _Logs(call, channel)

    def ask(self, function: OutsideFunction, request: bytes, data: bytes = b"") -> Answered:
        self.io_calls += 1
        question = msgspec.msgpack.encode(Question(function, request, data))
        told = _told(self._channel, Word.ASK, question)
        self.check()
        answer = Answered(status=told.status, reply=told.reply, wrote=told.wrote, denied=told.denied)
        self.note(answer)
        return answer


class _Workshop:
    """Where compiled code comes from: this process has no compiler of its own."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def compile(self, _binary: bytes, tier: Tier) -> bytes:
        self._channel.send(Word.CODE, tier.encode())
        return _file(self._channel.receive())


class _Process:
    """All that lives from one call to the next."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._code = CodeSource(_Workshop(channel), Tally())
        self._clock, self._ceilings = SystemClock(), Ceilings()
        self._compilers: dict[Tier, Compiler | ComponentCompiler] = {}
        self._caches: dict[Tier, Cache] = {}
        self._witness = Witness(self._code, clock=self._clock, ceilings=self._ceilings)

    def serve(self) -> None:
        """Until the other side is gone."""
        while True:
            received = self._channel.any()
            self._channel.number = received.number
            begin = msgspec.msgpack.decode(received.payload, type=Begin)
            try:
                ended = self._perform(begin)
            except HengioError as error:
                self._channel.send(Word.REFUSED, msgspec.msgpack.encode(Refusal(error.code, str(error))))
            else:
                self._channel.send(Word.DONE, msgspec.msgpack.encode(ended))

    def _perform(self, begin: Begin) -> Ended:
        compiled = self._compiled(begin)
        call = Call(
            digest=begin.digest,
            module_name=begin.module_name,
            function=begin.function,
            input=begin.input,
            limits=begin.limits,
            context=_Context(self._channel),
            output_mode=begin.output_mode,
            env=begin.env,
            directories=begin.directories,
            by=begin.by,
            tape=begin.tape,
            tape_bytes=begin.tape_bytes,
        )
        misfitting = misfit(compiled, call)
        if misfitting is not None:
            return _ended_before(call, misfitting)
        return _ended(run(compiled, _Guest(call, self._channel), witness=self._witness))

    def _compiled(self, begin: Begin) -> Runnable:
        cache = self._caches.setdefault(begin.tier, Cache(max_bytes=_CACHED_BYTES, max_count=_CACHED_MODULES))
        compiled = cache.get(begin.digest)
        if compiled is None:
            self._channel.send(Word.BINARY)
            binary = _file(self._channel.receive())
            compiled = self._compiler(begin.tier, binary).compile(binary, begin.digest)
            cache.put(compiled)
        return compiled

    def _compiler(self, tier: Tier, binary: bytes) -> Compiler | ComponentCompiler:
        if (tier in COMPONENT) != is_component(binary):
            raise Refused("the module is not of the kind that it was taken for")
        if tier not in self._compilers:
            self._compilers[tier] = self._made(tier)
        return self._compilers[tier]

    def _made(self, tier: Tier) -> Compiler | ComponentCompiler:
        if tier in COMPONENT:
            engine = memory.engine(tier)
            return ComponentCompiler(engine, self._code, clock=self._clock, ceilings=self._ceilings)
        engine = GuestEngine.pooled(tier, slots=_SLOTS)
        return Compiler(engine, self._code, clock=self._clock, ceilings=self._ceilings)


def _ended(ran: Ran) -> Ended:
    made = ran.made
    return Ended(
        data=made.data,
        stop=None if made.stop is None else _cause(made.stop),
        unsaved=None if ran.unsaved is None else _reason(*ran.unsaved),
        fuel_left=made.fuel_left,
        peak_bytes=made.peak_bytes,
        kind=ran.kind,
        compiler=ran.compiler,
        duration_ms=ran.duration_ms,
        host_calls=ran.host_calls,
        dropped=ran.dropped,
        events=ran.events,
        missing=ran.missing,
    )


def _ended_before(call: Call, outcome: Outcome) -> Ended:
    """A call that does not fit its module."""
    assert outcome.failure is not None
    stop = _reason(outcome.kind, outcome.failure)
    made = Attempt(b"", None, call.limits.fuel, 0)
    return msgspec.structs.replace(_ended(Ran(made, "reactor", "cranelift", 0.0, 0)), stop=stop)


def _cause(stop: Stop) -> Cause:
    details = codec.encode(stop.details)
    return Cause(stop.kind, stop.code, stop.message, details, stop.retryable, stop.backtrace, stop.at_call)


def _reason(kind: OutcomeKind, failure: Failure) -> Cause:
    return Cause(kind, failure.code, failure.message, retryable=failure.retryable)


def _told(channel: Channel, word: Word, payload: bytes) -> Told:
    """The answer to a question. Raises `Stop` if there is none, because the call has to end."""
    channel.send(word, payload)
    frame = channel.receive()
    if frame.word == Word.STOP:
        stopped = msgspec.msgpack.decode(frame.payload, type=Stopped)
        raise Stop(stopped.kind, stopped.code, stopped.message)
    return msgspec.msgpack.decode(frame.payload, type=Told)


def _file(frame: Received) -> bytes:
    if frame.word == Word.REFUSED:
        refusal = msgspec.msgpack.decode(frame.payload, type=Refusal)
        error = Refused(refusal.message)
        error.code = refusal.code
        raise error
    return content_of(frame.files[0])


def main(memory_bytes: int) -> NoReturn:
    """Serve on standard input, which is a socket, on a thread with the stack that guests need."""
    channel = Channel(socket.socket(fileno=0), most_bytes=_MOST_BYTES, takes_files=True)
    process = _Process(channel)
    protections = jail.enter(memory_bytes)

    def serve() -> None:
        try:
            channel.send(Word.READY, codec.encode(protections))
            process.serve()
        except Broken:
            return
        except BaseException as error:  # noqa: BLE001 - it is the other side's to report
            channel.send(Word.FAULT, repr(error).encode(errors="replace"))

    threading.stack_size(THREAD_STACK_BYTES)
    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    thread.join()
    sys.exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
