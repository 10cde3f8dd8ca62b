"""Binaries that no module has: a registration or a deletion that was killed leaves one, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence

from hengio.blobs.protocol import Blobs
from hengio.clock import SECOND, Clock
from hengio.errors import HengioError
from hengio.log import get_logger
from hengio.registry.binaries import key, owner
from hengio.storage.modules import ModuleStore

OLD_SECONDS = 86_400.0
"""A binary is stored a moment before its row: what has none after a day never gets one."""
_BETWEEN_SWEEPS_SECONDS = 86_400.0
_AT_ONCE = 500

log = get_logger("modules")


class Orphans:
    """Removes them. Any number of processes may: ids are never used twice, and removing again is no error."""

    def __init__(self, store: ModuleStore, binaries: Blobs, clock: Clock, *, old_seconds: float = OLD_SECONDS) -> None:
        self._store = store
        self._binaries = binaries
        self._clock = clock
        self._old_seconds = old_seconds

    async def sweep(self) -> int:
        """Remove what is old enough and belongs to no module. Returns how many that were; what is no binary of a module
        by its key is left alone."""
        before = self._clock.now() - int(self._old_seconds * SECOND)
        old = [
            module_id
            async for info in self._binaries.list()
            if info.modified_at <= before and (module_id := owner(info.key)) is not None
        ]
        removed = 0
        for ids in _parts(old):
            for module_id in sorted(set(ids) - await self._store.known(ids)):
                await self._binaries.delete(key(module_id))
                removed += 1
        return removed

    async def run(self) -> None:
        """For ever: sweep now and every day. What one round meets, the next one tries again."""
        while True:
            try:
                if removed := await self.sweep():
                    log.info("orphaned_binaries_removed", count=removed)
            except HengioError as error:
                log.warning("orphaned_binaries_not_removed", reason=str(error))
            except Exception:
                log.exception("sweep_of_binaries_broke")
            await asyncio.sleep(_BETWEEN_SWEEPS_SECONDS)


def _parts(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for begin in range(0, len(ids), _AT_ONCE):
        yield ids[begin : begin + _AT_ONCE]
