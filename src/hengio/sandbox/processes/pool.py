"""Processes that wait for guests."""

from __future__ import annotations

import threading

import structlog

from hengio.errors import Unavailable
from hengio.sandbox.processes.worker import Worker

log = structlog.get_logger("hengio.sandbox")


class Pool:
    """As many processes as calls at a time, and one more that is ready to take the place of one that was killed."""

    def __init__(self, *, memory_bytes: int) -> None:
        """`memory_bytes` is what one process may have of its own."""
        self._memory_bytes = memory_bytes
        self._idle: list[Worker] = []
        self._busy: set[Worker] = set()
        self._lock = threading.Lock()
        self._told = self._closed = False

    def prepare(self) -> None:
        """Have one starting: that takes longer than most calls."""
        with self._lock:
            if not self._idle and not self._closed:
                self._idle.append(Worker(self._memory_bytes))

    def take(self) -> Worker:
        """One that can take a call. Raises `Unavailable`."""
        with self._lock:
            if self._closed:
                raise Unavailable("the sandbox is closing")
            worker = self._idle.pop() if self._idle else Worker(self._memory_bytes)
            self._busy.add(worker)
        try:
            self._tell(worker.ready())
        except Unavailable:
            self.retire(worker)
            raise
        return worker

    def back(self, worker: Worker) -> None:
        """It has ended its call well."""
        with self._lock:
            self._busy.discard(worker)
            if not self._closed:
                self._idle.append(worker)
                return
        worker.kill()

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

    def _tell(self, protections: tuple[str, ...]) -> None:
        if not self._told:
            self._told = True
            log.info("guest_processes", protections=list(protections))
