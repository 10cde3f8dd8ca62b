"""A million schedules held by `hengio serve`, a thousand of them due in one second; beside APScheduler in one run."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.support.processes import serving_hengio

from benchmarks import servers
from benchmarks.rows import Row, at_most
from benchmarks.servers import Server
from benchmarks.timed import Held, filled, fired, make_due
from benchmarks.work import resident

HELD = 1_000_000
PEER_HELD = 5_000
"""As many as it takes a peer, which stores a few hundred a second, some seconds to store."""
IDLE_SECONDS = 3.0
AHEAD_SECONDS = 12
"""From the making of what is due until it is due: the server is up and idle by then."""
LONGEST_SECONDS = 600


def run() -> list[Row]:
    """Ours on each database; then the peer, and how it compares."""
    rows: list[Row] = []
    ours: dict[str, Held] = {}
    for name, store in (("SQLite", servers.sqlite), ("PostgreSQL", servers.postgres)):
        ours[name] = _ours(store)
        rows += _figures(name, ours[name])
    if importlib.util.find_spec("apscheduler") is None:
        print("skipped: the package apscheduler is not installed", file=sys.stderr)
        return rows
    for name, store in (("SQLite", servers.sqlite), ("PostgreSQL", servers.postgres)):
        rows += _beside(name, ours[name], _peer(store))
    return rows


def _ours(store: Callable[[], AbstractContextManager[Server]]) -> Held:
    with tempfile.TemporaryDirectory(prefix="hengio-bench-") as folder, store() as server:
        data = Path(folder) / "data"
        environment = {"HENGIO_WORKER__AT_ONCE": "1024", "HENGIO_LOG__LEVEL": "warning"}
        if server.url:
            environment["HENGIO_DATABASE_URL"] = server.url
        empty = _started(data, environment)
        seconds = filled(data, server.url, HELD)
        due = make_due(data, server.url, ahead_seconds=AHEAD_SECONDS)
        began = time.perf_counter()
        with serving_hengio(data, environment) as child:
            ready = time.perf_counter() - began
            time.sleep(IDLE_SECONDS)
            held = resident(child.pid)
            begun, ended = fired(data, server.url, due)
        return Held(HELD / seconds, ready, held, held - empty, begun, ended)


def _started(data: Path, environment: dict[str, str]) -> float:
    """Megabytes of an idle server without schedules, which also makes the database."""
    with serving_hengio(data, environment) as child:
        time.sleep(IDLE_SECONDS)
        return resident(child.pid)


def _peer(store: Callable[[], AbstractContextManager[Server]]) -> Held:
    with tempfile.TemporaryDirectory(prefix="hengio-bench-") as folder, store() as server:
        asked = {"folder": folder, "url": server.url, "held": PEER_HELD}
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.peers.on_apscheduler"],
            input=json.dumps(asked),
            stdout=subprocess.PIPE,
            text=True,
            timeout=LONGEST_SECONDS,
            check=True,
        )
    return Held(**json.loads(done.stdout.splitlines()[-1]))


def _figures(name: str, told: Held) -> list[Row]:
    return [
        at_most(f"{name}: the server is ready, with {HELD:,} schedules", told.ready, "s", goal=3),
        at_most("… resident", told.megabytes, "MB", goal=200),
        Row("… of it for the schedules", told.grown, "MB"),
        Row("… 1,000 due in one second, begun by a worker after (p50)", statistics.median(told.begun), "ms"),
        at_most("… (p99)", _p99(told.begun), "ms", goal=250),
        Row("… over, each with a call of a module (p99)", _p99(told.ended), "ms"),
    ]


def _beside(name: str, ours: Held, theirs: Held) -> list[Row]:
    title = f"APScheduler 3 on {name}"
    return [
        Row(f"{title}: stores", theirs.stored, "schedules/s"),
        Row(f"… resident with {PEER_HELD:,} schedules", theirs.megabytes, "MB"),
        Row("… 1,000 due in one second, begun after (p50)", statistics.median(theirs.begun), "ms"),
        Row("… (p99)", _p99(theirs.begun), "ms"),
        Row("… ours, with 200 times as many, are earlier (p99)", _p99(theirs.begun) / _p99(ours.begun), "times"),
    ]


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]
