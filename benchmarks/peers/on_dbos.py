"""The work on DBOS: steps and workflows in a SQL database, started through its queue or directly."""

from __future__ import annotations

import os
import time
from typing import Any

from dbos import DBOS, Queue

from benchmarks.work import LONG_STEPS, PAYLOAD, STEPS, Stopwatch, Task, Told, milliseconds, resident, task, tell

POLL_SECONDS = 0.05
"""Its default of a second would measure the poll."""
BLOCKED = 2
HOLD_SECONDS = 600


@DBOS.step()
def step(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "seen": value.get("seen", 0) + 1}


@DBOS.workflow()
def job(value: dict[str, Any]) -> dict[str, Any]:
    for _ in range(STEPS):
        value = step(value)
    return value


@DBOS.workflow()
def chain(value: dict[str, Any]) -> dict[str, Any]:
    for _ in range(LONG_STEPS):
        value = step(value)
    return value


@DBOS.workflow()
def hold(value: dict[str, Any]) -> dict[str, Any]:
    time.sleep(HOLD_SECONDS)
    return value


def main() -> None:
    asked = task()
    url = asked.url or f"sqlite:///{asked.folder}/dbos.db"
    DBOS(config={"name": "bench", "system_database_url": url, "log_level": "ERROR", "run_admin_server": False})
    DBOS.launch()
    busy = asked.what == "queued"
    queue = DBOS.register_queue("bench", worker_concurrency=BLOCKED if busy else 50, polling_interval_sec=POLL_SECONDS)
    if busy:
        for _ in range(BLOCKED):
            queue.enqueue(hold, PAYLOAD)
        before = resident(os.getpid())
        for _ in range(asked.jobs):
            queue.enqueue(job, PAYLOAD)
        after = resident(os.getpid())
        tell(Told(megabytes=after, grown=after - before))
    job(PAYLOAD)
    queue.enqueue(job, PAYLOAD).get_result()
    tell(_speed(queue, asked))


def _speed(queue: Queue, asked: Task) -> Told:
    watch = Stopwatch(os.getpid(), asked.server)
    handles = [queue.enqueue(job, PAYLOAD) for _ in range(asked.jobs)]
    assert all(handle.get_result()["seen"] == STEPS for handle in handles)
    rate, processor = watch.read(asked.jobs)
    # A lone job is called directly: through the queue it would wait for the poll.
    alone = milliseconds(lambda: job(PAYLOAD), asked.alone)
    return Told(rate, processor, alone, milliseconds(lambda: chain(PAYLOAD), asked.chains))


if __name__ == "__main__":
    main()
