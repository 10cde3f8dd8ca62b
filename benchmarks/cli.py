"""How long a person waits for the command line, and what an idle server costs."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.rows import Row, at_most

RUNS = 7


def run() -> list[Row]:
    """`--help`, and a server from its start to ready, idle."""
    ready, memory = _server()
    return [
        at_most("hengio --help (median)", _help(), "ms", goal=200),
        at_most("hengio serve, start to ready", ready, "s", goal=1.5),
        at_most("idle server, resident", memory, "MB", goal=120),
    ]


def _help() -> float:
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        subprocess.run([Path(sys.executable).with_name("hengio"), "--help"], stdout=subprocess.DEVNULL, check=True)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def _server() -> tuple[float, float]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "hengio", "serve", "--port", "0", "--data-dir", folder]
        began = time.perf_counter()
        server = subprocess.Popen(command, stderr=subprocess.PIPE)
        try:
            assert server.stderr is not None
            server.stderr.readline()
            ready = time.perf_counter() - began
            time.sleep(2)
            return ready, psutil.Process(server.pid).memory_info().rss / 1e6
        finally:
            server.terminate()
            server.communicate()
