"""Compiled code of modules, ready to be handed to the processes of guests (R7.1-R7.4)."""

from __future__ import annotations

import asyncio
import os
import threading
from collections import OrderedDict, defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import msgspec
import structlog

from hengio.errors import Refused, Unavailable
from hengio.sandbox.binary import is_component
from hengio.sandbox.processes.wire import file_of
from hengio.sandbox.protocol import Fetch
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.wasmtime.cache import Counters
from hengio.sandbox.wasmtime.compile import checked
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.config import BETTER, Tier
from hengio.sandbox.wasmtime.library import SandboxSettings

log = structlog.get_logger("hengio.sandbox")
_COMPILING = 2


class Entry:
    """A module: its binary and its code, each a sealed file, and for which tier calls should use it now."""

    def __init__(self, binary: bytes, digest: str, first: Tier) -> None:
        self.digest = digest
        self.tier = first
        self.size = len(binary)
        self.bytes = binary
        self.binary = file_of(binary, "hengio-module")
        self._codes: dict[Tier, int] = {}
        self._compiling: defaultdict[Tier, threading.Lock] = defaultdict(threading.Lock)

    def code(self, tier: Tier, source: CodeSource) -> int:
        """The file of its code for a tier, compiled if it is not there. Raises as `Compiles.compile`."""
        with self._compiling[tier]:
            if tier not in self._codes:
                code = source.load(bytes, self.bytes, self.digest, tier, source.kept(self.digest, tier))
                self._codes[tier] = file_of(code, "hengio-code")
                self.size += len(code)
            return self._codes[tier]

    def __del__(self) -> None:
        for file in (getattr(self, "binary", None), *getattr(self, "_codes", {}).values()):
            if file is not None:
                os.close(file)


class Codes:
    """The entries in use, least recently used ones leave first, by bytes and by count."""

    def __init__(self, settings: SandboxSettings, source: CodeSource) -> None:
        self.source = source
        self.counters = Counters()
        self._settings = settings
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._compiling = ThreadPoolExecutor(_COMPILING, thread_name_prefix="hengio-compile")
        self._improving = ThreadPoolExecutor(1, thread_name_prefix="hengio-improve")
        self._loading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}

    async def entry(self, digest: str, fetch: Fetch) -> Entry:
        """The module, fetched and compiled if it is not there. Raises `Refused` (`DigestMismatch`) and as `fetch`."""
        known = self._known(digest)
        if known is not None:
            return known
        key = (asyncio.get_running_loop(), digest)
        async with self._loading.setdefault(key, asyncio.Lock()):
            try:
                known = self._entries.get(digest)
                if known is None:
                    binary = await fetch()
                    making = key[0].run_in_executor(self._compiling, self._first, binary, digest)
                    known = await asyncio.shield(making)
                return known
            finally:
                self._loading.pop(key, None)

    def improve(self, entry: Entry) -> bool:
        """Whether there is optimised code, compiled now if need be."""
        better = BETTER.get(entry.tier)
        if better is None:
            return True
        try:
            entry.code(better, self.source)
        except Unavailable:  # closing
            return False
        except Refused as error:
            log.info("module_not_optimized", digest=entry.digest, reason=str(error))
            return False
        entry.tier = better
        return True

    def _known(self, digest: str) -> Entry | None:
        with self._lock:
            entry = self._entries.get(digest)
            if entry is None:
                self.counters.misses += 1
            else:
                self.counters.hits += 1
                self._entries.move_to_end(digest)
            return entry

    def statistics(self, known: SandboxStatistics) -> SandboxStatistics:
        """The same with the numbers of these entries."""
        with self._lock:
            return msgspec.structs.replace(
                known,
                cache_hits=self.counters.hits,
                cache_misses=self.counters.misses,
                cache_evictions=self.counters.evictions,
                modules=len(self._entries),
                bytes=sum(entry.size for entry in self._entries.values()),
            )

    def _first(self, binary: bytes, digest: str) -> Entry:
        checked(binary, digest)
        first: Tier = "component-baseline" if is_component(binary) else "baseline"
        entry = Entry(binary, digest, first if self._settings.tiers == "both" else BETTER[first])
        try:
            entry.code(entry.tier, self.source)
        except Refused:  # Winch does not know all that Cranelift does, which has the last word
            if entry.tier not in BETTER:
                raise
            entry.tier = BETTER[entry.tier]
            entry.code(entry.tier, self.source)
        self._keep(entry)
        if entry.tier in BETTER:
            with suppress(RuntimeError):  # closing
                self._improving.submit(self.improve, entry)
        return entry

    def _keep(self, entry: Entry) -> None:
        with self._lock:
            self._entries[entry.digest] = entry
            while len(self._entries) > 1 and (
                len(self._entries) > self._settings.cache_modules
                or sum(kept.size for kept in self._entries.values()) > self._settings.cache_bytes
            ):
                self._entries.popitem(last=False)
                self.counters.evictions += 1

    def close(self) -> None:
        self._compiling.shutdown(cancel_futures=True)
        self._improving.shutdown(cancel_futures=True)
