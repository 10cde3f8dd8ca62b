"""The work that all contestants do, how it is asked for and what is told of it.

A contestant is a program: it reads one `Task` from its standard input and prints one `Told` as its last line. A job is
three steps, one after the other, each of which takes some 600 bytes of JSON and hands them on; what a step put out is
durable before the next begins. Times run from the first trigger to the last end, so triggering is part of it.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import psutil

PAYLOAD = {"customer": "Nguyễn Thị Hằng", "note": "x" * 550, "amount": 1_250_000}
STEPS = 3
LONG_STEPS = 40


@dataclass(frozen=True, slots=True)
class Task:
    """What a contestant is asked: how fast it is, or what it holds in memory while `jobs` wait behind others.

    `server` is the process of the database, if that has one: its time counts as well.
    """

    what: Literal["speed", "queued"]
    folder: str
    url: str
    jobs: int
    alone: int = 0
    chains: int = 0
    server: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """Jobs a second, processor seconds for a hundred of them, milliseconds of each lone job and of each long chain; or
    megabytes, and how many of them came with the jobs that wait."""

    rate: float = 0.0
    processor: float = 0.0
    alone: list[float] = field(default_factory=list)
    chains: list[float] = field(default_factory=list)
    megabytes: float = 0.0
    grown: float = 0.0


def task() -> Task:
    """The task of this process."""
    return Task(**json.loads(sys.stdin.read()))


def tell(told: Told) -> None:
    """Answer, and be gone: what still waits or blocks is nobody's concern now."""
    print(json.dumps(asdict(told)), flush=True)
    os._exit(0)


def together(told: Sequence[Told]) -> Told:
    """How fast it was in several rounds: their median; of lone jobs and chains, all."""
    return Told(
        rate=statistics.median(one.rate for one in told),
        processor=statistics.median(one.processor for one in told),
        alone=[value for one in told for value in one.alone],
        chains=[value for one in told for value in one.chains],
    )


class Stopwatch:
    """Wall clock since it was made, and the processor time of process trees, whose ended children count as well."""

    def __init__(self, *roots: int | None) -> None:
        self._roots = [root for root in roots if root is not None]
        self._used = self._processor()
        self._began = time.perf_counter()

    def read(self, jobs: int) -> tuple[float, float]:
        """Jobs a second, processor seconds for a hundred."""
        took = time.perf_counter() - self._began
        return jobs / took, (self._processor() - self._used) / jobs * 100

    def _processor(self) -> float:
        return sum(_used(process) for process in _trees(self._roots))


def resident(*roots: int) -> float:
    """Megabytes of process trees; pages that processes share count once, where the system says so."""
    return sum(_resident(process) for process in _trees(roots)) / 1e6


def milliseconds(once: Callable[[], Any], times: int) -> list[float]:
    """How long it takes, again and again."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        once()
        taken.append((time.perf_counter() - began) * 1000)
    return taken


def _trees(roots: Sequence[int]) -> list[psutil.Process]:
    tops = [psutil.Process(root) for root in roots]
    return tops + [child for top in tops for child in top.children(recursive=True)]


def _used(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:  # its parent has its time now
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)


def _resident(process: psutil.Process) -> int:
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.rss))
