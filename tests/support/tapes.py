"""Recording calls and replaying them, in sandboxes of their own compiler."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from hengio.model.module import Limits
from hengio.model.outcome import Outcome
from hengio.model.tape import Tape
from hengio.redaction.redact import Sensitive
from hengio.sandbox.protocol import Outside
from hengio.sandbox.tapes import file, replay
from hengio.sandbox.tapes.keep import kept
from hengio.sandbox.tapes.replay import Replayed
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import digest, entry, fetching, make_call, reactor, text

CEILINGS = Limits(fuel=100_000_000_000, timeout_seconds=3600.0, memory_bytes=1 << 30)
MOST = 4 << 20


async def record(
    sandbox: WasmtimeSandbox,
    binary: bytes,
    data: bytes = b"{}",
    *,
    outside: Outside | None = None,
    values: Iterable[Sensitive] = (),
    tape_bytes: int = MOST,
    **options: Any,
) -> tuple[Outcome, Tape]:
    """A call and its tape, as it comes back from where it was stored."""
    call = msgspec.structs.replace(
        make_call(binary, data, **options), outside=outside, tape="always", tape_bytes=tape_bytes
    )
    outcome = await sandbox.call(call, fetching(binary))
    assert outcome.tape is not None, outcome
    return outcome, file.unpack(file.pack(kept(outcome.tape, values, most_bytes=MOST)))


async def play(sandbox: WasmtimeSandbox, tape: Tape, binary: bytes) -> Replayed:
    """The tape again, with this binary."""
    playing = replay.player(tape)
    call = replay.call(tape, playing, digest=digest(binary), ceilings=CEILINGS)
    return replay.compared(tape, playing, await sandbox.call(call, fetching(binary)))


_DATA, _REPLY = 1 << 19, 1 << 18
_ASK = {
    "http_request": 1,
    "db_query": 1,
    "file_read": 1,
    "get_context": 1,
    "file_write": 2,
    "set_context": 2,
}
"""Host functions that answer with a reply, and how many texts each takes."""


def asking(*asks: tuple[str, ...], then: str = "") -> bytes:
    """A reactor that asks all this, then does `then`, and returns the last reply.

    Each is a host function and its texts; `{reply}` as a text is the reply before.
    """
    code, segments, at = ["(local $size i32)"], [], _DATA
    for function, *texts in asks:
        spans = []
        for given in texts:
            if given == "{reply}":
                spans.append(f"(i32.const {_REPLY}) (local.get $size)")
                continue
            segments.append(text(at, given))
            spans.append(f"(i32.const {at}) (i32.const {len(given.encode())})")
            at += len(given.encode())
        code.append(f"(drop (call ${function} {' '.join(spans)}))")
        code.append(f"(local.set $size (call $take (i32.const {_REPLY}) (i32.const {_DATA - _REPLY})))")
    code.append(f"{then} (call $pack (i32.const {_REPLY}) (local.get $size))")
    imports = "".join(
        f'(import "hengio_v1" "{name}" (func ${name} (param {"i32 i32 " * count}) (result i64)))'
        for name, count in _ASK.items()
    )
    take = '(import "hengio_v1" "take_result" (func $take (param i32 i32) (result i32)))'
    return reactor("".join(segments) + entry(" ".join(code)), imports=imports + take, memory="16")
