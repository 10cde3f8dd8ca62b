"""What comes from a guest's process is as hostile as the guest: nothing that it says does more than end its call."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.processes.code import Entry
from hengio.sandbox.processes.conversation import Conversation, Held
from hengio.sandbox.processes.wire import Channel, Ended, Line, Refusal, Word
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.compiling.workshop import Workshop
from hengio.sandbox.wasmtime.tally import Tally
from tests.support.guests import ECHO, entry, make_call, reactor


class Liar:
    """A worker whose other end says what it likes, once it was told its call."""

    def __init__(self, said: list[tuple[int, bytes]] | bytes) -> None:
        ours, self._theirs = socket.socketpair()
        self.channel = Channel(ours, most_bytes=1 << 20, takes_files=False)
        self._said = said
        self._thread = threading.Thread(target=self._lie)
        self._thread.start()

    def _lie(self) -> None:
        _, length, number = HEAD.unpack(self._theirs.recv(HEAD.size, socket.MSG_WAITALL))
        self._theirs.recv(length, socket.MSG_WAITALL)
        said = self._said
        if isinstance(said, list):
            said = b"".join(HEAD.pack(word, len(data), number) + data for word, data in said)
        with suppress(OSError):
            self._theirs.sendall(said)
            self._theirs.shutdown(socket.SHUT_WR)
            while self._theirs.recv(1 << 16):
                pass

    def stop(self) -> None:
        """As a worker."""

    def ended(self) -> str:
        return "it said enough"

    def close(self) -> None:
        self.channel.close()
        self._thread.join()
        self._theirs.close()


HEAD = struct.Struct("<BIQ")


def held(said: list[tuple[int, bytes]] | bytes, **options: Any) -> tuple[Outcome, bool]:
    """What becomes of a call whose process says this; the outcome, and whether it would get another call."""
    call = make_call(reactor(entry(ECHO)), timeout_seconds=0.3, host_calls=3, **options)
    workshop, loop, liar = Workshop(), asyncio.new_event_loop(), Liar(said)
    conversation = Conversation(
        call, Entry(reactor(entry(ECHO)), call.digest, "baseline"), CodeSource(workshop, Tally()), loop
    )
    results: list[Held | None] = []
    thread = threading.Thread(target=lambda: results.append(conversation.hold(liar)))  # type: ignore[arg-type]
    thread.start()
    thread.join()
    liar.close()
    workshop.close()
    loop.close()
    assert results[0] is not None
    return results[0]


def ended(data: bytes = b"1", **changes: Any) -> tuple[int, bytes]:
    """A frame that ends a call well."""
    plain = Ended(
        data=data,
        stop=None,
        unsaved=None,
        fuel_left=7,
        peak_bytes=65_536,
        kind="reactor",
        compiler="winch",
        duration_ms=1.0,
        host_calls=0,
        dropped=0,
        events=None,
        missing=0,
    )
    return Word.DONE, msgspec.msgpack.encode(msgspec.structs.replace(plain, **changes))


@settings(max_examples=150, deadline=None)
@given(
    st.one_of(
        st.binary(max_size=200),
        st.lists(st.tuples(st.sampled_from([*Word, 0, 200]), st.binary(max_size=40)), max_size=12),
    )
)
def test_nothing_that_a_process_says_does_more_than_end_its_call(said: list[tuple[int, bytes]] | bytes) -> None:
    outcome, _ = held(said)
    assert outcome.kind in OutcomeKind
    assert outcome.io_calls <= 3


def test_an_end_is_believed_only_within_what_was_allowed() -> None:
    outcome, kept = held([ended(b'{"a":1}')])
    assert (outcome.kind, kept) == (OutcomeKind.SUCCEEDED, True)
    for lie in (ended(b"1" * 2_000), ended(fuel_left=10**12), ended(fuel_left=-1)):
        outcome, kept = held([lie], output_bytes=1_000)
        assert (outcome.kind, kept) == (OutcomeKind.TRAPPED, False)


def test_what_a_process_logs_is_held_to_the_limits_here() -> None:
    line = (Word.LOG, msgspec.msgpack.encode(Line("info", b"x" * 90)))
    outcome, kept = held([line, ended()], log_bytes=100)
    assert (outcome.kind, len(outcome.logs), kept) == (OutcomeKind.SUCCEEDED, 1, True)
    outcome, kept = held([line, line, ended()], log_bytes=100)
    assert (outcome.kind, len(outcome.logs), kept) == (OutcomeKind.TRAPPED, 1, False)


@pytest.mark.parametrize("code", ["digest_mismatch", "refused"])
def test_a_module_is_refused_before_it_begins_and_never_for_its_digest(code: str) -> None:
    refusal = (Word.REFUSED, msgspec.msgpack.encode(Refusal(code, "no")))
    logged = (Word.LOG, msgspec.msgpack.encode(Line("info", b"x")))
    assert held([refusal])[0].kind is (OutcomeKind.TRAPPED if code == "digest_mismatch" else OutcomeKind.MODULE_REFUSED)
    assert held([logged, refusal])[0].kind is OutcomeKind.TRAPPED


def test_a_frame_of_another_call_is_not_taken() -> None:
    stale = HEAD.pack(Word.DONE, len(ended()[1]), 12345) + ended()[1]
    outcome, kept = held(stale)
    assert (outcome.kind, kept) == (OutcomeKind.TRAPPED, False)


def test_files_that_come_along_are_closed() -> None:
    ours, theirs = socket.socketpair()
    channel = Channel(ours, most_bytes=100, takes_files=False)
    before = psutil.Process().num_fds()
    with Path(os.devnull).open() as file:
        socket.send_fds(theirs, [HEAD.pack(Word.READY, 0, 0)], [file.fileno()])
    channel.receive()
    assert psutil.Process().num_fds() == before
    channel.close()
    theirs.close()
