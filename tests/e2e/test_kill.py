"""kill -9 of the whole process at random moments of the demo job: nothing is lost and no finished step is run again."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROUNDS = 4
KILLS = 3
LONGEST_SECONDS = 3.0
Row = tuple[object, ...]


def demo(data_dir: Path, *more: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hengio", "demo", "--data-dir", str(data_dir), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ})


def rows(data_dir: Path, query: str) -> list[Row]:
    with sqlite3.connect(data_dir / "hengio.db", timeout=30) as database:
        return database.execute(query).fetchall()


def finished_steps(data_dir: Path) -> set[Row]:
    if not (data_dir / "hengio.db").exists():
        return set()
    try:
        return set(
            rows(
                data_dir,
                "SELECT execution_id, step_id, visit, attempt, claim, started_at, completed_at, output, output_digest "
                "FROM step_runs WHERE status = 'success'",
            )
        )
    except sqlite3.OperationalError:  # killed before the first migration was committed
        return set()


def run_and_kill(data_dir: Path, after_seconds: float) -> None:
    process = demo(data_dir)
    time.sleep(after_seconds)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.requirement("H5.2", "R11.5", "R13.4")
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_an_execution_killed_at_random_moments_ends_without_repeating_a_finished_step(
    tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    data_dir = tmp_path / "data"
    kept: set[Row] = set()
    for _ in range(KILLS):
        run_and_kill(data_dir, chance.uniform(0.2, LONGEST_SECONDS))
        now = finished_steps(data_dir)
        assert kept <= now, "a finished step run was changed or lost"
        kept = now

    last = demo(data_dir, "--json")
    output, errors = last.communicate(timeout=120)
    assert last.returncode == 0, errors.decode()
    assert json.loads(output)["status"] == "success"

    assert kept <= finished_steps(data_dir), "a finished step run was changed or lost"
    assert rows(data_dir, "SELECT count(*) FROM executions WHERE state != 'success'") == [(0,)]
    again = "SELECT 1 FROM step_runs WHERE status = 'success' GROUP BY execution_id, step_id HAVING count(*) > 1"
    assert rows(data_dir, again) == []


@pytest.mark.requirement("H5.2")
def test_results_in_the_target_database_are_not_doubled_by_kills_and_reruns(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    run_and_kill(data_dir, 1.5)
    for _ in range(2):
        process = demo(data_dir, "--json")
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
    with sqlite3.connect(data_dir / "databases" / "strikes.db") as database:
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
