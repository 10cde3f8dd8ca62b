"""Where tapes of calls are kept: an area of the object store that neither jobs nor modules can name."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog

from hengio.blobs.protocol import Blobs
from hengio.clock import SECOND, Clock
from hengio.errors import HengioError
from hengio.model.tape import Origin, Tape, TapeMode
from hengio.redaction.redact import Sensitive
from hengio.sandbox.tapes import file
from hengio.sandbox.tapes.keep import kept

log = structlog.get_logger("hengio.tapes")
_SECONDS = 5.0
"""How long a step waits for its tape to be stored."""
_MOST_WAITING = 64
"""Tapes that are made ready or wait for that: each holds a call's recording in memory."""
_DAY = 86_400 * SECOND
_BETWEEN_SWEEPS_SECONDS = 3_600.0


class Tapes:
    """Stores tapes, redacted, and deletes old ones.

    `mode` holds where a step does not say. `always_sensitive` returns the values that no guest is given, and that
    stand in no tape even if an answer from outside holds them: passwords, and secrets that the host fills in.
    """

    def __init__(
        self,
        area: Blobs,
        clock: Clock,
        *,
        mode: TapeMode,
        most_bytes: int,
        days: float,
        always_sensitive: Callable[[], Iterable[Sensitive]] = tuple,
    ) -> None:
        self._area = area
        self._clock = clock
        self._days = days
        self._always_sensitive = always_sensitive
        self._cleaning = ThreadPoolExecutor(1, thread_name_prefix="hengio-tape")
        """A guest decides how much there is to clean: no other work waits behind it."""
        self._begun: list[Future[bytes]] = []
        self.mode: TapeMode = mode
        self.most_bytes = most_bytes

    async def keep(
        self, tape: Tape, origin: Origin, values: Iterable[Sensitive], *, seconds: float | None = None
    ) -> dict[str, Any]:
        """Store it within `seconds`, if given; what the step's detail says of it: `tape`, or `tape_missing` with the
        reason.

        Never raises: a call is not worth less because its recording is lost.
        """
        reference = key(origin.execution_id, origin.step_id, visit=origin.visit, attempt=origin.attempt)
        if len(tape.input) > self.most_bytes:
            return {"tape_missing": f"the input is larger than a tape may be ({self.most_bytes} bytes)"}
        self._begun = [one for one in self._begun if not one.done()]
        if len(self._begun) >= _MOST_WAITING:
            return {"tape_missing": f"{_MOST_WAITING} other tapes are not stored yet"}
        limit = _SECONDS if seconds is None else min(_SECONDS, seconds)
        try:
            async with asyncio.timeout(limit):
                await self._area.put(reference, await self._packed(tape, [*values]))
        except (HengioError, TimeoutError) as error:
            reason = str(error) or f"it was not stored within {limit:.3g} s"
            log.warning("tape_missing", execution_id=origin.execution_id, step_id=origin.step_id, reason=reason)
            return {"tape_missing": reason}
        return {"tape": reference}

    async def load(self, reference: str) -> Tape:
        """The tape that a step's detail names. Raises `NotFound`, and `Refused` for what is no tape."""
        return await asyncio.to_thread(file.unpack, await self._area.get(reference))

    async def sweep(self) -> int:
        """Delete what is older than the limit. Returns how many tapes that were."""
        before = self._clock.now() - int(self._days * _DAY)
        old = [info.key async for info in self._area.list() if info.modified_at < before]
        for reference in old:
            await self._area.delete(reference)
        return len(old)

    async def run(self) -> None:
        """For ever: sweep every hour. What one round meets, the next one tries again."""
        while True:
            try:
                if swept := await self.sweep():
                    log.info("tapes_deleted", count=swept, days=self._days)
            except HengioError as error:
                log.warning("tapes_not_swept", reason=str(error))
            except Exception:
                log.exception("sweep_of_tapes_broke")
            await asyncio.sleep(_BETWEEN_SWEEPS_SECONDS)

    async def _packed(self, tape: Tape, values: list[Sensitive]) -> bytes:
        """The tape as it is stored. One whose step does not wait any more is not begun."""

        always = [*self._always_sensitive()]

        def pack() -> bytes:
            return file.pack(kept(tape, [*always, *values], most_bytes=self.most_bytes))

        begun = self._cleaning.submit(pack)
        self._begun.append(begun)
        return await asyncio.wrap_future(begun)


def key(execution_id: str, step_id: str, *, visit: int, attempt: int) -> str:
    """Where the tape of a step run is stored."""
    return f"{execution_id}/{step_id}/{visit}-{attempt}.tape"
