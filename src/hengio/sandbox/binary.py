"""Reads what a WebAssembly binary declares (Core Specification 3.0, chapter 5), without running or compiling it. Pure.

Only the frame is read: sections, types, names and the size of each function's body. Whether the code inside is valid is
for the engine to say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hengio.errors import Refused

MAGIC = b"\0asm"
CORE, COMPONENT = b"\x01\x00\x00\x00", b"\x0d\x00\x01\x00"
PAGE = 65_536
_LOOP = 0x03
_CORE_MODULE, _COMPONENT = 1, 4
"""Sections of a component (Component Model, Binary Format)."""
_DEEPEST, _MOST_MODULES, _MOST_SECTIONS = 10, 1_000, 10_000
_MOST = 1_000_000
"""Entries of a list, such as of types or functions (as in browsers: WebAssembly JavaScript Interface, Limits)."""

_VALUE_TYPES = {
    0x7F: "i32", 0x7E: "i64", 0x7D: "f32", 0x7C: "f64", 0x7B: "v128", 0x70: "funcref", 0x6F: "externref",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Import:
    """`kind` is `func`, `table`, `memory`, `global` or `tag`; `type` is in WAT words for functions, else empty."""

    module: str
    name: str
    kind: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Export:
    """`index` counts this binary's exports from 0, as the engine does; `type` as for imports."""

    name: str
    kind: str
    index: int
    type: str = ""


@dataclass(frozen=True, slots=True)
class Memory:
    """Sizes in bytes. `plain` is false for a memory that is shared, 64-bit or of another page size."""

    minimum: int
    maximum: int | None
    plain: bool


@dataclass(slots=True)
class Binary:
    """A core module's declarations; of a component the core modules inside it, at any depth."""

    component: bool = False
    modules: list[Binary] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    exports: list[Export] = field(default_factory=list)
    memories: list[Memory] = field(default_factory=list)
    globals: int = 0
    has_start: bool = False
    bodies: list[Body] = field(default_factory=list)
    languages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()

    def export(self, name: str, kind: str) -> Export | None:
        """The export of that name and kind."""
        return next((export for export in self.exports if export.name == name and export.kind == kind), None)


@dataclass(frozen=True, slots=True)
class Body:
    """One function's code: its size in bytes, its locals, and an upper bound of the loops in it."""

    size: int
    locals: int
    loops: int


class Reader:
    """A cursor over bytes. Every read past the end is `Refused` with the offset in the file."""

    __slots__ = ("_begin", "at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        self.data = data
        self.at = self._begin = at
        self.end = len(data) if end is None else end

    def byte(self) -> int:
        if self.at >= self.end:
            raise self.broken("it ends too early")
        self.at += 1
        return self.data[self.at - 1]

    def number(self) -> int:
        """An unsigned LEB128 of at most 64 bits."""
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result
            shift += 7
            if shift > 63:
                raise self.broken("a number is too long")

    def signed(self) -> int:
        """A signed LEB128 of at most 64 bits."""
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return result - (1 << shift) if byte & 0x40 else result
            if shift > 63:
                raise self.broken("a number is too long")

    def sections(self) -> Iterator[tuple[int, Reader]]:
        """The sections up to the end: the number of each, and a reader of its content."""
        for _ in range(_MOST_SECTIONS):
            if self.at >= self.end:
                return
            section = self.byte()
            yield section, self.inner(self.number())
        if self.at < self.end:
            raise self.broken(f"more than {_MOST_SECTIONS} sections")

    @property
    def whole(self) -> bytes:
        """All the bytes that this reader is of, also those behind it."""
        return self.data[self._begin : self.end]

    def take(self, size: int) -> bytes:
        if size > self.end - self.at:
            raise self.broken("it ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def inner(self, size: int) -> Reader:
        """A reader of the next `size` bytes, which this one skips."""
        if size > self.end - self.at:
            raise self.broken("a section is longer than the file")
        self.at += size
        return Reader(self.data, self.at - size, self.at)

    def name(self) -> str:
        try:
            return self.take(self.number()).decode()
        except UnicodeDecodeError:
            raise self.broken("a name is not UTF-8") from None

    def times(self) -> Iterator[int]:
        """Counts through a vector, refusing a length that the bytes left can not hold."""
        count = self.number()
        if count > self.end - self.at:
            raise self.broken("a list is longer than its section")
        if count > _MOST:
            raise self.broken(f"a list of {count} entries, more than {_MOST}")
        return iter(range(count))

    def broken(self, why: str) -> Refused:
        return Refused(f"not a valid WebAssembly binary: {why} (at byte {self.at})")


def parse(data: bytes) -> Binary:
    """The declarations of a binary. Raises `Refused` saying what is wrong at which byte."""
    if data[:4] != MAGIC:
        hint = "this is text (WAT): compile it first" if data[:1] in (b"(", b";") else ""
        raise Refused("not a WebAssembly binary: it does not begin with \\0asm", hint=hint)
    return _parse(Reader(data, 4))


def is_component(data: bytes) -> bool:
    """Whether the binary says that it is a component."""
    return data[:8] == MAGIC + COMPONENT


def _parse(reader: Reader, depth: int = 0) -> Binary:
    """A module or component from its version on."""
    version = reader.take(min(4, reader.end - reader.at))
    if version == COMPONENT:
        return Binary(component=True, modules=_modules(reader, depth))
    if version != CORE:
        raise Refused(f"unknown WebAssembly version {version.hex()}")
    return _Parser(reader).parse()


def _modules(reader: Reader, depth: int) -> list[Binary]:
    """The core modules in the sections of a component, and of the components inside it."""
    found: list[Binary] = []
    for section, body in reader.sections():
        if section not in (_CORE_MODULE, _COMPONENT):
            continue
        if depth > _DEEPEST or len(found) > _MOST_MODULES:
            raise body.broken("too many components or modules inside each other")
        if body.take(4) != MAGIC:
            raise body.broken("what is inside a component does not begin with \\0asm")
        inner = _parse(body, depth + 1)
        found += inner.modules if inner.component else [inner]
    return found


class _Parser:
    """Walks the sections once and keeps the index spaces that later ones refer to."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.binary = Binary()
        self.types: list[str] = []
        self.functions: list[str] = []

    def parse(self) -> Binary:
        sections: dict[int, Callable[[Reader], None]] = {
            1: self._types,
            2: self._imports,
            3: self._functions,
            5: self._memories,
            6: self._globals,
            7: self._exports,
        }
        sections |= {8: self._start, 10: self._code, 0: self._custom}
        for number, body in self.reader.sections():
            section = sections.get(number)
            if section is not None:
                section(body)
        return self.binary

    def _types(self, reader: Reader) -> None:
        for _ in reader.times():
            if reader.byte() != 0x60:
                raise reader.broken("it uses garbage-collected or recursive types, which are not supported")
            parameters = [_value_type(reader) for _ in reader.times()]
            results = [_value_type(reader) for _ in reader.times()]
            arrow = " ".join(results) if len(results) == 1 else "(" + ", ".join(results) + ")"
            self.types.append(f"({', '.join(parameters)}) -> {arrow}")

    def _imports(self, reader: Reader) -> None:
        for _ in reader.times():
            module, name, kind = reader.name(), reader.name(), reader.byte()
            if kind == 0:
                self.functions.append(self._type(reader))
                self.binary.imports.append(Import(module, name, "func", self.functions[-1]))
                continue
            if kind == 1:
                _value_type(reader)
                _limits(reader)
            elif kind == 2:
                _limits(reader)
            elif kind in (3, 4):
                reader.take(2)
            self.binary.imports.append(Import(module, name, _kind(reader, kind)))

    def _functions(self, reader: Reader) -> None:
        self.functions.extend(self._type(reader) for _ in reader.times())

    def _memories(self, reader: Reader) -> None:
        for _ in reader.times():
            minimum, maximum, flags = _limits(reader)
            self.binary.memories.append(
                Memory(minimum * PAGE, None if maximum is None else maximum * PAGE, plain=flags <= 1)
            )

    def _globals(self, reader: Reader) -> None:
        self.binary.globals = reader.number()

    def _exports(self, reader: Reader) -> None:
        for index in reader.times():
            name, kind, item = reader.name(), _kind(reader, reader.byte()), reader.number()
            type_ = ""
            if kind == "func":
                if item >= len(self.functions):
                    raise reader.broken(f"export {name!r} names a function that does not exist")
                type_ = self.functions[item]
            self.binary.exports.append(Export(name, kind, index, type_))

    def _start(self, _reader: Reader) -> None:
        self.binary.has_start = True

    def _code(self, reader: Reader) -> None:
        for _ in reader.times():
            size = reader.number()
            start = reader.at
            body = reader.inner(size)
            count = 0
            for _ in body.times():
                count += body.number()
                _value_type(body)
            loops = reader.data.count(_LOOP, start, reader.at)
            self.binary.bodies.append(Body(size, count, loops))

    def _custom(self, reader: Reader) -> None:
        if reader.name() != "producers":
            return
        for _ in reader.times():
            what = reader.name()
            values = tuple(f"{reader.name()} {reader.name()}".strip() for _ in reader.times())
            if what == "language":
                self.binary.languages = values
            elif what == "processed-by":
                self.binary.tools = values

    def _type(self, reader: Reader) -> str:
        index = reader.number()
        if index >= len(self.types):
            raise reader.broken("a function's type does not exist")
        return self.types[index]


def _value_type(reader: Reader) -> str:
    code = reader.byte()
    if code not in _VALUE_TYPES:
        raise reader.broken(f"unknown value type 0x{code:02x}")
    return _VALUE_TYPES[code]


def _limits(reader: Reader) -> tuple[int, int | None, int]:
    """Minimum, maximum, flags: 1 has a maximum, 2 shared, 4 64-bit, 8 own page size."""
    flags = reader.byte()
    minimum = reader.number()
    maximum = reader.number() if flags & 1 else None
    if flags & 8:
        reader.number()
    return minimum, maximum, flags


def _kind(reader: Reader, code: int) -> str:
    kinds = ("func", "table", "memory", "global", "tag")
    if code >= len(kinds):
        raise reader.broken(f"unknown kind {code} of import or export")
    return kinds[code]
