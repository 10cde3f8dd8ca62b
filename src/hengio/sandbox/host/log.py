"""What a guest logs: kept up to a number of lines and bytes, the rest counted (R5.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hengio import codec
from hengio.model.module import Limits
from hengio.model.outcome import LogLine

LEVELS = ("debug", "info", "warn", "error")


class Logs:
    """The lines of one call. A line past a limit is dropped whole and counted, so that truncation is visible."""

    __slots__ = ("_bytes_left", "_listener", "_max_lines", "dropped", "lines")

    def __init__(self, limits: Limits, listener: Callable[[LogLine], None] | None) -> None:
        self.lines: list[LogLine] = []
        self.dropped = 0
        self._max_lines = limits.log_lines
        self._bytes_left = limits.log_bytes
        self._listener = listener

    def fits(self, size: int) -> bool:
        """Whether a line of `size` bytes is still kept; if not, it need not be read."""
        return len(self.lines) < self._max_lines and size <= self._bytes_left

    @property
    def full(self) -> bool:
        """Whether no further line can be kept."""
        return len(self.lines) >= self._max_lines or self._bytes_left <= 0

    def add(self, level: str, text: bytes) -> None:
        """Keep one line if it fits, else count it."""
        if not self.fits(len(text)):
            self.dropped += 1
            return
        self._bytes_left -= len(text)
        line = read(level, text)
        self.lines.append(line)
        if self._listener is not None:
            self._listener(line)


class Lines:
    """Cuts a stream (stdout, stderr) into log lines. A line without end is cut at the byte limit."""

    __slots__ = ("_level", "_limit", "_logs", "_rest")

    def __init__(self, logs: Logs, *, level: str, limit: int) -> None:
        self._logs = logs
        self._level = level
        self._limit = limit
        self._rest = bytearray()

    def write(self, data: bytes) -> None:
        self._rest += data
        if b"\n" in data:
            *whole, self._rest = self._rest.split(b"\n")
            for line in whole:
                self._add(bytes(line))
        if len(self._rest) > self._limit:
            self.flush()

    def flush(self) -> None:
        """Take what stands without a line end as a line."""
        self._add(bytes(self._rest))
        self._rest.clear()

    def _add(self, line: bytes) -> None:
        line = line.rstrip(b"\r")
        if line:
            self._logs.add(self._level, line)


def read(level: str, text: bytes) -> LogLine:
    """One line. A JSON object is a structured line: its `message` (or `msg`) is the message, the rest are fields."""
    if text[:1] == b"{" and text[-1:] == b"}":
        try:
            fields: dict[str, Any] = codec.decode(text)
        except codec.InvalidJson:
            return LogLine(level, text.decode(errors="replace"))
        key = next((key for key in ("message", "msg") if isinstance(fields.get(key), str)), None)
        return LogLine(level, fields.pop(key) if key is not None else "", fields)
    return LogLine(level, text.decode(errors="replace"))
