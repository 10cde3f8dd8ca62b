"""WASI preview 2 for components, deny-all (R2.5): every function is ours, none is Wasmtime's.

What tells the time, sleeps, prints, draws random numbers or exits works within the call's limits, as in preview 1;
there is no directory, and whatever asks for a file or a socket is answered `access-denied`. A type that such a function
has no word for denial in ends the call instead.
"""

from __future__ import annotations

from wasmtime.component import EnumType, FuncType, ResultType

from hengio.clock import Clock
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.component.callback import HostFunction
from hengio.sandbox.wasmtime.component.clocks import READY, Clocks
from hengio.sandbox.wasmtime.component.reading import Result
from hengio.sandbox.wasmtime.component.resources import INPUT, NETWORK, OUTPUT, POLLABLE
from hengio.sandbox.wasmtime.component.values import (
    Bytes,
    Case,
    Err,
    List,
    Ok,
    Option,
    Own,
    Text,
    Tuple,
    Value,
    Variant,
    u64,
)
from hengio.sandbox.wasmtime.guest import Guest, Stop
from hengio.sandbox.wasmtime.streams import STDERR, STDIN, STDOUT
from hengio.sandbox.wasmtime.wasi import Exit

DENIALS = ("access-denied", "access", "not-permitted", "unsupported", "not-supported")
"""Cases of WASI's error codes that say no, the plainest first."""
_MOST_RANDOM = 1 << 20
_MOST_PRINTED = 64 << 10
"""Bytes that a stream takes at a time; more is a fault of the guest, which must ask first."""
_CLOSED = Err(Variant("closed"))
"""Of `stream-error`."""


def _nothing(_guest: Guest) -> Value:
    return Option()


def _ready(_guest: Guest, *_arguments: object) -> Value:
    return Own(READY, POLLABLE)


def _arguments(guest: Guest) -> Value:
    return List([Text(guest.call.module_name.encode()), Text(guest.call.function.encode())])


def _environment(guest: Guest) -> Value:
    return List([Tuple((Text(key.encode()), Text(value.encode()))) for key, value in guest.call.env.items()])


def _exit(_guest: Guest, status: Result) -> Value:
    raise Exit(0 if status.ok else 1)


def _exit_with_code(_guest: Guest, code: int) -> Value:
    raise Exit(code)


def _random_bytes(guest: Guest, length: int) -> Value:
    if length > _MOST_RANDOM:
        raise Stop(OutcomeKind.TRAPPED, "bad_argument", f"more than {_MOST_RANDOM} random bytes at a time")
    guest.check()
    return Bytes(guest.world.random(length))


def _random_word(guest: Guest) -> Value:
    return u64(int.from_bytes(guest.world.random(8), "little"))


def _seed(guest: Guest) -> Value:
    return Tuple((_random_word(guest), _random_word(guest)))


def _write(guest: Guest, stream: int, data: bytes) -> Value:
    """stdout and stderr are lines of the log."""
    if len(data) > _MOST_PRINTED:
        raise Stop(OutcomeKind.TRAPPED, "bad_argument", f"a stream takes {_MOST_PRINTED} bytes at a time")
    if guest.logs.full:
        guest.logs.dropped += 1
    else:
        guest.stream(stream).write(bytes(data))
    return Ok()


def _write_zeroes(guest: Guest, stream: int, length: int) -> Value:
    return _write(guest, stream, bytes(min(length, _MOST_PRINTED + 1)))


def _done(_guest: Guest, *_arguments: object) -> Value:
    return Ok()


def _closed(_guest: Guest, *_arguments: object) -> Value:
    return _CLOSED


def _room(_guest: Guest, _stream: int) -> Value:
    return Ok(u64(_MOST_PRINTED))


def _stream(fd: int, type_: int) -> HostFunction:
    return lambda _guest: Own(fd, type_)


def _network(_guest: Guest) -> Value:
    return Own(0, NETWORK)


def _no_directories(_guest: Guest) -> Value:
    return List([])


def dropped(guest: Guest, type_: int, number: int) -> None:
    """The guest has let a resource go."""
    if type_ == POLLABLE:
        guest.timers.remove(number)


_INPUT_STREAM, _OUTPUT_STREAM = "wasi:io/streams#[method]input-stream.", "wasi:io/streams#[method]output-stream."
_OURS: dict[str, HostFunction] = {
    "wasi:cli/environment#get-environment": _environment,
    "wasi:cli/environment#get-arguments": _arguments,
    "wasi:cli/environment#initial-cwd": _nothing,
    "wasi:cli/exit#exit": _exit,
    "wasi:cli/exit#exit-with-code": _exit_with_code,
    "wasi:cli/stdin#get-stdin": _stream(STDIN, INPUT),
    "wasi:cli/stdout#get-stdout": _stream(STDOUT, OUTPUT),
    "wasi:cli/stderr#get-stderr": _stream(STDERR, OUTPUT),
    "wasi:cli/terminal-stdin#get-terminal-stdin": _nothing,
    "wasi:cli/terminal-stdout#get-terminal-stdout": _nothing,
    "wasi:cli/terminal-stderr#get-terminal-stderr": _nothing,
    "wasi:random/random#get-random-bytes": _random_bytes,
    "wasi:random/random#get-random-u64": _random_word,
    "wasi:random/insecure#get-insecure-random-bytes": _random_bytes,
    "wasi:random/insecure#get-insecure-random-u64": _random_word,
    "wasi:random/insecure-seed#insecure-seed": _seed,
    **{f"{_INPUT_STREAM}{name}": _closed for name in ("read", "blocking-read", "skip", "blocking-skip")},
    f"{_INPUT_STREAM}subscribe": _ready,
    f"{_OUTPUT_STREAM}check-write": _room,
    f"{_OUTPUT_STREAM}write": _write,
    f"{_OUTPUT_STREAM}blocking-write-and-flush": _write,
    f"{_OUTPUT_STREAM}flush": _done,
    f"{_OUTPUT_STREAM}blocking-flush": _done,
    f"{_OUTPUT_STREAM}write-zeroes": _write_zeroes,
    f"{_OUTPUT_STREAM}blocking-write-zeroes-and-flush": _write_zeroes,
    **{f"{_OUTPUT_STREAM}{name}": _closed for name in ("splice", "blocking-splice")},
    f"{_OUTPUT_STREAM}subscribe": _ready,
    "wasi:filesystem/preopens#get-directories": _no_directories,
    "wasi:sockets/instance-network#instance-network": _network,
}
_PRINTED = "func(borrow, list<u8>) -> result<_, variant>"
_FLUSHED = "func(borrow) -> result<_, variant>"
_ZEROES = "func(borrow, u64) -> result<_, variant>"
_READ = "func(borrow, u64) -> result<list<u8>, variant>"
_SKIPPED = "func(borrow, u64) -> result<u64, variant>"
_SPLICED = "func(borrow, borrow, u64) -> result<u64, variant>"
_TERMINAL = "func() -> option<own>"
TYPES: dict[str, str] = {
    "wasi:cli/environment#get-environment": "func() -> list<tuple<string, string>>",
    "wasi:cli/environment#get-arguments": "func() -> list<string>",
    "wasi:cli/environment#initial-cwd": "func() -> option<string>",
    "wasi:cli/exit#exit": "func(result)",
    "wasi:cli/exit#exit-with-code": "func(u8)",
    **{f"wasi:cli/{name}#get-{name}": "func() -> own" for name in ("stdin", "stdout", "stderr")},
    **{f"wasi:cli/terminal-{name}#get-terminal-{name}": _TERMINAL for name in ("stdin", "stdout", "stderr")},
    "wasi:clocks/wall-clock#now": "func() -> record",
    "wasi:clocks/wall-clock#resolution": "func() -> record",
    "wasi:clocks/monotonic-clock#now": "func() -> u64",
    "wasi:clocks/monotonic-clock#resolution": "func() -> u64",
    "wasi:clocks/monotonic-clock#subscribe-instant": "func(u64) -> own",
    "wasi:clocks/monotonic-clock#subscribe-duration": "func(u64) -> own",
    "wasi:random/random#get-random-bytes": "func(u64) -> list<u8>",
    "wasi:random/random#get-random-u64": "func() -> u64",
    "wasi:random/insecure#get-insecure-random-bytes": "func(u64) -> list<u8>",
    "wasi:random/insecure#get-insecure-random-u64": "func() -> u64",
    "wasi:random/insecure-seed#insecure-seed": "func() -> tuple<u64, u64>",
    "wasi:io/poll#poll": "func(list<borrow>) -> list<u32>",
    "wasi:io/poll#[method]pollable.ready": "func(borrow) -> bool",
    "wasi:io/poll#[method]pollable.block": "func(borrow)",
    **{f"{_INPUT_STREAM}{name}": _READ for name in ("read", "blocking-read")},
    **{f"{_INPUT_STREAM}{name}": _SKIPPED for name in ("skip", "blocking-skip")},
    **{f"{stream}subscribe": "func(borrow) -> own" for stream in (_INPUT_STREAM, _OUTPUT_STREAM)},
    f"{_OUTPUT_STREAM}check-write": "func(borrow) -> result<u64, variant>",
    **{f"{_OUTPUT_STREAM}{name}": _PRINTED for name in ("write", "blocking-write-and-flush")},
    **{f"{_OUTPUT_STREAM}{name}": _FLUSHED for name in ("flush", "blocking-flush")},
    **{f"{_OUTPUT_STREAM}{name}": _ZEROES for name in ("write-zeroes", "blocking-write-zeroes-and-flush")},
    **{f"{_OUTPUT_STREAM}{name}": _SPLICED for name in ("splice", "blocking-splice")},
    "wasi:filesystem/preopens#get-directories": "func() -> list<tuple<own, string>>",
    "wasi:sockets/instance-network#instance-network": "func() -> own",
}
"""Those that are ours, in the words of WIT without names (WASI 0.2): one imported with another type is refused."""
_INTERFACES = {
    "cli": "environment exit stdin stdout stderr terminal-input terminal-output terminal-stdin terminal-stdout"
    " terminal-stderr",
    "clocks": "wall-clock monotonic-clock",
    "filesystem": "types preopens",
    "io": "error poll streams",
    "random": "random insecure insecure-seed",
    "sockets": "network instance-network tcp tcp-create-socket udp udp-create-socket ip-name-lookup",
}
INTERFACES = frozenset(f"wasi:{package}/{name}" for package, names in _INTERFACES.items() for name in names.split())
"""What may be imported, without its version."""


class Wasi:
    """The functions of preview 2."""

    def __init__(self, clock: Clock) -> None:
        clocks = Clocks(clock)
        self._functions: dict[str, HostFunction] = {
            **_OURS,
            "wasi:clocks/wall-clock#now": clocks.wall,
            "wasi:clocks/wall-clock#resolution": clocks.wall_resolution,
            "wasi:clocks/monotonic-clock#resolution": clocks.resolution,
            "wasi:clocks/monotonic-clock#now": clocks.monotonic,
            "wasi:clocks/monotonic-clock#subscribe-instant": clocks.at,
            "wasi:clocks/monotonic-clock#subscribe-duration": clocks.after,
            "wasi:io/poll#poll": clocks.poll,
            "wasi:io/poll#[method]pollable.ready": clocks.is_ready,
            "wasi:io/poll#[method]pollable.block": clocks.block,
        }

    def function(self, name: str, type_: FuncType) -> tuple[HostFunction, bool]:
        """The function of a full name, and whether it looks at its arguments."""
        ours = self._functions.get(name)
        return (ours, True) if ours is not None else (_denial(name, type_), False)


def _denial(name: str, type_: FuncType) -> HostFunction:
    """Answers no in the function's own words."""
    result = type_.result
    error = result.err if isinstance(result, ResultType) else None
    known = set(error.names) if isinstance(error, EnumType) else set()
    word = next((word for word in DENIALS if word in known), None)
    if word is not None:
        return lambda _guest: Err(Case(word))

    def stop(_guest: Guest) -> Value:
        raise Stop(OutcomeKind.TRAPPED, "not_offered", f"{name} is not offered to modules")

    return stop
