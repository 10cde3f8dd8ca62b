"""What is kept of a recording, and that keeping one holds up nothing else."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time

import msgspec
import pytest

from hengio.blobs.store import open_blobs
from hengio.clock import SystemClock
from hengio.model.tape import Origin, Tape
from hengio.redaction.redact import Sensitive
from hengio.sandbox.tapes.keep import kept
from hengio.steps.tapes import Tapes
from tests.unit.test_tape_files import TAPE

SECRET = Sensitive("db", "hunter2hunter2")
MIB = 1 << 20


def returning(output: bytes) -> Tape:
    return msgspec.structs.replace(TAPE, end=msgspec.structs.replace(TAPE.end, output=output))


def test_an_output_that_is_not_kept_is_not_cleaned() -> None:
    """It is told by its size: a digest of what has a secret in it could be turned back."""
    end = kept(returning(b"hunter2hunter2 " * MIB), [SECRET], most_bytes=4 * MIB)
    assert (end.end.output, end.end.output_size, end.end.output_sha256) == (None, 15 * MIB, "")
    assert "output" not in {one.place for one in end.redacted}


def test_an_output_that_is_not_kept_has_a_digest_where_nothing_is_sensitive() -> None:
    end = kept(returning(b"abc"), [], most_bytes=2).end
    assert (end.output, end.output_size, end.output_sha256) == (None, 3, hashlib.sha256(b"abc").hexdigest())


def test_an_output_that_just_fits_is_cleaned() -> None:
    end = kept(returning(b"a hunter2hunter2"), [SECRET], most_bytes=16).end
    assert end.output == b"a **************"
    assert end.output_sha256 == hashlib.sha256(end.output).hexdigest()


async def test_tapes_that_take_long_hold_up_neither_the_pool_of_asyncio_nor_each_other_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tapes = Tapes(open_blobs("memory://", area="tapes"), SystemClock(), mode="always", most_bytes=4 * MIB, days=1.0)
    going_on, cleaned = threading.Event(), []

    def slow(tape: Tape, *_: object, **__: object) -> Tape:
        cleaned.append(tape)
        going_on.wait(30)
        return tape

    monkeypatch.setattr("hengio.steps.tapes.kept", slow)

    def origin(visit: int) -> Origin:
        return Origin(execution_id="e", job_id="j", step_id="s", visit=visit, attempt=1)

    said = await asyncio.gather(*[tapes.keep(TAPE, origin(visit), [SECRET], seconds=0.2) for visit in range(70)])
    assert sum("within 0.2 s" in one["tape_missing"] for one in said) == 64
    assert sum("other tapes" in one["tape_missing"] for one in said) == 6
    began = time.monotonic()
    await asyncio.to_thread(lambda: None)
    assert time.monotonic() - began < 5
    going_on.set()
    assert "tape" in await tapes.keep(TAPE, origin(100), [SECRET])
    assert len(cleaned) == 2, "what nobody waits for any more is not begun"
