"""A command's arguments and environment, as preview 1 hands them over. A reactor has neither."""

from __future__ import annotations

from collections.abc import Iterable

from hengio.sandbox.wasmtime.errno import Errno
from hengio.sandbox.wasmtime.guest import Guest


def args_sizes_get(guest: Guest, count: int, size: int) -> int:
    """How many arguments, and the bytes of all of them."""
    return _sizes(guest, _arguments(guest), count, size)


def args_get(guest: Guest, pointers: int, texts: int) -> int:
    """The arguments, each ending with a NUL, and where each begins."""
    return _copy(guest, _arguments(guest), pointers, texts)


def environ_sizes_get(guest: Guest, count: int, size: int) -> int:
    """How many variables, and the bytes of all of them."""
    return _sizes(guest, _environment(guest), count, size)


def environ_get(guest: Guest, pointers: int, texts: int) -> int:
    """The variables as `NAME=value`, each ending with a NUL, and where each begins."""
    return _copy(guest, _environment(guest), pointers, texts)


def _arguments(guest: Guest) -> list[bytes]:
    return [] if guest.output is None else _texts((guest.call.module_name, guest.call.function))


def _environment(guest: Guest) -> list[bytes]:
    return [] if guest.output is None else _texts(f"{name}={value}" for name, value in guest.call.env.items())


def _texts(values: Iterable[str]) -> list[bytes]:
    """In UTF-8; one with a NUL inside ends there."""
    return [value.encode(errors="replace").partition(b"\0")[0] + b"\0" for value in values]


def _sizes(guest: Guest, texts: list[bytes], count: int, size: int) -> int:
    guest.write(count, len(texts).to_bytes(4, "little"))
    guest.write(size, sum(map(len, texts)).to_bytes(4, "little"))
    return Errno.SUCCESS


def _copy(guest: Guest, texts: list[bytes], pointers: int, into: int) -> int:
    for text in texts:
        guest.write(pointers, into.to_bytes(4, "little"))
        guest.write(into, text)
        pointers += 4
        into += len(text)
    return Errno.SUCCESS
