"""Compiled modules: those in memory, and how one comes there (R7.1-R7.4).

With both tiers a module's first calls run on baseline code, which is there ten times sooner than the optimised one;
`baseline` stays with that.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Generic, Literal, NamedTuple, TypeVar

import structlog
from msgspec import Struct, field

from hengio.clock import Clock
from hengio.errors import Refused, Unavailable
from hengio.model.module import ModuleFacts
from hengio.sandbox.binary import is_component
from hengio.sandbox.protocol import Fetch
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.wasmtime import memory
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.attempt import Runnable
from hengio.sandbox.wasmtime.cache import Cache
from hengio.sandbox.wasmtime.compile import Compiler, DigestMismatch
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.compiling.workshop import CompileLimits, Workshop
from hengio.sandbox.wasmtime.component.compile import CompiledComponent, ComponentCompiler
from hengio.sandbox.wasmtime.config import BETTER, Tier
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.inspect import Ceilings, inspect
from hengio.sandbox.wasmtime.tally import Tally

log = structlog.get_logger("hengio.sandbox")
_SPARE_SLOTS = 4
"""Instances the engine can hold beyond one for each thread."""
_COMPILING = 2
"""Modules compiled at a time: a slow one does not hold up the next."""


class SandboxSettings(Struct, frozen=True, kw_only=True):
    """`threads` run guests, each one at a time; the cache's limits are of compiled code and of modules."""

    threads: int = min(8, (os.cpu_count() or 1) + 2)
    cache_bytes: int = 512 << 20
    cache_modules: int = 256
    ceilings: Ceilings = field(default_factory=Ceilings)
    compile_limits: CompileLimits = field(default_factory=CompileLimits)
    tiers: Literal["both", "optimized", "baseline"] = "optimized"


Maker = TypeVar("Maker", Compiler, ComponentCompiler)


class _Compilers(NamedTuple, Generic[Maker]):
    """Those of one kind of modules, for optimised and, if wanted, for baseline code."""

    best: Maker
    first: Maker | None


class Library:
    """Usable from any number of event loops."""

    def __init__(self, settings: SandboxSettings, *, clock: Clock, artefacts: Artefacts | None = None) -> None:
        """With `artefacts`, which are closed with it, compiled code outlives the process."""
        self.cache = Cache(max_bytes=settings.cache_bytes, max_count=settings.cache_modules)
        self.workshop, self.tally = Workshop(settings.compile_limits), Tally()
        self.code = CodeSource(self.workshop, self.tally, artefacts)
        self._artefacts = artefacts
        self._settings = settings
        self._clock = clock
        self._core = self._compilers(self._core_compiler, "optimized")
        self._components: _Compilers[ComponentCompiler] | None = None
        self._building = threading.Lock()
        self._compiling = ThreadPoolExecutor(_COMPILING, thread_name_prefix="hengio-compile")
        self._improving = ThreadPoolExecutor(1, thread_name_prefix="hengio-improve")
        self._loading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}
        self._begun: dict[str, Future[Runnable]] = {}
        self._improvements: dict[str, Future[Runnable | None]] = {}
        self._beginning = threading.Lock()

    @property
    def engines(self) -> list[GuestEngine]:
        """All on which guests may be running."""
        made = [*self._core, *(self._components or ())]
        return [compiler.engine for compiler in made if compiler is not None]

    def inspect(self, binary: bytes) -> ModuleFacts:
        """See `Sandbox.inspect`. A component is compiled for it, which is kept for its first call."""
        if not is_component(binary):
            facts = inspect(binary, self._core.best.engine.handle, self._settings.ceilings)
            self.workshop.prepare()
            return facts
        compiled = self._compile(binary, hashlib.sha256(binary).hexdigest())
        assert isinstance(compiled, CompiledComponent)
        return compiled.facts

    async def load(self, digest: str, fetch: Fetch) -> Runnable:
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
        """See `Sandbox.prepare`."""
        with suppress(RuntimeError):  # closing
            self._begin(binary, digest).add_done_callback(lambda made: _tell(made, digest))

    async def prepared(self, digest: str) -> None:
        """See `Sandbox.prepared`."""
        for under_way in (self._begun, self._improvements):  # the second is begun by the first
            future: Future[Any] | None = under_way.get(digest)
            if future is not None:
                await asyncio.gather(asyncio.shield(asyncio.wrap_future(future)), return_exceptions=True)
        if self._artefacts is not None:
            await asyncio.to_thread(self._artefacts.flush)

    async def improved(self, compiled: Runnable, *, seconds: float) -> Runnable | None:
        """Its optimised code, waited for as long as that, then made behind; None if there is none by then."""
        known = self.cache.peek(compiled.digest)
        if known is not None and known.engine.tier not in BETTER:
            return known
        future = self._improve_later(compiled)
        if future is None:
            return None
        done, _ = await asyncio.wait([asyncio.wrap_future(future)], timeout=seconds)
        return future.result() if done and not future.cancelled() else None

    def _begin(self, binary: bytes, digest: str) -> Future[Runnable]:
        """The compilation that is under way, or a new one."""
        with self._beginning:
            if digest not in self._begun:
                future = self._begun[digest] = self._compiling.submit(self._compile, binary, digest)
                future.add_done_callback(lambda _: self._begun.pop(digest, None))
                return future
            return self._begun[digest]

    def _compile(self, binary: bytes, digest: str) -> Runnable:
        """Compile and keep, even if by now nobody waits for it."""
        compiled = self.cache.peek(digest) or self._first(binary, digest)
        self.cache.put(compiled)
        return compiled

    def _first(self, binary: bytes, digest: str) -> Runnable:
        """What is there soonest; baseline code is followed by optimised code, which takes its place in the cache."""
        best, first = self._of(binary)
        if first is None:
            return best.compile(binary, digest)
        if self._settings.tiers == "both" and (kept := best.recall(binary, digest)) is not None:
            return kept
        try:
            compiled = first.compile(binary, digest)
        except DigestMismatch:
            raise
        except Refused:  # Winch does not know all that Cranelift does, which has the last word
            return best.compile(binary, digest)
        if self._settings.tiers == "both":
            self._improve_later(compiled)
        return compiled

    def _improve_later(self, compiled: Runnable) -> Future[Runnable | None] | None:
        """What is under way, or begun now; None while closing."""
        with self._beginning:
            future = self._improvements.get(compiled.digest)
            if future is not None:
                return future
            try:
                future = self._improving.submit(self._improve, compiled.binary, compiled.digest)
            except RuntimeError:  # closing
                return None
            self._improvements[compiled.digest] = future
        future.add_done_callback(lambda _: self._improvements.pop(compiled.digest, None))
        return future

    def _improve(self, binary: bytes, digest: str) -> Runnable | None:
        """Put optimised code in the place of baseline code. Calls under way go on with what they began with."""
        known = self.cache.peek(digest)
        if known is not None and known.engine.tier not in BETTER:
            return known
        try:
            improved = self._of(binary).best.compile(binary, digest)
        except Unavailable:  # closing
            return None
        except Refused as error:
            log.info("module_not_optimized", digest=digest, reason=str(error))
            return None
        if digest in self.cache:
            self.cache.put(improved)
        return improved

    def statistics(self) -> SandboxStatistics:
        """See `Sandbox.statistics`."""
        tally, counters = self.tally, self.cache.counters
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

    def _of(self, binary: bytes) -> _Compilers[Compiler] | _Compilers[ComponentCompiler]:
        return self._for_components() if is_component(binary) else self._core

    def _for_components(self) -> _Compilers[ComponentCompiler]:
        """Made when the first component comes: most installations have none."""
        with self._building:
            if self._components is None:
                self._components = self._compilers(self._component_compiler, "component")
            return self._components

    def _compilers(self, make: Callable[[Tier], Maker], best: Tier) -> _Compilers[Maker]:
        first = next(tier for tier, better in BETTER.items() if better == best)
        return _Compilers(make(best), make(first) if self._settings.tiers != "optimized" else None)

    def _core_compiler(self, tier: Tier) -> Compiler:
        engine = GuestEngine.pooled(tier, slots=self._settings.threads + _SPARE_SLOTS)
        return Compiler(engine, self.code, clock=self._clock, ceilings=self._settings.ceilings)

    def _component_compiler(self, tier: Tier) -> ComponentCompiler:
        return ComponentCompiler(memory.engine(tier), self.code, clock=self._clock, ceilings=self._settings.ceilings)

    def close(self) -> None:
        """Guests must have ended."""
        self.workshop.close()
        self._compiling.shutdown(cancel_futures=True)
        self._improving.shutdown(cancel_futures=True)
        for engine in self.engines:
            engine.close()
        if self._artefacts is not None:
            self._artefacts.close()


def _tell(made: Future[Runnable], digest: str) -> None:
    """Log why a module could not be made ready, unless it is for closing; nobody waits for it."""
    error = None if made.cancelled() else made.exception()
    if error is not None and not isinstance(error, Unavailable):
        log.warning("module_not_prepared", digest=digest, reason=str(error))
