"""What a dispatcher promises."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from hengio.storage.protocol import Work


class Delivery(Protocol):
    """One piece of work handed to one worker. Exactly one of `ack` and `retry` ends it."""

    work: Work

    def ack(self) -> None:
        """It is dealt with: claimed and carried to its end, or found to be somebody else's."""
        ...

    def retry(self, after_seconds: float) -> None:
        """Hand it out again after that time."""
        ...


class Dispatcher(Protocol):
    """Carries `Work` to workers.

    Promises: at least once while its own process lives; published twice under one dispatch number, it may be handed
    out once. Does not promise: order, exactly once, or to survive the process (the database is the truth: what is
    pending there is published again).
    """

    async def publish(self, work: Sequence[Work]) -> None: ...

    def deliveries(self, *, at_once: int) -> AsyncIterator[Delivery]:
        """Work for one worker, with at most `at_once` deliveries not yet ended. Ends when the dispatcher is closed."""
        ...

    async def close(self) -> None: ...
