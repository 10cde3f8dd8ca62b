"""Small guests, written as WebAssembly text around a common frame, and what is needed to call them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

from wasmtime import wat2wasm

from hengio.model.module import Limits
from hengio.model.outcome import LogLine, Outcome
from hengio.sandbox.host.outside import ScopedOutside
from hengio.sandbox.protocol import Call, Fetch

HEAP = 1024
"""Where the frame's allocator begins; a guest's own data lies below."""


def reactor(body: str, *, imports: str = "", memory: str = "1") -> bytes:
    """A reactor: `body` holds its entries. `$pack` makes a result of a pointer and a length, `$echo` of the input."""
    return module(f"""(module {imports}
      (memory (export "memory") {memory})
      (global $free (mut i32) (i32.const {HEAP}))
      (func $alloc (export "hengio_alloc") (param $size i32) (result i32)
        (global.get $free)
        (global.set $free (i32.add (global.get $free) (local.get $size))))
      (func $pack (param $pointer i32) (param $length i32) (result i64)
        (i64.or (i64.shl (i64.extend_i32_u (local.get $pointer)) (i64.const 32))
                (i64.extend_i32_u (local.get $length))))
      {body})""")


def entry(code: str, *, name: str = "run") -> str:
    """An entry whose code leaves an i64; `$pointer` and `$length` are its input."""
    return f'(func ${name} (export "{name}") (param $pointer i32) (param $length i32) (result i64) {code})'


def text(at: int, value: str) -> str:
    """A data segment; quotes and backslashes are escaped."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'(data (i32.const {at}) "{escaped}")'


ECHO = "(call $pack (local.get $pointer) (local.get $length))"
"""Code of an entry that returns its input."""
SPIN = "(loop $again (br $again)) (unreachable)"
WASI = "wasi_snapshot_preview1"


def command(body: str, *, imports: str = "", memory: str = "1") -> bytes:
    """A command: `body` is the code of `_start`. It may use stdin and stdout by `$read`, `$write`, `$exit`."""
    return module(f"""(module
      (import "{WASI}" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
      (import "{WASI}" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (import "{WASI}" "proc_exit" (func $exit (param i32)))
      {imports}
      (memory (export "memory") {memory})
      (func $print (param $fd i32) (param $pointer i32) (param $length i32)
        (i32.store (i32.const 0) (local.get $pointer))
        (i32.store (i32.const 4) (local.get $length))
        (drop (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
      {body})""")


def module(source: str) -> bytes:
    """The binary of a WebAssembly text."""
    return bytes(wat2wasm(source))


def digest(binary: bytes) -> str:
    return hashlib.sha256(binary).hexdigest()


def fetching(binary: bytes) -> Fetch:
    """A `fetch` that yields these bytes."""

    async def fetch() -> bytes:
        return binary

    return fetch


class Variables:
    """A context of plain values; keys in `locked` are an administrator's."""

    def __init__(self, values: Mapping[str, Any] | None = None, *, locked: frozenset[str] = frozenset()) -> None:
        self.values = dict(values or {})
        self.locked = locked

    def get(self, path: str) -> tuple[bool, Any]:
        return path in self.values, self.values.get(path)

    def set(self, key: str, value: Any) -> str | None:
        if key in self.locked:
            return f"{key} is read-only"
        self.values[f"variables.{key}"] = value
        return None


def make_call(
    binary: bytes,
    data: bytes = b"{}",
    *,
    function: str = "run",
    context: Variables | None = None,
    output_mode: Literal["auto", "data"] = "auto",
    env: Mapping[str, str] | None = None,
    on_log: Callable[[LogLine], None] | None = None,
    outside: ScopedOutside | None = None,
    **limits: Any,
) -> Call:
    """A call with the defaults of a test: ten seconds, and the given limits."""
    return Call(
        digest=digest(binary),
        module_name="guest",
        function=function,
        input=data,
        limits=Limits(**{"timeout_seconds": 10.0, **limits}),
        context=context or Variables(),
        output_mode=output_mode,
        env=env or {},
        on_log=on_log,
        outside=outside,
        directories=() if outside is None else outside.scope.directories,
    )


class Run(Protocol):
    """Calls a binary once: `await run(binary, b"…", fuel=1000)`."""

    def __call__(self, binary: bytes, data: bytes = b"{}", **options: Any) -> Awaitable[Outcome]: ...


async def until(holds: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never happened"
        await asyncio.sleep(0.005)
