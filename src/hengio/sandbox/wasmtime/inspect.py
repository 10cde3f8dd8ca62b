"""What a binary is, what it misses, and whether it may be compiled at all (ABI: Kinds)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from wasmtime import Engine, Module, WasmtimeError

from hengio.errors import Problem, Refused
from hengio.model.module import Function, ModuleFacts, ModuleKind
from hengio.sandbox.binary import Binary, Import, parse
from hengio.sandbox.wasmtime import abi, wasi

ENTRY_TYPE = "(i32, i32) -> i64"
ALLOCATOR_TYPE = "(i32) -> i32"
ALLOCATORS = ("hengio_alloc", "alloc", "malloc")
INITIALIZE, START, COMMAND_TYPE = "_initialize", "_start", "() -> ()"
ABI_VERSION = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Ceilings:
    """What a binary may hold at most, so that compiling it stays within seconds and a few hundred megabytes.

    `locals_times_bytes` bounds the work of register allocation for one function: its locals times its size. The loops
    of a function are counted from above (bytes that look like the instruction). Real modules stay far below: the
    largest function of an interpreter has a few hundred locals in some hundred kilobytes.
    """

    binary_bytes: int = 32 << 20
    functions: int = 50_000
    globals: int = 10_000
    body_bytes: int = 4 << 20
    locals: int = 4_000
    locals_times_bytes: int = 300_000_000
    loops: int = 8_000


def inspect(binary: bytes, engine: Engine, ceilings: Ceilings) -> ModuleFacts:
    """The facts of a valid, acceptable binary; raises `Refused` with everything that is wrong with it."""
    declared = declare(binary, engine, ceilings)
    return _facts(binary, declared, recognise(declared))


def declare(binary: bytes, engine: Engine, ceilings: Ceilings) -> Binary:
    """What the binary declares, once it is known to be safe to compile, and valid unless it is a component: of those
    only a compiler can tell."""
    if len(binary) > ceilings.binary_bytes:
        raise Refused(f"the binary has {len(binary)} bytes, more than the limit of {ceilings.binary_bytes}")
    declared = parse(binary)
    _check_bombs(declared, ceilings)
    if declared.component:
        return declared
    try:
        Module.validate(engine, binary)
    except WasmtimeError as error:
        raise Refused(f"not a valid WebAssembly binary: {str(error).strip()}") from error
    return declared


def _check_bombs(declared: Binary, ceilings: Ceilings) -> None:
    bodies = [body for module in (declared, *declared.modules) for body in module.bodies]
    if len(bodies) > ceilings.functions:
        raise Refused(f"the binary has {len(bodies)} functions, more than the limit of {ceilings.functions}")
    for module in (declared, *declared.modules):
        if module.globals > ceilings.globals:  # each instance has its own, which no limit of a call counts
            raise Refused(f"a module has {module.globals} globals, more than the limit of {ceilings.globals}")
    for index, body in enumerate(bodies):
        measures = (
            ("bytes", body.size, ceilings.body_bytes),
            ("locals", body.locals, ceilings.locals),
            ("locals times bytes", body.locals * body.size, ceilings.locals_times_bytes),
            ("loops", body.loops, ceilings.loops),
        )
        for what, value, limit in measures:
            if value > limit:
                raise Refused(f"function {index} of the binary has {value} {what}, more than the limit of {limit}")


def recognise(declared: Binary) -> ModuleKind:
    """Reactor or command; raises `Refused` listing what is missing for either, or imports that are not offered."""
    _check_imports(declared)
    memory = declared.export("memory", "memory")
    if memory is not None and not declared.memories[0].plain:
        raise Refused("the binary's memory must be a plain 32-bit one (not shared, not 64-bit)")
    missing = []
    if memory is None:
        missing.append(Problem("exports", "no memory is exported", "export it as 'memory'"))
    if allocator(declared) is None:
        missing.append(Problem("exports", f"no allocator {ALLOCATOR_TYPE}", f"export one of {', '.join(ALLOCATORS)}"))
    if not entries(declared):
        missing.append(Problem("exports", f"no entry function of type {ENTRY_TYPE}", "export one, such as 'run'"))
    if not missing:
        return "reactor"
    start = declared.export(START, "func")
    if memory is not None and start is not None and start.type == COMMAND_TYPE:
        return "command"
    raise Refused("the binary is neither a reactor nor a command (no '_start')", problems=missing)


def _check_imports(declared: Binary) -> None:
    refusals = [(item, _refusal(item)) for item in declared.imports]
    problems = [Problem(f"{item.module}.{item.name}", why) for item, why in refusals if why]
    if problems:
        raise Refused("the binary imports what Hengio does not offer", problems=problems)


def _refusal(item: Import) -> str:
    """Why an import is not offered; empty if it is."""
    name = (item.module, item.name)
    if item.kind != "func":
        return f"a {item.kind} can not be imported"
    offered = wasi.TYPES.get(item.name) if item.module == wasi.MODULE else abi.TYPES.get(name)
    if offered is None:
        return "not offered"
    return "" if offered == item.type else f"has the type {item.type}, but is offered as {offered}"


def allocator(declared: Binary) -> str | None:
    """The first of the accepted allocator names that has the right type."""
    for name in ALLOCATORS:
        export = declared.export(name, "func")
        if export is not None and export.type == ALLOCATOR_TYPE:
            return name
    return None


def entries(declared: Binary) -> tuple[str, ...]:
    """The exported functions a job may name."""
    return tuple(item.name for item in declared.exports if item.kind == "func" and item.type == ENTRY_TYPE)


def _opens(item: Import) -> bool:
    """Whether it is how files are opened, which may be granted: all other functions on them need an open one."""
    return (item.module, item.name) == (wasi.MODULE, "path_open")


def _facts(binary: bytes, declared: Binary, kind: ModuleKind) -> ModuleFacts:
    memory = declared.memories[0]
    host = tuple(item.name for item in declared.imports if item.module == abi.MODULE)
    return ModuleFacts(
        kind=kind,
        digest=hashlib.sha256(binary).hexdigest(),
        size=len(binary),
        entries=entries(declared) if kind == "reactor" else (),
        exports=tuple(Function(item.name, item.type) for item in declared.exports if item.kind == "func"),
        imports=tuple(Function(f"{item.module}.{item.name}", item.type) for item in declared.imports),
        host_functions=host,
        host_io_possible=any(name in abi.IO for name in host) or any(_opens(item) for item in declared.imports),
        memory_minimum_bytes=memory.minimum,
        memory_maximum_bytes=memory.maximum,
        abi_version=ABI_VERSION,
        languages=declared.languages,
        tools=declared.tools,
    )
