"""The sandbox on Wasmtime (`sandbox.protocol.Sandbox`)."""

from __future__ import annotations

import asyncio
import time

import msgspec

from hengio.clock import Clock, SystemClock
from hengio.model.module import ModuleFacts
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.protocol import Call, Fetch
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.threads import Threads
from hengio.sandbox.wasmtime.around import cut_short, last_word, may_repeat, misfit, patience, ready
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.attempt import Runnable
from hengio.sandbox.wasmtime.compiling.source import CodeSource
from hengio.sandbox.wasmtime.engine import THREAD_STACK_BYTES, TICK_SECONDS
from hengio.sandbox.wasmtime.guest import Guest
from hengio.sandbox.wasmtime.library import Library, SandboxSettings
from hengio.sandbox.wasmtime.perform import perform
from hengio.sandbox.wasmtime.witness import Witness


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
        clock = clock or SystemClock()
        self.library = Library(settings, clock=clock, artefacts=artefacts)
        own = CodeSource(self.library.workshop, self.library.tally)  # small and rare: not worth waiting for a store
        self._witness = Witness(own, clock=clock, ceilings=settings.ceilings)
        self._threads = Threads(settings.threads, stack_bytes=THREAD_STACK_BYTES)

    def inspect(self, binary: bytes) -> ModuleFacts:
        return self.library.inspect(binary)

    async def call(self, call: Call, fetch: Fetch) -> Outcome:
        compiled = self.library.cache.get(call.digest)
        if compiled is None:
            made = await ready(self.library.load(call.digest, fetch), call)
            if isinstance(made, Outcome):
                return made
            compiled = made
        refusal = misfit(compiled, call)
        if refusal is not None:
            return refusal
        guest = Guest(call, asyncio.get_running_loop())
        outcome = await self._run(compiled, guest)
        if outcome.kind is OutcomeKind.OUT_OF_FUEL and may_repeat(call, compiled.engine.tier, outcome):
            return await self._once_more(outcome, compiled, guest)
        return outcome

    async def _run(self, compiled: Runnable, guest: Guest) -> Outcome:
        self.library.tally.call(compiled.engine.tier)
        try:
            return await self._threads.submit(lambda: self._perform(compiled, guest))
        except asyncio.CancelledError:
            raise await cut_short(guest) from None

    def _perform(self, compiled: Runnable, guest: Guest) -> Outcome:
        guest.ended = outcome = perform(compiled, guest, witness=self._witness)
        return outcome

    async def _once_more(self, outcome: Outcome, compiled: Runnable, guest: Guest) -> Outcome:
        """The same call on optimised code, which counts fuel a little differently and is what a limit is measured by.

        `outcome` itself if such code does not come well within the time that is left. What the second run logs is
        heard by nobody.
        """
        improved = await self.library.improved(compiled, seconds=patience(guest.deadline - time.monotonic()))
        left = guest.deadline - time.monotonic()
        if improved is None or left <= 0:
            return outcome
        limits = msgspec.structs.replace(guest.call.limits, timeout_seconds=left)
        again = msgspec.structs.replace(guest.call, limits=limits, on_log=None)
        return last_word(outcome, await self._run(improved, Guest(again, asyncio.get_running_loop())))

    def run_here(self, call: Call, compiled: Runnable) -> Outcome:
        """The same on the present thread, which must not be the main one and needs `THREAD_STACK_BYTES` of stack."""
        return misfit(compiled, call) or perform(compiled, Guest(call), witness=self._witness)

    def prepare(self, binary: bytes, digest: str) -> None:
        self.library.prepare(binary, digest)

    async def prepared(self, digest: str) -> None:
        await self.library.prepared(digest)

    def statistics(self) -> SandboxStatistics:
        return self.library.statistics()

    def running(self) -> tuple[Guest, ...]:
        """The guests that run at this moment."""
        return tuple(guest for engine in self.library.engines for guest in engine.ticker.guests())

    async def close(self) -> None:
        self._threads.refuse()
        while self._threads.alive:
            for guest in self.running():  # again and again: a thread may just have begun with one
                guest.cancel()
            await asyncio.sleep(TICK_SECONDS)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self.library.close()
        self._witness.close()
