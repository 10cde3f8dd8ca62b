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
from hengio.model.module import Limits
from hengio.model.outcome import OutcomeKind
from hengio.model.tape import TapeMode
from hengio.sandbox.protocol import Directory, OutsideFunction, Status
from hengio.sandbox.wasmtime.config import Tier

_HEAD = struct.Struct("<BI")
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
    """From it: a line of the log (JSON `LogLine`); no answer."""
    GET = 7
    """From it: a path of the context; back comes `Told`."""
    SET = 8
    """From it: a key of the context and a value (`Write`); back comes `Told`."""
    ASK = 9
    """From it: a request to the world outside (`Question`); back comes `Told`, or `STOP`."""
    STOP = 10
    """To it: the guest has to end (`Stopped`)."""
    DONE = 11
    """From it: the call has ended (JSON `Outcome`)."""
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
    listens: bool


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


class Frame(NamedTuple):
    """`files` belong to whoever receives them."""

    word: int
    payload: bytes
    files: tuple[int, ...]


class Broken(HengioError):
    """The other side is gone, silent for too long, or says what it may not."""

    code = "broken"


class Channel:
    """One end of a connection. Used by one thread at a time."""

    def __init__(self, connection: socket.socket, *, most_bytes: int) -> None:
        """`most_bytes` is the longest payload that is taken from the other side."""
        self._connection = connection
        self.most_bytes = most_bytes

    def send(self, word: Word, payload: bytes = b"", *files: int) -> None:
        head = _HEAD.pack(word, len(payload))
        try:
            if files or len(payload) > _CHUNK:
                rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
                self._connection.sendmsg([head], rights)
                self._connection.sendall(payload)
            else:
                self._connection.sendall(head + payload)
        except OSError as error:
            raise Broken(str(error)) from error

    def receive(self, until: float | None = None) -> Frame:
        """The next frame. Raises `Broken` at the end of the connection, or when it is late (`until`, monotonic)."""
        data, files = self._some(_HEAD.size, until)
        data += self._rest(_HEAD.size - len(data), until)
        word, length = _HEAD.unpack(data)
        if length > self.most_bytes:
            raise Broken(f"a frame of {length} bytes")
        return Frame(word, self._rest(length, until), files)

    def _some(self, size: int, until: float | None) -> tuple[bytes, tuple[int, ...]]:
        """The beginning of a frame, with the files that came along."""
        self._wait(until)
        try:
            data, rights, _, _ = self._connection.recvmsg(size, socket.CMSG_SPACE(_FILE_BYTES))
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
        if until is not None:
            self._connection.settimeout(max(until - monotonic(), 0.0001))

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
