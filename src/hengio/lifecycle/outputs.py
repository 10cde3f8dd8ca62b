"""Outputs that are too large for a row: objects named by their SHA-256, stored before the row and checked when read."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from hengio.blobs.protocol import Blobs
from hengio.codec import Raw
from hengio.errors import Conflict, Corrupt, NotFound, Unavailable
from hengio.lifecycle.journal import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS
from hengio.log import get_logger
from hengio.model.execution import StepRun

log = get_logger("outputs")

INLINE_BYTES = 64 << 10
"""What a row may hold; more goes to the object store."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """The outputs of step runs, wherever they are."""

    blobs: Blobs

    async def keep(self, output: Raw) -> str | None:
        """Store an output that a row cannot hold, and return its digest; None if a row can.

        A store that is full or away is waited for: the step has done its work, and to fail it would repeat what it did.
        """
        if len(output) <= INLINE_BYTES:
            return None
        data = bytes(output)
        digest = hashlib.sha256(data).hexdigest()
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                await self._put_once(digest, data)
            except (Unavailable, NotFound, Conflict) as error:
                log.warning("output_waits", error=str(error), hint=error.hint, bytes=len(data), pause_seconds=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                return digest

    async def load(self, run: StepRun) -> Raw | None:
        """The output of a step run; None without one. `NotFound` if its object is gone, `Corrupt` if it is another."""
        if run.output_digest is None:
            return run.output
        data = await self.blobs.get(run.output_digest)
        if hashlib.sha256(data).hexdigest() != run.output_digest:
            raise Corrupt(f"the output {run.output_digest} of step '{run.step_id}' is not what was stored")
        return Raw(data)

    async def _put_once(self, digest: str, data: bytes) -> None:
        """Store it if it is not there yet. Raises if the store refuses it and does not have it either."""
        try:
            await self.blobs.put_new(digest, data)
        except Conflict:
            await self.blobs.info(digest)
