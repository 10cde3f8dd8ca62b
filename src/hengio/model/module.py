"""A module: an uploaded WebAssembly binary at one version, and the facts that can be read off it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from hengio.model.grant import Grant
from hengio.model.signature import Signature

ModuleKind = Literal["reactor", "command", "component"]


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one call may use; one set covers instantiation, `_initialize`, allocator and entry (R3.1-R3.3)."""

    fuel: int = 1_000_000_000
    timeout_seconds: float = 30.0
    memory_bytes: int = 64 << 20
    table_elements: int = 100_000
    output_bytes: int = 16 << 20
    log_lines: int = 1_000
    log_bytes: int = 256 << 10
    host_calls: int = 100_000
    context_bytes: int = 1 << 20
    file_bytes: int = 64 << 20


class Function(Struct, frozen=True):
    """An exported or imported function: `name` and its type in WAT words, such as `(i32, i32) -> i64`."""

    name: str
    type: str


class ModuleFacts(Struct, frozen=True, kw_only=True):
    """What the binary itself says (ABI: Kinds). `entries` are the functions a job may name."""

    kind: ModuleKind
    digest: str
    size: int
    entries: tuple[str, ...]
    exports: tuple[Function, ...]
    imports: tuple[Function, ...]
    host_functions: tuple[str, ...]
    host_io_possible: bool
    memory_minimum_bytes: int
    memory_maximum_bytes: int | None
    abi_version: int
    languages: tuple[str, ...]
    tools: tuple[str, ...]


class Module(Struct, frozen=True, kw_only=True):
    """A registered module. `digest` is the SHA-256 of the binary in lower-case hex (R6.2). `grants` are what an
    administrator allows it outside its execution; none by default (R4). `requested` is what its author asked for, under
    the signature if there is one."""

    id: str
    name: str
    version: str
    digest: str
    size: int
    facts: ModuleFacts
    created_at: int
    enabled: bool = True
    grants: tuple[Grant, ...] = ()
    requested: tuple[Grant, ...] = ()
    signature: Signature | None = None
    registered_by: str = ""

    @property
    def reference(self) -> str:
        """`name@version`."""
        return f"{self.name}@{self.version}"
