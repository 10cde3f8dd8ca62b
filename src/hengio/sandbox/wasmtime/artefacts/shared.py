"""Artefacts in an area of the object store, for all processes of an installation."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import structlog

from hengio.blobs.protocol import Blobs
from hengio.errors import HengioError, NotFound, Refused

log = structlog.get_logger("hengio.sandbox")
T = TypeVar("T")
_SECONDS = 10.0
"""For one artefact, there or back: compiling again is better than waiting longer."""
_AWAY_SECONDS = 30.0
"""How long a store that did not answer is not asked again, so that it holds up one module and not each."""
_PART_BYTES = 8 << 20


class Shared:
    """`Folder`'s promises, from threads that run no event loop. The area is bounded by whoever owns the store."""

    where = "object store"

    def __init__(self, blobs: Blobs, *, max_bytes: int) -> None:
        self._blobs = blobs
        self._max_bytes = max_bytes
        self._complained = False
        self._away_until = 0.0

    def read(self, name: str) -> bytes | None:
        return self._done(lambda: self._read(name))

    def write(self, name: str, data: bytes) -> None:
        self._done(lambda: self._blobs.put(name, data))

    def remove(self, name: str) -> None:
        self._done(lambda: self._blobs.delete(name))

    async def _read(self, name: str) -> bytes:
        parts, size = [], 0
        async for part in self._blobs.stream(name, chunk_bytes=_PART_BYTES):
            parts.append(part)
            size += len(part)
            if size > self._max_bytes:
                raise Refused(f"{name} has more than {self._max_bytes} bytes")
        return b"".join(parts)

    def _done(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """What the store answers, None where it does not or has nothing."""
        if time.monotonic() < self._away_until:
            return None
        try:
            answer = asyncio.run(asyncio.wait_for(work(), _SECONDS))
        except (NotFound, Refused):
            return None
        except (HengioError, TimeoutError) as error:
            self._away_until = time.monotonic() + _AWAY_SECONDS
            self._complain(str(error) or f"no answer within {_SECONDS:g} s")
            return None
        self._complained = False
        return answer

    def _complain(self, reason: str) -> None:
        if not self._complained:
            self._complained = True
            log.warning("artefacts_not_kept", where=self.where, reason=reason)
