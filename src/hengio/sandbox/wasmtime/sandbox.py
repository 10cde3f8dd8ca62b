"""The sandbox on Wasmtime (`sandbox.protocol.Sandbox`)."""

from __future__ import annotations

import asyncio
import os
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct, field

from hengio.clock import Clock, SystemClock
from hengio.errors import Corrupt, NotFound, Refused
from hengio.model.module import ModuleFacts
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.protocol import Call, Fetch
from hengio.sandbox.threads import Threads
from hengio.sandbox.wasmtime.cache import Cache
from hengio.sandbox.wasmtime.compile import Compiled, Compiler, DigestMismatch
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES, TICK_SECONDS, GuestEngine
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.inspect import Ceilings, inspect
from hengio.sandbox.wasmtime.perform import ended_before, perform
from hengio.sandbox.wasmtime.witness import Witness

_COMPILING = 2
"""Modules compiled at a time: a slow one does not hold up the next."""
_SPARE_SLOTS = 4
"""Instances the engine can hold beyond one for each thread."""


class SandboxSettings(Struct, frozen=True, kw_only=True):
    """`threads` run guests, each one at a time; the cache's limits are of compiled code and of modules."""

    threads: int = min(8, (os.cpu_count() or 1) + 2)
    cache_bytes: int = 512 << 20
    cache_modules: int = 256
    ceilings: Ceilings = field(default_factory=Ceilings)


class WasmtimeSandbox:
    """Runs guests in this process, each call in an instance of its own. Usable from any number of event loops."""

    def __init__(self, settings: SandboxSettings | None = None, *, clock: Clock | None = None) -> None:
        settings = settings or SandboxSettings()
        self.cache = Cache(max_bytes=settings.cache_bytes, max_count=settings.cache_modules)
        self._ceilings = settings.ceilings
        self._engine = GuestEngine.cranelift(slots=settings.threads + _SPARE_SLOTS)
        clock = clock or SystemClock()
        self._compiler = Compiler(self._engine, clock=clock, ceilings=settings.ceilings)
        self._witness = Witness(clock=clock, ceilings=settings.ceilings)
        self._threads = Threads(settings.threads, stack_bytes=THREAD_STACK_BYTES)
        self._compiling = ThreadPoolExecutor(_COMPILING, thread_name_prefix="hengio-compile")
        self._loading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Lock] = {}

    def inspect(self, binary: bytes) -> ModuleFacts:
        return inspect(binary, self._engine.handle, self._ceilings)

    async def call(self, call: Call, fetch: Fetch) -> Outcome:
        compiled = self.cache.get(call.digest)
        if compiled is None:
            try:
                compiled = await self.load(call.digest, fetch)
            except (DigestMismatch, Refused, NotFound, Corrupt) as error:
                return ended_before(OutcomeKind.MODULE_REFUSED, error.code, str(error))
        refusal = _misfit(compiled, call)
        if refusal is not None:
            return refusal
        guest = Guest(call, asyncio.get_running_loop())
        try:
            return await self._threads.submit(lambda: perform(self._engine, compiled, guest, witness=self._witness))
        except asyncio.CancelledError:
            guest.cancel()
            raise

    def run_here(self, call: Call, compiled: Compiled) -> Outcome:
        """The same on the present thread, which must not be the main one and needs `THREAD_STACK_BYTES` of stack."""
        return _misfit(compiled, call) or perform(self._engine, compiled, Guest(call), witness=self._witness)

    async def load(self, digest: str, fetch: Fetch) -> Compiled:
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

    def _compile(self, binary: bytes, digest: str) -> Compiled:
        """Compile and keep, even if by now nobody waits for it."""
        compiled = self.cache.peek(digest) or self._compiler.compile(binary, digest)
        self.cache.put(compiled)
        return compiled

    def running(self) -> tuple[Guest, ...]:
        """The guests that run at this moment."""
        return self._engine.ticker.guests()

    async def close(self) -> None:
        self._threads.refuse()
        while self._threads.alive:
            for guest in self.running():  # again and again: a thread may just have begun with one
                guest.cancel()
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._compiling.shutdown()
        self._engine.close()
        self._witness.close()


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
