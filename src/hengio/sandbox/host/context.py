"""`get_context` and `set_context`: the step's view of the execution's context (R5.2, R5.3)."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hengio import codec
from hengio.model.module import Limits
from hengio.sandbox.host.answer import Answer, refusal
from hengio.sandbox.protocol import ContextView, Status

PATH_BYTES = 4_096
"""The longest path or key that is read."""


class ContextCalls:
    """One call's reads and writes. `writes` keeps the accepted ones in order, for the outcome."""

    __slots__ = ("_bytes_left", "_view", "writes")

    def __init__(self, view: ContextView, limits: Limits) -> None:
        self._view = view
        self._bytes_left = limits.context_bytes
        self.writes: list[tuple[str, Any]] = []

    def admits(self, key_size: int, value_size: int = 0) -> Answer | None:
        """None if a path or key and a value of these sizes may be read; else why not."""
        if key_size > PATH_BYTES:
            return refusal(Status.INVALID_REQUEST, f"a path or key has at most {PATH_BYTES} bytes")
        if value_size and key_size + value_size > self._bytes_left:
            return refusal(Status.LIMIT_EXCEEDED, f"context writes are limited; {self._bytes_left} bytes are left")
        return None

    def get(self, path: bytes) -> Answer:
        """The JSON of the value at a dotted path."""
        try:
            found, value = self._view.get(path.decode())
        except UnicodeDecodeError:
            return refusal(Status.INVALID_REQUEST, "the path is not UTF-8")
        if not found:
            return refusal(Status.NOT_FOUND, f"nothing stands at {path.decode()!r}")
        return Status.OK, bytes(value) if isinstance(value, codec.Raw) else codec.encode(value)

    def set(self, key: bytes, value: bytes) -> Answer:
        """Set `variables.<key>` to a JSON value, of sizes that `admits` let pass."""
        try:
            name, parsed = key.decode(), codec.decode(value)
        except UnicodeDecodeError:
            return refusal(Status.INVALID_REQUEST, "the key is not UTF-8")
        except codec.InvalidJson as error:
            return refusal(Status.INVALID_REQUEST, f"the value is not JSON: {error.message}")
        if not name:
            return refusal(Status.INVALID_REQUEST, "the key is empty")
        denied = self._view.set(name, parsed)
        if denied is not None:
            return refusal(Status.PERMISSION_DENIED, denied)
        self._keep(key, value, (name, parsed))
        return Status.OK, b""

    def accept(self, key: bytes, value: bytes) -> None:
        """Keep a write that was accepted before, without looking at the context."""
        with suppress(UnicodeDecodeError, codec.InvalidJson):  # then a tape says what never was
            self._keep(key, value, (key.decode(), codec.decode(value)))

    def _keep(self, key: bytes, value: bytes, write: tuple[str, Any]) -> None:
        self._bytes_left -= len(key) + len(value)
        self.writes.append(write)
