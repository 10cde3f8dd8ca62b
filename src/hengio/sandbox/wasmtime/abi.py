"""The functions offered to guests: `hengio_v1`, and what AssemblyScript imports from `env` (ABI: Reactor)."""

from __future__ import annotations

import struct

from hengio.model.outcome import OutcomeKind
from hengio.sandbox.host.answer import Answer, refusal
from hengio.sandbox.host.log import LEVELS
from hengio.sandbox.protocol import OutsideFunction, Status
from hengio.sandbox.wasmtime.callback import Definitions, HostFunction
from hengio.sandbox.wasmtime.guest import Guest, Stop

MODULE = "hengio_v1"
IO = frozenset({"http_request", "db_query", "file_read", "file_write"})
"""Functions with an effect or a source outside the execution."""
NOTHING_WAITS = 0xFFFF_FFFF
"""−1 of `take_result`."""
REQUEST_LIMIT = 16 << 20
"""Bytes of a request, or of a file that is written, at most."""
_TEXT_LIMIT = 64 << 10
"""Bytes of an AssemblyScript text that are read at most."""


def log(guest: Guest, level: int, pointer: int, length: int) -> None:
    """`hengio_v1.log`. A line that no limit admits is counted but not copied."""
    guest.host_calls += 1
    guest.reply = None
    logs = guest.logs
    if guest.host_calls <= guest.call.limits.host_calls and logs.fits(length):
        logs.add(LEVELS[level] if level < len(LEVELS) else "info", guest.read(pointer, length))
    else:
        guest.require(pointer, length)
        logs.dropped += 1


def get_context(guest: Guest, pointer: int, length: int) -> int:
    """`hengio_v1.get_context`."""
    calls = guest.context_calls
    denied = too_many(guest) or calls.admits(length)
    if denied is None:
        return _answer(guest, guest.world.get_context(guest.read(pointer, length)))
    guest.require(pointer, length)
    return _answer(guest, denied)


def set_context(guest: Guest, key: int, key_length: int, value: int, value_length: int) -> int:
    """`hengio_v1.set_context`."""
    calls = guest.context_calls
    denied = too_many(guest) or calls.admits(key_length, value_length)
    if denied is None:
        return _answer(guest, guest.world.set_context(guest.read(key, key_length), guest.read(value, value_length)))
    guest.require(key, key_length)
    guest.require(value, value_length)
    return _answer(guest, denied)


def http_request(guest: Guest, pointer: int, length: int) -> int:
    """`hengio_v1.http_request`."""
    return _ask(guest, "http_request", (pointer, length))


def db_query(guest: Guest, pointer: int, length: int) -> int:
    """`hengio_v1.db_query`."""
    return _ask(guest, "db_query", (pointer, length))


def file_read(guest: Guest, path: int, path_length: int) -> int:
    """`hengio_v1.file_read`."""
    return _ask(guest, "file_read", (path, path_length))


def file_write(guest: Guest, path: int, path_length: int, data: int, data_length: int) -> int:
    """`hengio_v1.file_write`."""
    return _ask(guest, "file_write", (path, path_length), (data, data_length))


def _ask(guest: Guest, function: OutsideFunction, *spans: tuple[int, int]) -> int:
    """A request to the world outside. What is too large is not copied."""
    denied = too_many(guest)
    if denied is None and sum(length for _, length in spans) > REQUEST_LIMIT:
        denied = refusal(Status.LIMIT_EXCEEDED, f"a request has at most {REQUEST_LIMIT} bytes")
    if denied is not None:
        for pointer, length in spans:
            guest.require(pointer, length)
        return _answer(guest, denied)
    answer = guest.world.ask(function, *[guest.read(pointer, length) for pointer, length in spans])
    return _answer(guest, (answer.status, answer.reply))


def take_result(guest: Guest, pointer: int, capacity: int) -> int:
    """`hengio_v1.take_result`: the waiting reply, kept if it does not fit."""
    guest.require(pointer, capacity)
    reply = guest.reply
    if reply is None or len(reply) > capacity:
        return NOTHING_WAITS
    guest.write(pointer, reply)
    guest.reply = None
    return len(reply)


def too_many(guest: Guest) -> Answer | None:
    """Counts a host call; past the limit, the refusal."""
    guest.host_calls += 1
    limit = guest.call.limits.host_calls
    return None if guest.host_calls <= limit else refusal(Status.LIMIT_EXCEEDED, f"more than {limit} host calls")


def _answer(guest: Guest, answer: Answer) -> int:
    """Keep the reply for `take_result`; the guest gets `(status << 32) | length`."""
    status, guest.reply = answer
    return status << 32 | len(guest.reply)


def abort(guest: Guest, message: int, file: int, line: int, column: int) -> None:
    """AssemblyScript's `abort`: ends the call with the message and where it was raised."""
    text, name = _utf16(guest, message) or "abort", _utf16(guest, file) or "?"
    raise Stop(OutcomeKind.TRAPPED, "abort", f"{text} in {name}({line}:{column})")


def trace(guest: Guest, message: int, count: int, *numbers: int) -> None:
    """AssemblyScript's `trace`: a text and up to five numbers, logged at level debug."""
    values = [struct.unpack("<d", struct.pack("<Q", bits))[0] for bits in numbers[: min(count, 5)]]
    text = " ".join([_utf16(guest, message), *(f"{value:g}" for value in values)])
    guest.logs.add("debug", text.encode())


def console_log(guest: Guest, message: int) -> None:
    """AssemblyScript's `console.log`."""
    guest.logs.add("info", _utf16(guest, message).encode())


def seed(guest: Guest) -> int:
    """AssemblyScript's `seed`: the bits of a float that seeds its random numbers."""
    number = int.from_bytes(guest.world.random(6), "little")
    return int.from_bytes(struct.pack("<d", float(number)), "little")


def _utf16(guest: Guest, pointer: int) -> str:
    """An AssemblyScript string: UTF-16, its length in bytes in the word before it; null is empty."""
    if pointer == 0:
        return ""
    if pointer < 4:
        raise Stop(OutcomeKind.TRAPPED, "bad_pointer", f"a string at {pointer} has no room for its length")
    length = int.from_bytes(guest.read(pointer - 4, 4), "little")
    guest.require(pointer, length)
    return guest.read(pointer, min(length, _TEXT_LIMIT)).decode("utf-16-le", errors="replace")


FUNCTIONS: dict[tuple[str, str], tuple[str, HostFunction]] = {
    (MODULE, "log"): ("(i32, i32, i32) -> ()", log),
    (MODULE, "get_context"): ("(i32, i32) -> i64", get_context),
    (MODULE, "set_context"): ("(i32, i32, i32, i32) -> i64", set_context),
    (MODULE, "http_request"): ("(i32, i32) -> i64", http_request),
    (MODULE, "db_query"): ("(i32, i32) -> i64", db_query),
    (MODULE, "file_read"): ("(i32, i32) -> i64", file_read),
    (MODULE, "file_write"): ("(i32, i32, i32, i32) -> i64", file_write),
    (MODULE, "take_result"): ("(i32, i32) -> i32", take_result),
    ("env", "abort"): ("(i32, i32, i32, i32) -> ()", abort),
    ("env", "trace"): ("(i32, i32, f64, f64, f64, f64, f64) -> ()", trace),
    ("env", "console.log"): ("(i32) -> ()", console_log),
    ("env", "seed"): ("() -> f64", seed),
}
TYPES = {name: type_ for name, (type_, _) in FUNCTIONS.items()}


def define(definitions: Definitions) -> None:
    """Offer all of them to a linker."""
    for (module, name), (type_, function) in FUNCTIONS.items():
        definitions.add(module, name, type_=type_, function=function)
