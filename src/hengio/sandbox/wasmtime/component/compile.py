"""Turns a component into code that can be instantiated at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wasmtime import WasmtimeError
from wasmtime.component import Component, Linker

from hengio.clock import Clock
from hengio.errors import Refused
from hengio.model.module import ModuleFacts, ModuleKind
from hengio.sandbox.wasmtime import inspect
from hengio.sandbox.wasmtime.capi import raw
from hengio.sandbox.wasmtime.compile import checked
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.component import facts, host
from hengio.sandbox.wasmtime.component.callback import Definitions
from hengio.sandbox.wasmtime.component.facts import Imported
from hengio.sandbox.wasmtime.component.resources import RESOURCES
from hengio.sandbox.wasmtime.component.wasi import Wasi, dropped
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.inspect import Ceilings


class Linked:
    """A linker that offers just what one component imports, under the very versions that it names."""

    def __init__(self, engine: GuestEngine, wasi: Wasi, imported: list[Imported]) -> None:
        self.linker = Linker(engine.handle)
        self._definitions = Definitions()
        self._wasi = wasi
        with self.linker.root() as root:
            for item in imported:
                with root.add_instance(item.name) as instance:
                    self._define(instance, item)

    def _define(self, instance: Any, item: Imported) -> None:
        for resource in item.resources:
            number = RESOURCES[resource]
            self._definitions.resource(instance, resource, type_=number, drop=_dropping(number))
        for name, type_ in item.functions.items():
            if item.interface == host.INTERFACE:
                self._definitions.function(instance, name, host.FUNCTIONS[name][1])
            else:
                function, told = self._wasi.function(f"{item.interface}#{name}", type_)
                self._definitions.function(instance, name, function, told=told)


def _dropping(type_: int) -> Callable[[Guest, int], None]:
    return lambda guest, number: dropped(guest, type_, number)


class CompiledComponent:
    """A compiled component with what it imports, shared by all its calls, which run on `engine`.

    `size` is that of its code, data and binary in bytes.
    """

    __slots__ = ("_kept", "address", "binary", "digest", "engine", "facts", "linker", "run", "size")
    kind: ModuleKind = "component"

    def __init__(
        self, engine: GuestEngine, *, component: Component, linked: Linked, found: ModuleFacts, binary: bytes, size: int
    ) -> None:
        run = component.get_export_index(facts.RUN)
        self._kept: tuple[Any, ...] = (component, linked, run)
        self.engine = engine
        self.address, self.linker, self.run = raw(component), raw(linked.linker), raw(run)
        self.facts = found
        self.digest = found.digest
        self.binary = binary
        self.size = size + len(binary)


class ComponentCompiler:
    """Makes code for one engine, compiled elsewhere. Not on the event loop: an interpreter takes seconds."""

    def __init__(self, engine: GuestEngine, code: CodeSource, *, clock: Clock, ceilings: Ceilings) -> None:
        self.engine = engine
        self._code = code
        self._ceilings = ceilings
        self._wasi = Wasi(clock)

    def compile(self, binary: bytes, digest: str) -> CompiledComponent:
        """Raises `DigestMismatch` before anything else is done with other bytes, `Refused` for unacceptable ones."""
        return self._made(binary, digest, self._code.kept(digest, self.engine.tier))

    def recall(self, binary: bytes, digest: str) -> CompiledComponent | None:
        """The same if code was kept, else None. Raises as `compile`."""
        kept = self._code.kept(digest, self.engine.tier)
        return None if kept is None else self._made(binary, digest, kept)

    def _made(self, binary: bytes, digest: str, kept: bytes | None) -> CompiledComponent:
        checked(binary, digest)
        declared = inspect.declare(binary, self.engine.handle, self._ceilings)
        try:
            component, size = self._code.load(self._deserialize, binary, digest, self.engine.tier, kept)
            imported = facts.imports(component, self.engine.handle)
            found = facts.facts(digest, declared, component, self.engine.handle, imported, size=len(binary))
            linked = Linked(self.engine, self._wasi, imported)
        except WasmtimeError as error:
            raise Refused(f"the component does not compile: {str(error).strip()}") from error
        return CompiledComponent(self.engine, component=component, linked=linked, found=found, binary=binary, size=size)

    def _deserialize(self, code: bytes) -> tuple[Component, int]:
        return Component.deserialize(self.engine.handle, code), len(code)
