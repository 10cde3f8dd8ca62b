"""The audit log's chain: read whole and judged, and its end told where nobody with the database can change it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from msgspec import Struct

from hengio.errors import HengioError
from hengio.log import get_logger
from hengio.storage.audit import AuditStore
from hengio.storage.chain import START, Anchor, AuditKeys, Fault, Verifier

log = get_logger("audit")

PAGE = 1000
EVERY_SECONDS = 60.0


class Verdict(Struct, frozen=True):
    """How far the chain is as it was written: so many entries, the last of that number and hash. `fault` comes next."""

    entries: int
    sequence: int
    hash: str
    fault: Fault | None


async def verify(store: AuditStore, keys: AuditKeys, *, after: int = 0, anchor: Anchor | None = None) -> Verdict:
    """Read the chain behind that number, to its end or the first fault. The `anchor` must be part of it.

    Entries that are added meanwhile are read, too.
    """
    verifier = Verifier(keys, *await _start(store, after), anchor=anchor)
    while verifier.fault is None:
        page = await store.linked(after=verifier.sequence, limit=PAGE)
        verifier.read(page)
        if not page:
            end = await store.end()
            if not await store.linked(after=verifier.sequence, limit=1):
                verifier.finish(end)
                break
    return Verdict(verifier.entries, verifier.sequence, verifier.hash, verifier.fault)


async def _start(store: AuditStore, after: int) -> tuple[int, str]:
    """Where the first entry behind that number says that it stands, which is taken as it is."""
    if not after:
        return 0, START
    found = await store.linked(after=after, limit=1)
    if found:
        return found[0][1].sequence - 1, found[0][1].previous
    end = await store.end()
    return after, START if end is None else end.hash


@dataclass(slots=True)
class EndTeller:
    """Writes the chain's end to the log, where it was not told yet, and keeps its number for the metrics: who collects
    them elsewhere can tell later that entries were cut off."""

    store: AuditStore
    sequence: int = field(default=0, init=False)

    async def run(self, *, every_seconds: float = EVERY_SECONDS) -> None:
        """Look for ever."""
        while True:
            await self.tell()
            await asyncio.sleep(every_seconds)

    async def tell(self) -> None:
        """Look once. A database that can not be read is asked again later."""
        try:
            end = await self.store.end()
        except HengioError:
            return
        if end is not None and end.sequence != self.sequence:
            if end.sequence < self.sequence:
                log.error("audit_shortened", sequence=end.sequence, known=self.sequence)
            log.info("audit_end", sequence=end.sequence, hash=end.hash)
            self.sequence = end.sequence
