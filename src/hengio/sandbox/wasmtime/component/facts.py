"""What a component imports and exports, and whether that is what Hengio offers and calls (ABI: Kinds)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from wasmtime import Engine
from wasmtime.component import Component, ComponentInstanceType, FuncType, ResourceType

from hengio.errors import Problem, Refused
from hengio.model.module import Function, ModuleFacts
from hengio.sandbox.binary import Binary
from hengio.sandbox.wasmtime import abi
from hengio.sandbox.wasmtime.component import host, wasi, words
from hengio.sandbox.wasmtime.component.resources import RESOURCES
from hengio.sandbox.wasmtime.inspect import ABI_VERSION

RUN = "run"
RUN_TYPE = "func(string, string) -> result<string, string>"
_HOST_VERSION, _WASI_VERSION = "1.", "0.2."


class Imported(NamedTuple):
    """An interface that a component imports: its name with and without version, its functions and resource types."""

    name: str
    interface: str
    functions: dict[str, FuncType]
    resources: tuple[str, ...]


def imports(component: Component, engine: Engine) -> list[Imported]:
    """What it imports. Raises `Refused` naming what is not offered, or not with that type."""
    found, problems = [], []
    for name, item in component.type.imports(engine).items():
        interface, _, version = name.partition("@")
        type_ = item.ty
        if not isinstance(type_, ComponentInstanceType) or not _is_offered(interface, version):
            problems.append(Problem(name, "not offered"))
            continue
        exports = {export: extern.ty for export, extern in type_.exports(engine).items()}
        functions = {export: kind for export, kind in exports.items() if isinstance(kind, FuncType)}
        resources = tuple(export for export, kind in exports.items() if isinstance(kind, ResourceType))
        found.append(Imported(name, interface, functions, resources))
        problems += _misfits(found[-1])
    if problems:
        raise Refused("the component imports what Hengio does not offer", problems=problems)
    return found


def _is_offered(interface: str, version: str) -> bool:
    if interface == host.INTERFACE:
        return version.startswith(_HOST_VERSION)
    return interface in wasi.INTERFACES and version.startswith(_WASI_VERSION)


def _misfits(imported: Imported) -> Iterator[Problem]:
    """Functions that are not offered, or not with that type; resources that nobody has."""
    for resource in imported.resources:
        if resource not in RESOURCES:
            yield Problem(f"{imported.name}#{resource}", "not offered")
    for name, type_ in imported.functions.items():
        offered, found = _offered(imported.interface, name), words.function(type_, named=False)
        if offered is None and imported.interface == host.INTERFACE:
            yield Problem(f"{imported.name}#{name}", "not offered")
        elif offered is not None and found != offered:
            yield Problem(f"{imported.name}#{name}", f"has the type {found}, but is offered as {offered}")


def _offered(interface: str, name: str) -> str | None:
    """The type of a function that is ours; None for others, which WASI has and are denied when they are called."""
    if interface == host.INTERFACE:
        return host.FUNCTIONS[name][0] if name in host.FUNCTIONS else None
    return wasi.TYPES.get(f"{interface}#{name}")


def check_exports(component: Component, engine: Engine) -> None:
    """Raises `Refused` unless it exports `run`."""
    item = component.type.exports(engine).get(RUN)
    type_ = None if item is None else item.ty
    found = words.function(type_, named=False) if isinstance(type_, FuncType) else None
    if found != RUN_TYPE:
        why = "no function is exported under this name" if found is None else f"has the type {found}"
        hint = "build it for the world 'module' of hengio.wit"
        raise Refused("the component cannot be called", problems=[Problem(RUN, f"{why}, not {RUN_TYPE}", hint)])


def facts(
    digest: str, declared: Binary, component: Component, engine: Engine, imported: list[Imported], *, size: int
) -> ModuleFacts:
    """The facts of a component whose imports are acceptable. Raises `Refused` if its exports are not."""
    check_exports(component, engine)
    asked = [name for item in imported if item.interface == host.INTERFACE for name in item.functions]
    functions = tuple(name.replace("-", "_") for name in asked)
    return ModuleFacts(
        kind="component",
        digest=digest,
        size=size,
        entries=(),
        exports=tuple(
            Function(name, words.function(item.ty))
            for name, item in component.type.exports(engine).items()
            if isinstance(item.ty, FuncType)
        ),
        imports=tuple(
            Function(f"{item.name}#{name}", words.function(type_))
            for item in imported
            for name, type_ in item.functions.items()
        ),
        host_functions=functions,
        host_io_possible=any(name in abi.IO for name in functions),
        memory_minimum_bytes=sum(memory.minimum for module in declared.modules for memory in module.memories),
        memory_maximum_bytes=None,
        abi_version=ABI_VERSION,
        languages=_distinct(module.languages for module in declared.modules),
        tools=_distinct(module.tools for module in declared.modules),
    )


def _distinct(lists: Iterator[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for values in lists for value in values))
