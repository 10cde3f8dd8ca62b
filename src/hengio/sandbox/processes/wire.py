"""What passes between a process and its guests' processes: a word of one byte, a length, bytes, and now and then files.

The two sides take turns, and the guest's side begins each turn but the first. Nothing is ever unpickled: every payload
is bytes, or of a type that is checked as it is read. What comes from a guest's process is as hostile as the guest.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct
from collections.abc import Mapping
from enum import IntEnum
from time import monotonic
from typing import Literal, NamedTuple

from msgspec import Struct

from hengio.errors import HengioError
from hengio.model.grant import Grant
from hengio.model.module import Limits, ModuleKind
from hengio.model.outcome import Frame, OutcomeKind
from hengio.model.tape import TapeEvent, TapeMode
from hengio.sandbox.protocol import Directory, OutsideFunction, Status
from hengio.sandbox.wasmtime.config import CompilerName, Tier

_HEAD = struct.Struct("<BIQ")
"""The word, the length, and the number of the call that the frame belongs to."""
_FILE_BYTES = 4
_CHUNK = 1 << 20
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


class Word(IntEnum):
    """What a frame is."""

    READY = 1
    """From the guest's process: it lives. JSON list: its protections."""
    BEGIN = 2
    """To it: a call (`Begin`)."""
    BINARY = 3
    """From it: it needs the module; back comes a file."""
    CODE = 4
    """From it: it needs the module compiled for a tier (text); back comes a file, or `REFUSED`."""
    REFUSED = 5
    """Either way: the module is refused (`Refusal`)."""
    LOG = 6
    """From it: a line of the log (`Line`); no answer."""
    GET = 7
    """From it: a path of the context; back comes `Told`."""
    SET = 8
    """From it: a key of the context and a value (`Write`); back comes `Told`."""
    ASK = 9
    """From it: a request to the world outside (`Question`); back comes `Told`, or `STOP`."""
    STOP = 10
    """To it: the guest has to end (`Stopped`)."""
    DONE = 11
    """From it: the guest has ended (`Ended`)."""
    FAULT = 12
    """From it: it failed for a reason of its own (text)."""


class Begin(Struct, frozen=True, kw_only=True):
    """A call, without what only the other side has: context and outside are asked for. The monotonic clock is the same
    for both sides."""

    digest: str
    tier: Tier
    module_name: str
    function: str
    input: bytes
    limits: Limits
    output_mode: Literal["auto", "data"]
    env: Mapping[str, str]
    directories: tuple[Directory, ...]
    by: float | None
    tape: TapeMode
    tape_bytes: int


class Cause(Struct, frozen=True):
    """Why a guest was stopped (`Stop`); `details` as JSON."""

    kind: OutcomeKind
    code: str
    message: str
    details: bytes = b"null"
    retryable: bool | None = None
    backtrace: tuple[Frame, ...] = ()
    at_call: bool = True


class Ended(Struct, frozen=True, kw_only=True):
    """What a guest's process measured (`Ran`). What it returned is read on the other side, where its log, its context
    and what it reached outside are, too."""

    data: bytes
    stop: Cause | None
    unsaved: Cause | None
    fuel_left: int
    peak_bytes: int
    kind: ModuleKind
    compiler: CompilerName
    duration_ms: float
    host_calls: int
    dropped: int
    events: tuple[TapeEvent, ...] | None
    missing: int


class Line(Struct, frozen=True):
    """A line of the log, as the guest wrote it."""

    level: str
    text: bytes


class Refusal(Struct, frozen=True):
    """Why a module is refused."""

    code: str
    message: str


class Write(Struct, frozen=True):
    """A key of the context and its new value, as JSON."""

    key: bytes
    value: bytes


class Question(Struct, frozen=True):
    """A request to the world outside."""

    function: OutsideFunction
    request: bytes
    data: bytes = b""


class Told(Struct, frozen=True):
    """An answer to a guest, with what a tape says of it."""

    status: Status
    reply: bytes
    wrote: bool = False
    denied: Grant | None = None


class Stopped(Struct, frozen=True):
    """Why a guest has to end."""

    kind: OutcomeKind
    code: str
    message: str


class Received(NamedTuple):
    """`files` belong to whoever receives them."""

    word: int
    payload: bytes
    files: tuple[int, ...]
    number: int


class Broken(HengioError):
    """The other side is gone, silent for too long, or says what it may not."""

    code = "broken"


class Channel:
    """One end of a connection. Used by one thread at a time.

    Every frame has the number of its call: one that a call left behind is never taken for the next one's.
    """

    def __init__(self, connection: socket.socket, *, most_bytes: int, takes_files: bool) -> None:
        """`most_bytes` is the longest payload that is taken from the other side."""
        self._connection = connection
        self._takes_files = takes_files
        self.most_bytes = most_bytes
        self.number = 0

    def send(self, word: Word, payload: bytes = b"", *files: int, until: float | None = None) -> None:
        """Raises `Broken` if the other side is gone, or has not taken it by then (monotonic)."""
        self._wait(until)
        head = _HEAD.pack(word, len(payload), self.number)
        try:
            if files or len(payload) > _CHUNK:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
                self._connection.sendmsg([head], rights)
                self._connection.sendall(payload)
            else:
                self._connection.sendall(head + payload)
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self, until: float | None = None) -> Received:
        """The next frame of this call. Raises `Broken` at the end of the connection, when it is late (`until`,
        monotonic), or when it belongs to another call."""
        received = self.any(until)
        if received.number != self.number:
            raise Broken("a frame of another call")
        return received

    def any(self, until: float | None = None) -> Received:
        """The next frame of whatever call."""
        data, files = self._some(_HEAD.size, until)
        data += self._rest(_HEAD.size - len(data), until)
        word, length, number = _HEAD.unpack(data)
        if length > self.most_bytes:
            raise Broken(f"a frame of {length} bytes")
        return Received(word, self._rest(length, until), files, number)

    def _some(self, size: int, until: float | None) -> tuple[bytes, tuple[int, ...]]:
        """The beginning of a frame, with the files that came along; where none are taken the system closes them."""
        self._wait(until)
        rights: list[tuple[int, int, bytes]] = []
        try:
            if self._takes_files:
                data, rights, _, _ = self._connection.recvmsg(size, socket.CMSG_SPACE(_FILE_BYTES))
            else:
                data = self._connection.recv(size)
        except OSError as error:
            raise Broken(str(error)) from error
        files = array.array("i")
        for level, kind, content in rights:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                files.frombytes(content[: len(content) - len(content) % files.itemsize])
        if not data:
            raise Broken("the connection has ended")
        return data, tuple(files)

    def _rest(self, size: int, until: float | None) -> bytes:
        parts = bytearray(size)
        view, at = memoryview(parts), 0
        while at < size:
            self._wait(until)
            try:
                count = self._connection.recv_into(view[at:])
            except OSError as error:
                raise Broken(str(error)) from error
            if not count:
                raise Broken("the connection has ended")
            at += count
        return bytes(parts)

    def _wait(self, until: float | None) -> None:
        self._connection.settimeout(None if until is None else max(until - monotonic(), 0.0001))

    def close(self) -> None:
        self._connection.close()


def file_of(data: bytes, name: str) -> int:
    """A sealed file in memory: whoever has it can not change it."""
    file = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(file, view) :]
        fcntl.fcntl(file, fcntl.F_ADD_SEALS, _SEALS)
    except BaseException:
        os.close(file)
        raise
    return file


def content_of(file: int) -> bytes:
    """All of a file, which is closed."""
    with os.fdopen(file, "rb") as stream:
        stream.seek(0)
        return stream.read()
