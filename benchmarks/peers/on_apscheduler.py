"""APScheduler 3 with its SQLAlchemy job store: cron jobs that are stored, and a thousand due at one second."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from benchmarks.timed import DUE, Held
from benchmarks.work import resident

AHEAD_SECONDS = 5
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
begun: list[float] = []
_lock = threading.Lock()


def job() -> None:
    """Say when it began."""
    with _lock:
        begun.append(time.time())


def main() -> None:
    asked = json.loads(sys.stdin.read())
    url = asked["url"].replace("postgresql://", "postgresql+psycopg://") or f"sqlite:///{asked['folder']}/aps.db"
    scheduler = BackgroundScheduler(
        jobstores={"default": SQLAlchemyJobStore(url)},
        executors={"default": ThreadPoolExecutor(20)},
        job_defaults={"misfire_grace_time": 3600},
        timezone=ZONE,
    )
    scheduler.start(paused=True)
    began = time.perf_counter()
    for number in range(asked["held"] - DUE):
        scheduler.add_job(job, CronTrigger(hour=2, month=1, day=1 + number % 28, timezone=ZONE), id=f"held {number}")
    stored = (asked["held"] - DUE) / (time.perf_counter() - began)
    due = int(time.time() + DUE / stored) + AHEAD_SECONDS
    wall = datetime.fromtimestamp(due, ZONE)
    for number in range(DUE):
        at = {"second": wall.second, "minute": wall.minute, "hour": wall.hour}
        scheduler.add_job(job, CronTrigger(**at, timezone=ZONE), id=f"due {number}")
    scheduler.resume()
    while len(begun) < DUE:
        time.sleep(0.1)
    late = [(moment - due) * 1000 for moment in begun]
    print(json.dumps(asdict(Held(stored=stored, megabytes=resident(os.getpid()), begun=late))), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
