"""kill -9 of the whole process at random moments of the demo job: nothing is lost and no finished step is run again."""

from __future__ import annotations

import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

ROUNDS = 4
KILLS = 2
"""Kills that leave an execution unfinished, among others that come too early or too late."""
MOST_TRIES = 15
STEPS = 8
LONGEST_SECONDS = 0.15
Row = tuple[object, ...]


def demo(data_dir: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hengio", "demo", "--data-dir", str(data_dir), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ})


def rows(data_dir: Path, query: str) -> list[Row]:
    """What the query yields; nothing where a run was killed before its tables were committed."""
    if not (data_dir / "hengio.db").exists():
        return []
    with closing(sqlite3.connect(data_dir / "hengio.db", timeout=30)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'step_runs'").fetchall():
            return []
        return database.execute(query).fetchall()


def finished_steps(data_dir: Path) -> set[Row]:
    columns = "execution_id, step_id, visit, attempt, claim, started_at, completed_at, output, output_digest"
    return set(rows(data_dir, f"SELECT {columns} FROM step_runs WHERE status = 'success'"))


def run_and_kill(data_dir: Path, *, more_steps: int, then_seconds: float) -> bool:
    """Kill a run a moment after it finished so many more steps; whether it left an execution unfinished."""
    wanted = len(finished_steps(data_dir)) + more_steps
    process = demo(data_dir)
    while len(finished_steps(data_dir)) < wanted and process.poll() is None:
        time.sleep(0.002)
    time.sleep(then_seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    left = rows(data_dir, "SELECT 1 FROM executions WHERE state IN ('pending', 'running')")
    return process.returncode == -signal.SIGKILL and bool(left)


@pytest.mark.requirement("H5.2", "R8.1", "R8.2", "R11.5", "R13.4")
@pytest.mark.parametrize("round_", range(ROUNDS))
def test_an_execution_killed_at_random_moments_ends_without_repeating_a_finished_step(
    tmp_path: Path, round_: int
) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    data_dir = tmp_path / "data"
    kept: set[Row] = set()
    landed = 0
    for _ in range(MOST_TRIES):
        if landed == KILLS:
            break
        landed += run_and_kill(
            data_dir, more_steps=chance.randrange(STEPS - 1), then_seconds=chance.uniform(0, LONGEST_SECONDS)
        )
        now = finished_steps(data_dir)
        assert kept <= now, f"a finished step run was changed or lost (seed {seed}, round {round_})"
        kept = now
    assert landed, f"no kill came in time (seed {seed})"

    last = demo(data_dir, "--json")
    output, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors.decode()
    assert json.loads(output)["status"] == "success"

    assert kept <= finished_steps(data_dir), f"a finished step run was changed or lost (seed {seed})"
    assert rows(data_dir, "SELECT count(*) FROM executions WHERE state != 'success'") == [(0,)]
    again = "SELECT 1 FROM step_runs WHERE status = 'success' GROUP BY execution_id, step_id HAVING count(*) > 1"
    assert rows(data_dir, again) == []
    assert logged(data_dir) == set(
        rows(data_dir, "SELECT execution_id, step_id, visit, attempt FROM step_runs WHERE module_id IS NOT NULL")
    )


def logged(data_dir: Path) -> set[Row]:
    """The calls in the log of modules, each with what it took; none may be there twice."""
    command = [
        sys.executable,
        "-m",
        "hengio",
        "module",
        "logs",
        "--limit",
        "1000",
        "--json",
        "--data-dir",
        str(data_dir),
    ]
    calls = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    entries = [(call["execution_id"], call["step_id"], call["visit"], call["attempt"]) for call in calls]
    assert len(set(entries)) == len(entries)
    assert all(call["fuel_used"] for call in calls if call["outcome"] == "succeeded")
    return set(entries)


@pytest.mark.requirement("H5.2")
def test_results_in_the_target_database_are_not_doubled_by_kills_and_reruns(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    assert run_and_kill(data_dir, more_steps=STEPS - 3, then_seconds=0)
    for _ in range(2):
        process = demo(data_dir, "--json")
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    with closing(sqlite3.connect(data_dir / "databases" / "strikes.db")) as database:
        (strikes,) = database.execute("SELECT count(*) FROM strikes").fetchone()
        (alerts,) = database.execute("SELECT count(*) FROM alerts").fetchone()
    assert (strikes, alerts) == (9_923, 300)


@pytest.mark.requirement("H5.2")
def test_a_second_process_on_the_same_data_folder_is_told_who_has_it(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-m", "hengio", "serve", "--port", "0", "--data-dir", str(tmp_path)], stderr=subprocess.PIPE
    )
    try:
        assert first.stderr is not None
        assert b"listens on" in first.stderr.readline()
        second = demo(tmp_path)
        _, errors = second.communicate(timeout=60)
        assert second.returncode == 4
        assert f"in use by process {first.pid}" in " ".join(errors.decode().split())
    finally:
        first.terminate()
        assert first.wait(timeout=30) == 0
        assert first.stderr is not None
        first.stderr.close()
