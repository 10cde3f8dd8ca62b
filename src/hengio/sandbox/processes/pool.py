"""Processes that wait for guests."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import structlog

from hengio.errors import Unavailable
from hengio.sandbox.processes.worker import Worker

log = structlog.get_logger("hengio.sandbox")


class Pool:
    """At most `idle` processes that wait, one of them fresh. A process runs one module in its life: what a guest that
    got out of its sandbox left behind is met by nobody else's calls."""

    def __init__(self, *, idle: int, memory_bytes: int) -> None:
        """`memory_bytes` is what one process may have of its own."""
        self._most_idle, self._memory_bytes = idle, memory_bytes
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._lock = threading.Lock()
        self._spawning = ThreadPoolExecutor(1, thread_name_prefix="hengio-spawn")
        self._told = self._closed = False

    def prepare(self) -> None:
        """Have a fresh one starting: that takes longer than most calls."""
        with self._lock:
            if self._closed or any(worker.digest is None for worker in self._idle):
                return
            self._idle.append(self._spawned())

    def take(self, digest: str) -> Worker:
        """One that can take a call of this module. Raises `Unavailable`."""
        while True:
            with self._lock:
                if self._closed:
                    raise Unavailable("the sandbox is closing")
                waited = self._waiting(digest) or self._waiting(None)
                worker = waited or self._spawned()
                self._busy.add(worker)
            try:
                self._tell(worker.ready())
            except Unavailable:
                self.retire(worker)
                if waited is None:
                    raise
                continue  # it died while it waited
            worker.digest = digest
            return worker

    def back(self, worker: Worker) -> None:
        """It has ended its call well. The one that has waited longest makes room for it."""
        with self._lock:
            self._busy.discard(worker)
            leaving = worker
            if not self._closed:
                self._idle.append(worker)
                used = [other for other in self._idle if other.digest is not None]
                if len(used) < self._most_idle:
                    return
                leaving = used[0]
                self._idle.remove(leaving)
        leaving.kill()

    def retire(self, worker: Worker) -> None:
        """It is not to be used again."""
        with self._lock:
            self._busy.discard(worker)
        worker.kill()
        self.prepare()

    def close(self) -> None:
        """End all of them, also those with a call."""
        with self._lock:
            self._closed = True
            idle, busy = list(self._idle), list(self._busy)
            self._idle.clear()
        for worker in busy:
            worker.stop()
        for worker in idle:
            worker.kill()
        self._spawning.shutdown()

    def _waiting(self, digest: str | None) -> Worker | None:
        """The one of this module that came last, taken out; the lock is held."""
        for worker in reversed(self._idle):
            if worker.digest == digest:
                self._idle.remove(worker)
                return worker
        return None

    def _spawned(self) -> Worker:
        """By a thread that lives as long as the pool: a process dies with the thread that began it."""
        return self._spawning.submit(Worker, self._memory_bytes).result()

    def _tell(self, protections: tuple[str, ...]) -> None:
        if not self._told:
            self._told = True
            log.info("guest_processes", protections=list(protections))
