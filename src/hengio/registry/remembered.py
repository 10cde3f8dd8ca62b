"""What was looked up is remembered for a second, so that a change reaches the next execution and calls cost nothing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from hengio.clock import Clock

REMEMBERED_SECONDS = 1.0
_MOST = 10_000
T = TypeVar("T")


class Remembered(Generic[T]):
    """Values by name. When the second of one is over, whoever asks first looks it up, and the others go on with what
    they know meanwhile. What is not found is not remembered."""

    def __init__(self, clock: Clock, look_up: Callable[[str], Awaitable[T]]) -> None:
        self._clock = clock
        self._look_up = look_up
        self._known: dict[str, tuple[float, T]] = {}

    async def get(self, name: str) -> T:
        """The value; raises as `look_up`."""
        remembered, now = self._known.get(name), self._clock.monotonic()
        if remembered is not None and now - remembered[0] < REMEMBERED_SECONDS:
            return remembered[1]
        if remembered is not None:
            self._known[name] = (now, remembered[1])
        try:
            value = await self._look_up(name)
        except BaseException:
            self._known.pop(name, None)
            raise
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[name] = (now, value)
        return value

    def forget(self) -> None:
        """Look everything up anew."""
        self._known.clear()
