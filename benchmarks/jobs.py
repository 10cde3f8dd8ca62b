"""Durable jobs of three steps, each committed before the next, on each database; beside DBOS and Celery in one run."""

from __future__ import annotations

import importlib.util
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from typing import Literal

from benchmarks import servers
from benchmarks.rows import Row, at_least, at_most
from benchmarks.servers import Server
from benchmarks.work import LONG_STEPS, Task, Told, together

ROUNDS = 3
QUEUED = 10_000
LONGEST_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Contestant:
    """A program that does the work, what it is called, on what kind of store, and how much of it takes some seconds."""

    name: str
    program: str
    store: Callable[[], AbstractContextManager[Server]]
    jobs: int
    alone: int
    chains: int
    package: str | None = None
    server: str | None = None

    def lacks(self) -> str | None:
        """What is missing to run it; None if nothing is."""
        if self.package is not None and importlib.util.find_spec(self.package) is None:
            return f"the package {self.package} is not installed"
        if self.server is not None and servers.missing_program(self.server):
            return f"{self.server} is not installed"
        return None

    def run(self, what: Literal["speed", "queued"]) -> Told:
        """Once, on an empty store."""
        with tempfile.TemporaryDirectory(prefix="hengio-bench-") as folder, self.store() as server:
            jobs = QUEUED if what == "queued" else self.jobs
            asked = Task(what, folder, server.url, jobs, self.alone, self.chains, server.pid)
            done = subprocess.run(
                [sys.executable, "-m", f"benchmarks.{self.program}"],
                input=json.dumps(asdict(asked)),
                stdout=subprocess.PIPE,
                text=True,
                timeout=LONGEST_SECONDS,
                check=True,
            )
        return Told(**json.loads(done.stdout.splitlines()[-1]))


OURS = (
    Contestant("SQLite", "ours", servers.sqlite, jobs=5_000, alone=100, chains=10),
    Contestant("PostgreSQL", "ours", servers.postgres, jobs=5_000, alone=100, chains=10),
)
PEERS = (
    Contestant("DBOS on SQLite", "peers.on_dbos", servers.sqlite, jobs=150, alone=20, chains=3, package="dbos"),
    Contestant("DBOS on PostgreSQL", "peers.on_dbos", servers.postgres, jobs=150, alone=20, chains=3, package="dbos"),
    Contestant(
        "Celery on Redis",
        "peers.on_celery",
        servers.redis,
        jobs=300,
        alone=20,
        chains=3,
        package="celery",
        server="redis-server",
    ),
)
BESIDE = {"DBOS on SQLite": "SQLite", "DBOS on PostgreSQL": "PostgreSQL", "Celery on Redis": "PostgreSQL"}
"""Which of ours each peer is compared with."""
LEAST = {"SQLite": 2_000, "PostgreSQL": 1_500}
"""Jobs a second that ours should reach."""


def run() -> list[Row]:
    """All take turns, so that a busy moment of the machine is nobody's alone; then the figures, then the ratios."""
    there = [*OURS, *_installed(PEERS)]
    rounds = [{one.name: one.run("speed") for one in there} for _ in range(ROUNDS)]
    speed = {one.name: together([told[one.name] for told in rounds]) for one in there}
    memory = {one.name: one.run("queued") for one in there}
    rows = [row for one in OURS for row in _figures(one.name, speed[one.name], memory[one.name])]
    for peer in there[len(OURS) :]:
        rows += _plain(peer.name, speed[peer.name], memory[peer.name])
        ours = BESIDE[peer.name]
        rows += _ratios(f"{peer.name}, ours on {ours}", speed[ours], speed[peer.name])
        rows.append(Row("… memory, ours to theirs", memory[ours].megabytes / memory[peer.name].megabytes, "times"))
    return rows


def _installed(peers: Iterable[Contestant]) -> list[Contestant]:
    found = []
    for peer in peers:
        if (why := peer.lacks()) is None:
            found.append(peer)
        else:
            print(f"skipped: {peer.name}: {why}", file=sys.stderr)
    return found


def _figures(name: str, told: Told, memory: Told) -> list[Row]:
    """Ours, beside what they should be."""
    return [
        at_least(f"{name}: three durable WASM steps", told.rate, "jobs/s", goal=LEAST[name]),
        at_most("… processor time, the server's too", told.processor, "s per 100 jobs", goal=0.1),
        at_most("… one job alone, trigger to final (p50)", statistics.median(told.alone), "ms", goal=5),
        Row("… one job alone, trigger to final (p99)", statistics.quantiles(told.alone, n=100)[98], "ms"),
        at_most(f"… {LONG_STEPS} light steps, each durable (p50)", statistics.median(told.chains), "ms", goal=80),
        Row(f"… resident with {QUEUED:,} jobs waiting", memory.megabytes, "MB"),
        Row("… of it for the jobs", memory.grown, "MB"),
    ]


def _plain(name: str, told: Told, memory: Told) -> list[Row]:
    return [
        Row(f"{name}: three durable steps", told.rate, "jobs/s"),
        Row("… processor time, the server's too", told.processor, "s per 100 jobs"),
        Row("… one job alone (p50)", statistics.median(told.alone), "ms"),
        Row(f"… {LONG_STEPS} steps (p50)", statistics.median(told.chains), "ms"),
        Row(f"… resident with {QUEUED:,} jobs waiting", memory.megabytes, "MB"),
        Row("… of it for the jobs", memory.grown, "MB"),
    ]


def _ratios(title: str, ours: Told, theirs: Told) -> list[Row]:
    """How many times better ours is."""
    alone = statistics.median(theirs.alone) / statistics.median(ours.alone)
    chains = statistics.median(theirs.chains) / statistics.median(ours.chains)
    return [
        Row(f"{title}: throughput", ours.rate / theirs.rate, "times"),
        Row("… processor time saved", theirs.processor / ours.processor, "times"),
        Row("… a lone job is quicker", alone, "times"),
        Row(f"… {LONG_STEPS} steps are quicker", chains, "times"),
    ]
