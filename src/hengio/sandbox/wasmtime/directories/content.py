"""The bytes of a file: written in memory, or fetched from the files area when they are first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hengio.sandbox.wasmtime.directories.quota import Quota
from hengio.sandbox.wasmtime.errno import Errno, Fault


class Content(Protocol):
    """An open file's bytes, shared by all who have it open. `size` is in bytes."""

    @property
    def size(self) -> int: ...

    @property
    def modified_at(self) -> int:
        """Microseconds since 1970."""
        ...

    def read(self, at: int, length: int) -> bytes:
        """What is there of that span."""
        ...

    def write(self, at: int, data: bytes) -> None:
        """Replace bytes that are there."""
        ...

    def resize(self, size: int) -> None:
        """Cut off, or fill up with zeros. Raises `Fault` and changes nothing where it does not fit the quota."""
        ...

    def open(self) -> None:
        """One more descriptor has it."""
        ...

    def close(self) -> None:
        """One fewer."""
        ...


class Written:
    """A file of `/out`: it takes room while it has a name or is open."""

    __slots__ = ("_data", "_holders", "_quota")

    modified_at = 0
    """Always: the same call writes the same file."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._data = bytearray()
        self._holders = 1
        """Descriptors, and its name."""

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def data(self) -> bytes:
        return bytes(self._data)

    def read(self, at: int, length: int) -> bytes:
        return bytes(self._data[at : at + length])

    def write(self, at: int, data: bytes) -> None:
        self._data[at : at + len(data)] = data

    def resize(self, size: int) -> None:
        more = size - len(self._data)
        if more > 0:
            self._quota.take(more)
            self._data.extend(bytes(more))
        else:
            del self._data[size:]
            self._quota.give(-more)

    def open(self) -> None:
        self._holders += 1

    def close(self) -> None:
        self._holders -= 1
        if not self._holders:
            self.resize(0)


class Fetched:
    """A file of `/in`: it takes room from when it is first read until nobody has it open any more."""

    __slots__ = ("_data", "_fetch", "_holders", "_quota", "_size", "modified_at")

    def __init__(self, quota: Quota, fetch: Callable[[], bytes], *, size: int, modified_at: int) -> None:
        self._quota = quota
        self._fetch = fetch
        self._size = size
        self._data: bytes | None = None
        self._holders = 0
        self.modified_at = modified_at

    @property
    def size(self) -> int:
        return self._size

    def read(self, at: int, length: int) -> bytes:
        if self._data is None:
            self._data = self._load()
        return self._data[at : at + length]

    def _load(self) -> bytes:
        self._quota.take(self._size)  # before the bytes are here
        try:
            data = self._fetch()
            self._quota.take(len(data) - self._size)  # it may have been replaced since it was looked up
        except BaseException:
            self._quota.give(self._size)
            raise
        self._size = len(data)
        return data

    def write(self, at: int, data: bytes) -> None:
        raise Fault(Errno.ROFS)

    def resize(self, size: int) -> None:
        raise Fault(Errno.ROFS)

    def open(self) -> None:
        self._holders += 1

    def close(self) -> None:
        self._holders -= 1
        if not self._holders and self._data is not None:
            self._quota.give(self._size)
            self._data = None
