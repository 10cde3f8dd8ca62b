"""The sandbox with a process around each guest (`sandbox.protocol.Sandbox`).

What a guest may reach stays on this side: its process asks for the context and for the world outside, and is told. So
what would get out of a guest has a process without files, network or rights, and is believed only what it measured.
"""

from __future__ import annotations

import asyncio
import time

import msgspec

from hengio.clock import Clock, SystemClock
from hengio.errors import Unavailable
from hengio.model.module import Limits, ModuleFacts
from hengio.model.outcome import Outcome, OutcomeKind
from hengio.sandbox.processes.code import Codes, Entry
from hengio.sandbox.processes.conversation import Conversation
from hengio.sandbox.processes.pool import Pool
from hengio.sandbox.protocol import Call, Fetch
from hengio.sandbox.statistics import SandboxStatistics
from hengio.sandbox.threads import Threads
from hengio.sandbox.wasmtime.around import cut_short, last_word, may_repeat, patience, ready
from hengio.sandbox.wasmtime.artefacts.store import Artefacts
from hengio.sandbox.wasmtime.library import Library, SandboxSettings

_STACK_BYTES = 1 << 20
_SPARE = 2
"""Processes that wait beyond one for each thread."""
_ROOM_BYTES = 1 << 30
"""What a process may have beside the memory of its guest: interpreter, engine, compiled code, copies of answers."""


class ProcessSandbox:
    """Runs guests in processes that are kept ready, each in an instance of its own there. It plays no tapes."""

    def __init__(
        self,
        settings: SandboxSettings,
        *,
        highest: Limits,
        clock: Clock | None = None,
        artefacts: Artefacts | None = None,
    ) -> None:
        """`highest` is the most that a call may ask for. With `artefacts`, which are closed with it, compiled code
        outlives the process."""
        self._library = Library(settings, clock=clock or SystemClock(), artefacts=artefacts)
        self._codes = Codes(settings, self._library.code)
        self._pool = Pool(idle=settings.threads + _SPARE, memory_bytes=highest.memory_bytes + _ROOM_BYTES)
        self._threads = Threads(settings.threads, stack_bytes=_STACK_BYTES)
        self._running: set[Conversation] = set()

    def inspect(self, binary: bytes) -> ModuleFacts:
        return self._library.inspect(binary)

    def prepare(self, binary: bytes, digest: str) -> None:
        self._library.prepare(binary, digest)

    async def prepared(self, digest: str) -> None:
        await self._library.prepared(digest)

    def statistics(self) -> SandboxStatistics:
        return self._codes.statistics(self._library.statistics())

    async def call(self, call: Call, fetch: Fetch) -> Outcome:
        self._pool.prepare()
        entry = await ready(self._codes.entry(call.digest, fetch), call)
        if isinstance(entry, Outcome):
            return entry
        until, tier = call.latest(time.monotonic()), entry.tier
        outcome = await self._converse(call, entry)
        if outcome.kind is OutcomeKind.OUT_OF_FUEL and may_repeat(call, tier, outcome):
            return await self._once_more(outcome, call, entry, until)
        return outcome

    async def _once_more(self, outcome: Outcome, call: Call, entry: Entry, until: float) -> Outcome:
        """The same call on optimised code, which is what a limit is measured by; `outcome` itself if such code does
        not come well within the time that is left."""
        improving = asyncio.ensure_future(asyncio.to_thread(self._codes.improve, entry))
        improved, _ = await asyncio.wait([improving], timeout=patience(until - time.monotonic()))
        left = until - time.monotonic()
        if not improved or not improving.result() or left <= 0:
            return outcome
        limits = msgspec.structs.replace(call.limits, timeout_seconds=left)
        again = await self._converse(msgspec.structs.replace(call, limits=limits, on_log=None), entry)
        return last_word(outcome, again)

    async def _converse(self, call: Call, entry: Entry) -> Outcome:
        self._library.tally.call(entry.tier)
        conversation = Conversation(call, entry, self._codes.source, asyncio.get_running_loop())
        try:
            return await self._threads.submit(lambda: self._hold(conversation))
        except asyncio.CancelledError:
            conversation.cancel()
            raise await cut_short(conversation.guest) from None

    def _hold(self, conversation: Conversation) -> Outcome:
        self._running.add(conversation)
        try:
            for last in (False, True):  # one that waited may have died meanwhile
                worker = self._pool.take(conversation.digest)
                well = False
                try:
                    ended = conversation.hold(worker, last=last)
                    well = ended is not None and ended.kept
                finally:
                    (self._pool.back if well else self._pool.retire)(worker)
                if ended is not None:
                    conversation.guest.ended = ended.outcome
                    return ended.outcome
            raise Unavailable("a process for guests did not take its call")
        finally:
            self._running.discard(conversation)

    async def close(self) -> None:
        self._threads.refuse()
        while self._threads.alive:
            for conversation in tuple(self._running):
                conversation.cancel()
            await asyncio.sleep(0.01)
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        self._pool.close()
        self._codes.close()
        self._library.close()
