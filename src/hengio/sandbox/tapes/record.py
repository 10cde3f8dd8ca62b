"""What one call learns from the world, kept as it comes.

Made with the first thing a guest learns, so that a call which learns nothing pays nothing. Memory is bounded twice:
past `tape_bytes` events no longer belong to the tape, but are kept for a second run of the guest (`wasmtime.witness`)
up to a limit of its own; past that nothing is kept.
"""

from __future__ import annotations

from array import array

from hengio.model.tape import ContextCall, Random, Request, Sleep, TapeEvent, Times

_MOST_KEPT = 64 << 20
"""Bytes that are kept for a second run of a call."""
_OVERHEAD = 256
"""What an event takes beside the bytes in it."""


class Record:
    """Events in order. Readings of one clock in a row are one event, and so are random bytes in a row."""

    __slots__ = ("_clock", "_events", "_on_tape", "_random", "_readings", "_tape_bytes", "_used", "missing")

    def __init__(self, tape_bytes: int) -> None:
        self._events: list[TapeEvent | tuple[int, array[int]] | bytearray] = []
        self._tape_bytes = tape_bytes
        self._used = 0
        self._on_tape: int | None = None
        self._clock = -1
        self._readings: array[int] = array("Q")
        self._random: bytearray | None = None
        self.missing = 0
        """Events that were not kept at all."""

    @property
    def whole(self) -> bool:
        """Whether everything was kept."""
        return self.missing == 0

    def time(self, clock: int, nanoseconds: int) -> None:
        """A reading of a clock, below 2^64."""
        if not self._admits(8):
            return
        if clock != self._clock:
            self._clock, self._readings, self._random = clock, array("Q"), None
            self._append((clock, self._readings))
        self._readings.append(nanoseconds)

    def random(self, data: bytes) -> None:
        """Random bytes that were given."""
        if not self._admits(len(data)):
            return
        if self._random is None:
            self._clock, self._random = -1, bytearray()
            self._append(self._random)
        self._random += data

    def add(self, event: Sleep | ContextCall | Request, size: int = 0) -> None:
        """Any other event, with so many bytes in it."""
        if self._admits(size):
            self._clock, self._random = -1, None
            self._append(event)

    def events(self) -> tuple[TapeEvent, ...]:
        """All that was kept."""
        return tuple(_closed(event) for event in self._events)

    def on_tape(self) -> tuple[tuple[TapeEvent, ...], int]:
        """The events that belong to the tape, and how many do not."""
        events = self.events()
        end = len(events) if self._on_tape is None else self._on_tape
        return events[:end], len(events) - end + self.missing

    def _append(self, event: TapeEvent | tuple[int, array[int]] | bytearray) -> None:
        self._used += _OVERHEAD
        self._events.append(event)

    def _admits(self, size: int) -> bool:
        """Counts so many bytes. What does not fit ends what is kept: a gap could not be played over."""
        if self.missing or self._used + size > _MOST_KEPT:
            self.missing += 1
            return False
        self._used += size
        if self._used > self._tape_bytes and self._on_tape is None:
            self._on_tape = len(self._events)
            self._clock, self._random = -1, None
        return True


def _closed(event: TapeEvent | tuple[int, array[int]] | bytearray) -> TapeEvent:
    match event:
        case bytearray():
            return Random(bytes(event))
        case (clock, readings):
            return Times(clock, _little_endian(readings))
        case _:
            return event


def _little_endian(readings: array[int]) -> bytes:
    return b"".join(reading.to_bytes(8, "little") for reading in readings)
