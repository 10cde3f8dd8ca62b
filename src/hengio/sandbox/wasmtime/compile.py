"""Turns a binary into code that can be instantiated at once."""

from __future__ import annotations

import hashlib
from typing import Any

from wasmtime import Linker, Module, WasmtimeError

from hengio.clock import Clock
from hengio.errors import Refused
from hengio.model.module import ModuleKind
from hengio.sandbox.binary import Binary
from hengio.sandbox.wasmtime import abi, inspect, wasi
from hengio.sandbox.wasmtime.callback import Definitions
from hengio.sandbox.wasmtime.capi import KEEP, Scratch, raw
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.inspect import Ceilings

_LARGE = 1 << 20
"""Bytes of memory from which setting it up may take long enough to let others run meanwhile."""
_GROW = b"\x40\x00"
"""`memory.grow` of the first memory."""


class DigestMismatch(Refused):
    """The bytes are not those that were registered (R14.4)."""

    code = "digest_mismatch"


def checked(binary: bytes, digest: str) -> None:
    """Raises `DigestMismatch` unless the bytes have the digest."""
    found = hashlib.sha256(binary).hexdigest()
    if found != digest:
        raise DigestMismatch(f"the module's bytes have the digest {found}, not {digest}")


class Compiled:
    """A compiled core module with its imports resolved, shared by all its calls, which run on `engine`.

    `entries`, `memory`, `allocator`, `initialize`, `start` are positions among its exports, which is how the hot path
    finds them. `size` is that of its machine code, data and binary in bytes. `can_grow` is false if it certainly never
    asks for more memory than it begins with.
    """

    __slots__ = (
        "_owned",
        "address",
        "allocator",
        "binary",
        "can_grow",
        "digest",
        "engine",
        "entries",
        "initialize",
        "instantiates_quickly",
        "kind",
        "memory",
        "memory_minimum",
        "size",
        "start",
    )

    def __init__(
        self,
        engine: GuestEngine,
        *,
        digest: str,
        kind: ModuleKind,
        declared: Binary,
        instantiable: Any,
        binary: bytes,
        size: int,
    ) -> None:
        self.engine = engine
        self._owned = instantiable
        self.address = raw(instantiable)
        self.digest = digest
        self.binary = binary
        self.size = size + len(binary)
        self.kind = kind
        self.memory = _index(declared, "memory", "memory")
        self.allocator = _index(declared, inspect.allocator(declared) or "", "func")
        self.initialize = _index(declared, inspect.INITIALIZE, "func")
        self.start = _index(declared, inspect.START, "func")
        self.entries = {name: _index(declared, name, "func") for name in inspect.entries(declared)}
        self.memory_minimum = declared.memories[0].minimum
        self.instantiates_quickly = not declared.has_start and self.memory_minimum < _LARGE
        self.can_grow = declared.memories[0].maximum != declared.memories[0].minimum and _GROW in binary


class Compiler:
    """Makes code for one engine, compiled elsewhere. Not on the event loop: a large module takes seconds."""

    def __init__(self, engine: GuestEngine, code: CodeSource, *, clock: Clock, ceilings: Ceilings) -> None:
        self.engine = engine
        self._code = code
        self._ceilings = ceilings
        self._linker = Linker(engine.handle)
        self._definitions = Definitions(self._linker)
        wasi.define(self._definitions, clock)
        abi.define(self._definitions)

    def compile(self, binary: bytes, digest: str) -> Compiled:
        """Raises `DigestMismatch` before anything else is done with other bytes, `Refused` for unacceptable ones."""
        return self._made(binary, digest, self._code.kept(digest, self.engine.tier))

    def recall(self, binary: bytes, digest: str) -> Compiled | None:
        """The same if code was kept, else None. Raises as `compile`."""
        kept = self._code.kept(digest, self.engine.tier)
        return None if kept is None else self._made(binary, digest, kept)

    def _made(self, binary: bytes, digest: str, kept: bytes | None) -> Compiled:
        checked(binary, digest)
        declared = inspect.declare(binary, self.engine.handle, self._ceilings)
        kind = inspect.recognise(declared)
        try:
            module = self._code.load(self._deserialize, binary, digest, self.engine.tier, kept)
            instantiable = self._linker.instantiate_pre(module)
        except WasmtimeError as error:
            raise Refused(f"the module does not compile: {str(error).strip()}") from error
        size = _image_size(module)
        return Compiled(
            self.engine,
            digest=digest,
            kind=kind,
            declared=declared,
            instantiable=instantiable,
            binary=binary,
            size=size,
        )

    def _deserialize(self, code: bytes) -> Module:
        return Module.deserialize(self.engine.handle, code)


def _index(declared: Binary, name: str, kind: str) -> int | None:
    export = declared.export(name, kind)
    return None if export is None else export.index


def _image_size(module: Module) -> int:
    scratch = Scratch()
    KEEP.module_image_range(raw(module), scratch.out, scratch.out + 8)
    return scratch.words[Scratch.OUT + 1] - scratch.words[Scratch.OUT]
