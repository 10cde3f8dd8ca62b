"""Threads for guests: a lone call starts at once, many waiting calls cross to the threads and back in batches.

Short calls spend most of their time holding the interpreter, so a second thread would only fight over it: as long as
the calls are short, one thread drains the queue and wakes the event loop once a batch. One more thread stands by
meanwhile; it looks every millisecond, and when every draining thread is stuck in a long call it takes over the queue
and delivers what they still hold. So long calls spread over all threads, and never delay short ones by more than that.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

PATIENCE_SECONDS = 0.001
"""How long a call may run before the calls behind it get another thread."""
_BETWEEN = float("inf")
HOLD_SECONDS = 0.0005
"""How long results may wait for others to be delivered with them."""


class _Mailbox:
    """Results for one event loop, delivered with one wake-up for as many as are there."""

    __slots__ = ("_notified", "_results", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self._results: deque[tuple[asyncio.Future[Any], Any, BaseException | None]] = deque()
        self._notified = False

    def post(self, future: asyncio.Future[Any], result: Any, error: BaseException | None) -> None:
        self._results.append((future, result, error))

    def notify(self) -> None:
        """Wake the loop, unless it was woken and has not looked yet."""
        if self._notified:
            return
        self._notified = True
        try:
            self.loop.call_soon_threadsafe(self._deliver)
        except RuntimeError:  # the loop was closed: nobody waits any more
            self._results.clear()

    def _deliver(self) -> None:
        self._notified = False
        while self._results:
            future, result, error = self._results.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(result)
            elif isinstance(error, asyncio.CancelledError):
                future.cancel()
            else:
                future.set_exception(error)


class _Work:
    """One call that waits for a thread."""

    __slots__ = ("function", "future", "mailbox")

    def __init__(self, function: Callable[[], Any], mailbox: _Mailbox) -> None:
        self.function = function
        self.mailbox = mailbox
        self.future: asyncio.Future[Any] = mailbox.loop.create_future()


class _Role(Enum):
    """What a thread is for at the moment; changed only with the lock held."""

    IDLE = auto()
    STANDBY = auto()
    DRAIN = auto()


class _Worker:
    """A thread. It sleeps at `gate`, where each token is a hint to look at its role; `since` is when it took its
    present call, or `_BETWEEN` calls: then it will look at the queue in a moment."""

    __slots__ = ("gate", "role", "since", "thread")

    def __init__(self, run: Callable[[_Worker], None], name: str) -> None:
        self.gate: SimpleQueue[None] = SimpleQueue()
        self.role = _Role.IDLE
        self.since = _BETWEEN
        self.thread = threading.Thread(target=run, args=(self,), name=name, daemon=True)


class Threads:
    """A fixed number of threads, each with `stack_bytes` of stack. Started with the first call."""

    def __init__(self, count: int, *, stack_bytes: int, name: str = "hengio-guest") -> None:
        self._workers = [_Worker(self._run, f"{name}-{number}") for number in range(count)]
        self._stack_bytes = stack_bytes
        self._queue: deque[_Work] = deque()
        self._idle: list[_Worker] = []
        self._busy: list[_Worker] = []
        self._standby: _Worker | None = None
        self._owing: set[_Mailbox] = set()
        self._mailboxes: dict[asyncio.AbstractEventLoop, _Mailbox] = {}
        self._lock = threading.Lock()
        self._started = self._closed = False

    def submit(self, function: Callable[[], T]) -> asyncio.Future[T]:
        """Run `function` on a thread. Cancelling the future before it starts prevents it."""
        loop = asyncio.get_running_loop()
        mailbox = self._mailboxes.get(loop) or self._new_mailbox(loop)
        work = _Work(function, mailbox)
        with self._lock:
            self._start()
            self._queue.append(work)
            worker = self._helper()
        if worker is not None:
            worker.gate.put(None)
        return work.future

    @property
    def alive(self) -> bool:
        """Whether any thread has not ended."""
        return any(worker.thread.is_alive() for worker in self._workers)

    def close(self) -> None:
        """`refuse`, then wait for the running calls. Must not be called from one of these threads."""
        self.refuse()
        for worker in self._workers:
            if worker.thread.ident is not None:
                worker.thread.join()

    def refuse(self) -> None:
        """Cancel the calls still waiting and take no more; each thread ends with its present call."""
        with self._lock:
            self._closed = True
            while self._queue:
                work = self._queue.popleft()
                work.mailbox.post(work.future, None, asyncio.CancelledError())
                self._owing.add(work.mailbox)
        self._deliver_owed()
        for worker in self._workers:
            worker.gate.put(None)

    def _new_mailbox(self, loop: asyncio.AbstractEventLoop) -> _Mailbox:
        self._mailboxes = {known: box for known, box in self._mailboxes.items() if not known.is_closed()}
        return self._mailboxes.setdefault(loop, _Mailbox(loop))

    def _start(self) -> None:
        if self._closed:
            raise RuntimeError("the threads are closed")
        if self._started:
            return
        self._started = True
        before = threading.stack_size(self._stack_bytes)
        try:
            for worker in self._workers:
                worker.thread.start()
        finally:
            threading.stack_size(before)
        self._idle = list(self._workers)

    def _helper(self) -> _Worker | None:
        """Whom to wake for a call just queued; the lock is held. Nobody, if those awake will see to it."""
        if self._busy and not self._stuck():
            returning = any(worker.since == _BETWEEN for worker in self._busy)
            return None if returning or self._standby is not None else self._watch()
        worker, self._standby = self._standby, None
        if worker is None and self._idle:
            worker = self._idle.pop()
        if worker is not None:
            self._employ(worker)
        return worker

    def _employ(self, worker: _Worker) -> None:
        worker.role = _Role.DRAIN
        worker.since = _BETWEEN
        self._busy.append(worker)

    def _watch(self) -> _Worker | None:
        """Put an idle thread on standby."""
        self._standby = self._idle.pop() if self._idle else None
        if self._standby is not None:
            self._standby.role = _Role.STANDBY
        return self._standby

    def _call_watch(self) -> None:
        with self._lock:
            watcher = self._watch() if self._standby is None else None
        if watcher is not None:
            watcher.gate.put(None)

    def _dismiss(self, worker: _Worker) -> None:
        worker.role = _Role.IDLE
        self._idle.append(worker)

    def _stuck(self) -> bool:
        """Whether every draining thread has been in one call for too long."""
        since = time.monotonic() - PATIENCE_SECONDS
        return all(worker.since < since for worker in self._busy)

    def _run(self, worker: _Worker) -> None:
        while not self._closed:
            worker.gate.get()
            while worker.role is _Role.STANDBY and not self._closed:
                self._stand_by(worker)
            if worker.role is _Role.DRAIN:
                self._drain(worker)

    def _stand_by(self, worker: _Worker) -> None:
        """Sleep for a moment, then see whether those who drain are stuck."""
        with suppress(Empty):
            worker.gate.get(timeout=PATIENCE_SECONDS)
            return
        successor = None
        with self._lock:
            if worker.role is not _Role.STANDBY or (self._busy and not self._stuck()):
                return
            if self._queue:
                self._employ(worker)
                successor = self._watch()
            elif not self._owing:
                self._standby = None
                self._dismiss(worker)
        self._deliver_owed()
        if successor is not None:
            successor.gate.put(None)

    def _drain(self, worker: _Worker) -> None:
        """Run calls until none waits. Results are held back while more calls wait and somebody watches."""
        held_since = 0.0
        while True:
            try:
                work = self._queue.popleft()
            except IndexError:
                self._deliver_owed()
                if self._retire(worker):
                    return
                continue
            now = worker.since = time.monotonic()
            if work.future.cancelled():
                continue
            if self._queue and self._standby is None:
                self._call_watch()
            self._perform(work)
            worker.since = _BETWEEN
            self._owing.add(work.mailbox)
            held_since = held_since or now
            if not self._queue or self._standby is None or now - held_since > HOLD_SECONDS:
                self._deliver_owed()
                held_since = 0.0

    @staticmethod
    def _perform(work: _Work) -> None:
        try:
            work.mailbox.post(work.future, work.function(), None)
        except BaseException as error:  # noqa: BLE001 - it is the caller's to handle
            work.mailbox.post(work.future, None, error)

    def _deliver_owed(self) -> None:
        while self._owing:
            try:
                mailbox = self._owing.pop()
            except KeyError:  # another thread was quicker
                return
            mailbox.notify()

    def _retire(self, worker: _Worker) -> bool:
        """Back to sleep, unless a call came meanwhile."""
        with self._lock:
            if self._queue:
                return False
            self._busy.remove(worker)
            self._dismiss(worker)
        return True
