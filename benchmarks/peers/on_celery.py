"""The work on Celery: chains of tasks in Redis, acknowledged after they ran, two worker processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from celery import Celery, chain

from benchmarks.work import LONG_STEPS, PAYLOAD, STEPS, Stopwatch, Task, Told, milliseconds, resident, task, tell

WORKERS = 2
HOLD_SECONDS = 600
WAIT_SECONDS = 120
URL = "HENGIO_BENCH_REDIS"

app = Celery("bench", broker=os.environ.get(URL, ""), backend=os.environ.get(URL, ""))
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True)


@app.task(name="step")
def step(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "seen": value.get("seen", 0) + 1}


@app.task(name="hold")
def hold() -> None:
    time.sleep(HOLD_SECONDS)


def start(steps: int = STEPS) -> Any:
    """Send a chain of so many steps; what it comes to is waited for by the caller."""
    return chain(step.s(PAYLOAD), *(step.s() for _ in range(steps - 1))).apply_async()


def main() -> None:
    asked = task()
    os.environ[URL] = asked.url
    app.conf.update(broker_url=asked.url, result_backend=asked.url)
    worker = _worker(Path(asked.folder))
    try:
        assert start().get(timeout=WAIT_SECONDS)["seen"] == STEPS
        told = _queued(asked, worker.pid) if asked.what == "queued" else _speed(asked)
    finally:
        os.killpg(worker.pid, signal.SIGKILL)  # at once: a task that holds would be waited for
    tell(told)


def _worker(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "celery", "-A", __spec__.name, "worker", "--pool", "prefork", "-c", str(WORKERS)]
    quiet = ["--loglevel", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    with (folder / "worker.log").open("wb") as log:
        return subprocess.Popen([*command, *quiet], stdout=log, stderr=log, start_new_session=True)


def _speed(asked: Task) -> Told:
    watch = Stopwatch(os.getpid(), asked.server)  # the worker is a child of this process
    sent = [start() for _ in range(asked.jobs)]
    assert all(one.get(timeout=WAIT_SECONDS)["seen"] == STEPS for one in sent)
    rate, processor = watch.read(asked.jobs)
    alone = milliseconds(lambda: start().get(timeout=WAIT_SECONDS), asked.alone)
    chains = milliseconds(lambda: start(LONG_STEPS).get(timeout=WAIT_SECONDS), asked.chains)
    return Told(rate, processor, alone, chains)


def _queued(asked: Task, worker: int) -> Told:
    """The workers and Redis, which holds the queue in its memory."""
    counted = [worker] if asked.server is None else [worker, asked.server]
    for _ in range(WORKERS):
        hold.delay()
    before = resident(*counted)
    for _ in range(asked.jobs):
        start()
    after = resident(*counted)
    return Told(megabytes=after, grown=after - before)


if __name__ == "__main__":
    main()
