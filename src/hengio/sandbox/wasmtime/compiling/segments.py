"""Joins the data segments of a binary where there are thousands of them. Pure.

Without copies on write the engine sets each segment by code of its own, and compiling that takes time with the square
of their number: for a program in Go, with 39,000 of them, 49 seconds instead of one. Memory is zero to begin with, so
what lies between two segments may as well be set to zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hengio.errors import Refused
from hengio.sandbox.binary import COMPONENT, CORE, MAGIC, PAGE, Reader

MANY = 100
"""Segments that are left as they are."""
_GAP = 1 << 10
"""Zeros between two segments that are written rather than skipped."""
_MEMORY, _DATA, _DATA_COUNT = 5, 11, 12
_CORE_MODULE, _COMPONENT = 1, 4
_CONSTANT, _END = 0x41, 0x0B
_DEEPEST = 10


def joined(binary: bytes) -> bytes:
    """The same module or component with few segments, or `binary` itself if that can not be done."""
    try:
        return _joined(Reader(binary, 4), 0) or binary
    except (Refused, OverflowError, MemoryError):  # the compiler says what is wrong with it
        return binary


def _joined(reader: Reader, depth: int) -> bytes | None:
    """None if nothing is to be changed."""
    version = reader.take(4)
    if version == CORE:
        return _module(reader)
    if version != COMPONENT or depth > _DEEPEST:
        return None
    parts, changed = [MAGIC + version], False
    for section, body in reader.sections():
        content: bytes | None = None
        if section in (_CORE_MODULE, _COMPONENT) and body.take(4) == MAGIC:
            content = _joined(body, depth + 1)
        changed = changed or content is not None
        parts.append(_section(section, body.whole if content is None else content))
    return b"".join(parts) if changed else None


@dataclass(slots=True)
class _Sections:
    """Those of a core module, in order, and what is known of its memory."""

    all: list[tuple[int, bytes]] = field(default_factory=list)
    memory_bytes: int = 0
    data: bytes | None = None


def _module(reader: Reader) -> bytes | None:
    found = _Sections()
    for section, body in reader.sections():
        if section == _DATA_COUNT:
            return None  # code may name segments by their numbers
        if section == _MEMORY:
            found.memory_bytes = _minimum(body)
        content = body.whole
        if section == _DATA:
            found.data = _data(body, found.memory_bytes)
            content = found.data or content
        found.all.append((section, content))
    if found.data is None:
        return None
    return MAGIC + CORE + b"".join(_section(section, content) for section, content in found.all)


def _minimum(reader: Reader) -> int:
    """Bytes that the one memory begins with; 0 if there are several, or none of the plain kind."""
    if reader.number() != 1 or reader.byte() > 1:
        return 0
    return reader.number() * PAGE


def _data(reader: Reader, memory_bytes: int) -> bytes | None:
    """A section with the same effect; None if this one is not of the simple kind, or has few segments."""
    count = reader.number()
    if count <= MANY:
        return None
    image, runs = bytearray(), []
    for _ in range(count):
        if reader.byte() != 0 or reader.byte() != _CONSTANT:
            return None
        at = reader.signed() & 0xFFFF_FFFF
        if reader.byte() != _END:
            return None
        data = reader.take(reader.number())
        end = at + len(data)
        if end > memory_bytes:
            return None
        image.extend(bytes(max(0, end - len(image))))
        image[at:end] = data
        runs.append((at, end))
    merged = _merged(runs)
    parts = [
        b"\0" + bytes([_CONSTANT]) + _signed(at) + bytes([_END]) + _sized(bytes(image[at:end])) for at, end in merged
    ]
    return _number(len(merged)) + b"".join(parts)


def _merged(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The ranges of bytes, sorted, with those joined that are near each other."""
    merged: list[tuple[int, int]] = []
    for at, end in sorted(runs):
        if merged and at - merged[-1][1] < _GAP:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((at, end))
    return merged


def _section(section: int, content: bytes) -> bytes:
    return bytes([section]) + _sized(content)


def _sized(content: bytes) -> bytes:
    return _number(len(content)) + content


def _number(value: int) -> bytes:
    """An unsigned LEB128."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _signed(value: int) -> bytes:
    """A signed LEB128 of a 32-bit number."""
    value = value - (1 << 32) if value >= 1 << 31 else value
    out = bytearray()
    while not -64 <= value < 64:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value & 0x7F)
    return bytes(out)
