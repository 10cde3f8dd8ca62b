"""Compiled modules in memory: least recently used ones leave first, by bytes and by count (R7.1, R7.2)."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from hengio.sandbox.wasmtime.attempt import Runnable


@dataclass(slots=True)
class Counters:
    """What happened so far, for metrics."""

    hits: int = 0
    misses: int = 0
    evictions: int = 0


class Cache:
    """Keyed by digest. A module in use elsewhere lives on after it left the cache. Safe to use from any thread."""

    def __init__(self, *, max_bytes: int, max_count: int) -> None:
        self.counters = Counters()
        self.bytes = 0
        self._max_bytes = max_bytes
        self._max_count = max_count
        self._entries: OrderedDict[str, Runnable] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, digest: str) -> bool:
        return digest in self._entries

    def get(self, digest: str) -> Runnable | None:
        """The module, which becomes the most recently used one."""
        with self._lock:
            compiled = self._entries.get(digest)
            if compiled is None:
                self.counters.misses += 1
                return None
            self.counters.hits += 1
            self._entries.move_to_end(digest)
            return compiled

    def peek(self, digest: str) -> Runnable | None:
        """The module, without counting or renewing it."""
        return self._entries.get(digest)

    def put(self, compiled: Runnable) -> None:
        """Keep it, and let others go until the limits hold. One that is larger than the whole cache is not kept."""
        if compiled.size > self._max_bytes:
            return
        with self._lock:
            replaced = self._entries.pop(compiled.digest, None)
            self.bytes += compiled.size - (replaced.size if replaced is not None else 0)
            self._entries[compiled.digest] = compiled
            while self.bytes > self._max_bytes or len(self._entries) > self._max_count:
                _, oldest = self._entries.popitem(last=False)
                self.bytes -= oldest.size
                self.counters.evictions += 1
