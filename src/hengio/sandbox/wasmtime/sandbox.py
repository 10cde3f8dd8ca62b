"""The sandbox on Wasmtime (`sandbox.protocol.Sandbox`)."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Literal

import msgspec
import structlog
from msgspec import Struct, field

from hengio.clock import Clock, SystemClock
from hengio.errors import Corrupt, NotFound, Refused, Unavailable
from hengio.model.module import ModuleFacts
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.protocol import Call, Fetch
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.threads import Threads
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.cache import Cache
from hengio.sandbox.wasmtime.compile import Compiled, Compiler, DigestMismatch
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.compiling.workshop import CompileLimits, Workshop
from hengio.sandbox.wasmtime.config import Tier
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES, TICK_SECONDS, GuestEngine
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.inspect import Ceilings, inspect
from hengio.sandbox.wasmtime.perform import ended_before, perform
from hengio.sandbox.wasmtime.tally import Tally
from hengio.sandbox.wasmtime.witness import Witness

log = structlog.get_logger("hengio.sandbox")
_COMPILING = 2
"""Modules compiled at a time: a slow one does not hold up the next."""
_SPARE_SLOTS = 4
"""Instances the engine can hold beyond one for each thread."""


class SandboxSettings(Struct, frozen=True, kw_only=True):
    """`threads` run guests, each one at a time; the cache's limits are of compiled code and of modules. With both tiers
    a module's first calls run on baseline code, which is there ten times sooner, until the optimised one is."""

    threads: int = min(8, (os.cpu_count() or 1) + 2)
    cache_bytes: int = 512 << 20
    cache_modules: int = 256
    ceilings: Ceilings = field(default_factory=Ceilings)
    compile_limits: CompileLimits = field(default_factory=CompileLimits)
    tiers: Literal["both", "optimized"] = "optimized"


class WasmtimeSandbox:
    """Runs guests in this process, each call in an instance of its own. Usable from any number of event loops.

    With `artefacts`, which are closed with it, compiled code outlives the process.
    """

    def __init__(
        self,
        settings: SandboxSettings | None = None,
        *,
        clock: Clock | None = None,
        artefacts: Artefacts | None = None,
    ) -> None:
        settings = settings or SandboxSettings()
        self.cache = Cache(max_bytes=settings.cache_bytes, max_count=settings.cache_modules)
        self._ceilings = settings.ceilings
        clock = clock or SystemClock()
        self._workshop = Workshop(settings.compile_limits)
        self._tally = Tally()
        self._artefacts = artefacts
        code = CodeSource(self._workshop, self._tally, artefacts)
        slots = settings.threads + _SPARE_SLOTS

        def compiler(tier: Tier) -> Compiler:
            engine = GuestEngine.pooled(tier, slots=slots)
            return Compiler(engine, code, clock=clock, ceilings=settings.ceilings)

        self._compiler = compiler("optimized")
        self._baseline = compiler("baseline") if settings.tiers == "both" else None
        own = CodeSource(self._workshop, self._tally)  # small and rare: not worth waiting for a store
        self._witness = Witness(own, clock=clock, ceilings=settings.ceilings)
        self._threads = Threads(settings.threads, stack_bytes=THREAD_STACK_BYTES)
        self._compiling = ThreadPoolExecutor(_COMPILING, thread_name_prefix="hengio-compile")
        self._improving = ThreadPoolExecutor(1, thread_name_prefix="hengio-improve")
        self._loading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}
        self._begun: dict[str, Future[Compiled]] = {}
        self._improvements: dict[str, Future[Compiled | None]] = {}
        self._beginning = threading.Lock()

    def inspect(self, binary: bytes) -> ModuleFacts:
        facts = inspect(binary, self._compiler.engine.handle, self._ceilings)
        self._workshop.prepare()
        return facts

    async def call(self, call: Call, fetch: Fetch) -> Outcome:
        compiled = self.cache.get(call.digest)
        if compiled is None:
            try:
                compiled = await self.load(call.digest, fetch)
            except (Refused, NotFound, Corrupt) as error:
                return ended_before(OutcomeKind.MODULE_REFUSED, error.code, str(error))
        refusal = _misfit(compiled, call)
        if refusal is not None:
            return refusal
        guest = Guest(call, asyncio.get_running_loop())
        outcome = await self._run(compiled, guest)
        if outcome.kind is OutcomeKind.OUT_OF_FUEL and compiled.engine.tier == "baseline" and not _left_traces(outcome):
            return await self._once_more(call, compiled, guest) or outcome
        return outcome

    async def _run(self, compiled: Compiled, guest: Guest) -> Outcome:
        self._tally.call(compiled.engine.tier)
        try:
            return await self._threads.submit(lambda: perform(compiled, guest, witness=self._witness))
        except asyncio.CancelledError:
            guest.cancel()
            raise

    async def _once_more(self, call: Call, compiled: Compiled, guest: Guest) -> Outcome | None:
        """The same call on optimised code, which counts fuel a little differently and is what a limit is measured by.

        None if there is none, or no time left. What it logs again is heard by nobody.
        """
        loop = asyncio.get_running_loop()
        improved = self.cache.peek(call.digest)
        if improved is None or improved.engine.tier == "baseline":
            try:
                improved = await loop.run_in_executor(self._improving, self._improve, compiled.binary, call.digest)
            except RuntimeError:  # closing
                return None
        left = guest.deadline - time.monotonic()
        if improved is None or left <= 0:
            return None
        limits = msgspec.structs.replace(call.limits, timeout_seconds=left)
        again = msgspec.structs.replace(call, limits=limits, on_log=None)
        return await self._run(improved, Guest(again, loop))

    def run_here(self, call: Call, compiled: Compiled) -> Outcome:
        """The same on the present thread, which must not be the main one and needs `THREAD_STACK_BYTES` of stack."""
        return _misfit(compiled, call) or perform(compiled, Guest(call), witness=self._witness)

    async def load(self, digest: str, fetch: Fetch) -> Compiled:
        """Fetch and compile; concurrent first calls do it once. Raises `Refused` (`DigestMismatch`) and as `fetch`."""
        key = (asyncio.get_running_loop(), digest)
        async with self._loading.setdefault(key, asyncio.Lock()):
            try:
                compiled = self.cache.peek(digest)
                if compiled is None:
                    binary = await fetch()
                    compiled = await asyncio.shield(asyncio.wrap_future(self._begin(binary, digest)))
                return compiled
            finally:
                self._loading.pop(key, None)

    def prepare(self, binary: bytes, digest: str) -> None:
        with suppress(RuntimeError):  # closing
            self._begin(binary, digest).add_done_callback(lambda made: _tell(made, digest))

    async def prepared(self, digest: str) -> None:
        for under_way in (self._begun, self._improvements):  # the second is begun by the first
            future = under_way.get(digest)
            if future is not None:
                await asyncio.gather(asyncio.shield(asyncio.wrap_future(future)), return_exceptions=True)
        if self._artefacts is not None:
            await asyncio.to_thread(self._artefacts.flush)

    def _begin(self, binary: bytes, digest: str) -> Future[Compiled]:
        """The compilation that is under way, or a new one."""
        with self._beginning:
            if digest not in self._begun:
                future = self._begun[digest] = self._compiling.submit(self._compile, binary, digest)
                future.add_done_callback(lambda _: self._begun.pop(digest, None))
                return future
            return self._begun[digest]

    def _compile(self, binary: bytes, digest: str) -> Compiled:
        """Compile and keep, even if by now nobody waits for it."""
        compiled = self.cache.peek(digest) or self._first(binary, digest)
        self.cache.put(compiled)
        return compiled

    def _first(self, binary: bytes, digest: str) -> Compiled:
        """What is there soonest; baseline code is followed by optimised code, which takes its place in the cache."""
        if self._baseline is None:
            return self._compiler.compile(binary, digest)
        if (kept := self._compiler.recall(binary, digest)) is not None:
            return kept
        try:
            compiled = self._baseline.compile(binary, digest)
        except DigestMismatch:
            raise
        except Refused:  # Winch does not know all that Cranelift does, which has the last word
            return self._compiler.compile(binary, digest)
        with suppress(RuntimeError):  # closing
            future = self._improvements[digest] = self._improving.submit(self._improve, binary, digest)
            future.add_done_callback(lambda _: self._improvements.pop(digest, None))
        return compiled

    def _improve(self, binary: bytes, digest: str) -> Compiled | None:
        """Put optimised code in the place of baseline code. Calls under way go on with what they began with."""
        known = self.cache.peek(digest)
        if known is not None and known.engine.tier == "optimized":
            return known
        try:
            improved = self._compiler.compile(binary, digest)
        except (Refused, Unavailable) as error:
            log.info("module_not_optimized", digest=digest, reason=str(error))
            return None
        if digest in self.cache:
            self.cache.put(improved)
        return improved

    def statistics(self) -> SandboxStatistics:
        tally, counters = self._tally, self.cache.counters
        return SandboxStatistics(
            cache_hits=counters.hits,
            cache_misses=counters.misses,
            cache_evictions=counters.evictions,
            modules=len(self.cache),
            bytes=self.cache.bytes,
            artefact_hits=tally.artefact_hits,
            artefact_misses=tally.artefact_misses,
            artefacts_refused=0 if self._artefacts is None else self._artefacts.refused,
            calls=dict(tally.calls),
            compilations=dict(tally.compilations),
            compile_seconds=dict(tally.compile_seconds),
        )

    def running(self) -> tuple[Guest, ...]:
        """The guests that run at this moment."""
        return tuple(guest for engine in self._engines for guest in engine.ticker.guests())

    @property
    def _engines(self) -> list[GuestEngine]:
        return [compiler.engine for compiler in (self._compiler, self._baseline) if compiler is not None]

    async def close(self) -> None:
        self._threads.refuse()
        while self._threads.alive:
            for guest in self.running():  # again and again: a thread may just have begun with one
                guest.cancel()
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._workshop.close()
        self._compiling.shutdown(cancel_futures=True)
        self._improving.shutdown(cancel_futures=True)
        for engine in self._engines:
            engine.close()
        self._witness.close()
        if self._artefacts is not None:
            self._artefacts.close()


def _tell(made: Future[Compiled], digest: str) -> None:
    """Log why a module could not be made ready, unless it is for closing; nobody waits for it."""
    error = None if made.cancelled() else made.exception()
    if error is not None and not isinstance(error, Unavailable):
        log.warning("module_not_prepared", digest=digest, reason=str(error))


def _left_traces(outcome: Outcome) -> bool:
    """Whether running it again could do something twice."""
    return outcome.wrote or bool(outcome.context_writes)


def _misfit(compiled: Compiled, call: Call) -> Outcome | None:
    """The outcome if the call can not even begin: no such entry, or more memory declared than allowed."""
    if compiled.kind == "reactor" and call.function not in compiled.entries:
        known = ", ".join(sorted(compiled.entries))
        message = f"the module has no entry {call.function!r}; its entries are {known}"
        return ended_before(OutcomeKind.MODULE_REFUSED, "entry_missing", message)
    needed, limit = compiled.memory_minimum, call.limits.memory_bytes
    if needed > limit:
        message = f"the module declares {needed} bytes of memory at least, more than the limit of {limit}"
        return ended_before(OutcomeKind.OUT_OF_MEMORY, "out_of_memory", message)
    return None
