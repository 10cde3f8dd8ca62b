"""Compiled modules: those in memory, and how one comes there (R7.1-R7.4).

With both tiers a module's first calls run on baseline code, which is there ten times sooner than the optimised one;
`baseline` stays with that.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Generic, Literal, NamedTuple, TypeVar

import structlog
from msgspec import Struct, field

from hengio.clock import Clock
from hengio.errors import Refused, Unavailable
from hengio.model.module import ModuleFacts
from hengio.sandbox.binary import is_component
from hengio.sandbox.protocol import Fetch
from hengio.sandbox.wasmtime import memory
from hengio.sandbox.wasmtime.attempt import Runnable
from hengio.sandbox.wasmtime.cache import Cache
from hengio.sandbox.wasmtime.compile import Compiler, DigestMismatch
from hengio.sandbox.wasmtime.compiling.workshop import CompileLimits, Workshop
from hengio.sandbox.wasmtime.component.compile import ComponentCompiler
from hengio.sandbox.wasmtime.config import BETTER, Tier
from hengio.sandbox.wasmtime.engine import GuestEngine
from hengio.sandbox.wasmtime.inspect import Ceilings, inspect

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

    def __init__(self, settings: SandboxSettings, *, clock: Clock) -> None:
        self.cache = Cache(max_bytes=settings.cache_bytes, max_count=settings.cache_modules)
        self.workshop = Workshop(settings.compile_limits)
        self._settings = settings
        self._clock = clock
        self._core = self._compilers(self._core_compiler, "optimized")
        self._components: _Compilers[ComponentCompiler] | None = None
        self._building = threading.Lock()
        self._compiling = ThreadPoolExecutor(_COMPILING, thread_name_prefix="hengio-compile")
        self._improving = ThreadPoolExecutor(1, thread_name_prefix="hengio-improve")
        self._loading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}

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
        best, first = self._for_components()
        try:
            compiled = (first or best).made(binary)
        except Refused:
            if first is None:
                raise
            compiled = best.made(binary)
        self.cache.put(compiled)
        return compiled.facts

    async def load(self, digest: str, fetch: Fetch) -> Runnable:
        """Fetch and compile; concurrent first calls do it once. Raises `Refused` (`DigestMismatch`) and as `fetch`."""
        key = (asyncio.get_running_loop(), digest)
        async with self._loading.setdefault(key, asyncio.Lock()):
            try:
                compiled = self.cache.peek(digest)
                if compiled is None:
                    binary = await fetch()
                    compiled = await key[0].run_in_executor(self._compiling, self._compile, binary, digest)
                return compiled
            finally:
                self._loading.pop(key, None)

    async def improved(self, compiled: Runnable) -> Runnable | None:
        """Its optimised code, waited for; None if there can be none."""
        known = self.cache.peek(compiled.digest)
        if known is not None and known.engine.tier not in BETTER:
            return known
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._improving, self._improve, compiled.binary, compiled.digest)
        except RuntimeError:  # closing
            return None

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
        try:
            compiled = first.compile(binary, digest)
        except DigestMismatch:
            raise
        except Refused:  # Winch does not know all that Cranelift does, which has the last word
            return best.compile(binary, digest)
        if self._settings.tiers == "both":
            self._improve_later(compiled)
        return compiled

    def _improve_later(self, compiled: Runnable) -> None:
        with suppress(RuntimeError):  # closing
            self._improving.submit(self._improve, compiled.binary, compiled.digest)

    def _improve(self, binary: bytes, digest: str) -> Runnable | None:
        """Put optimised code in the place of baseline code. Calls under way go on with what they began with."""
        known = self.cache.peek(digest)
        if known is not None and known.engine.tier not in BETTER:
            return known
        try:
            improved = self._of(binary).best.compile(binary, digest)
        except (Refused, Unavailable) as error:
            log.info("module_not_optimized", digest=digest, reason=str(error))
            return None
        if digest in self.cache:
            self.cache.put(improved)
        return improved

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
        return Compiler(engine, self.workshop, clock=self._clock, ceilings=self._settings.ceilings)

    def _component_compiler(self, tier: Tier) -> ComponentCompiler:
        return ComponentCompiler(
            memory.engine(tier), self.workshop, clock=self._clock, ceilings=self._settings.ceilings
        )

    def close(self) -> None:
        """Guests must have ended."""
        self.workshop.close()
        self._compiling.shutdown(cancel_futures=True)
        self._improving.shutdown(cancel_futures=True)
        for engine in self.engines:
            engine.close()
