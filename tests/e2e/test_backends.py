"""The same program on PostgreSQL and S3: the whole example job, and a kill -9 in the middle of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.s3 import S3Server


def environment(postgres: str, s3: S3Server) -> dict[str, str]:
    options = s3.options
    return {
        **os.environ,
        "HENGIO_DATABASE_URL": postgres,
        "HENGIO_OBJECTS_URL": s3.url(),
        "HENGIO_S3__ENDPOINT": options.endpoint or "",
        "HENGIO_S3__ACCESS_KEY": options.access_key or "",
        "HENGIO_S3__SECRET_KEY": options.secret_key or "",
        "HENGIO_WORKER__LEASE_SECONDS": "1",
    }


def start(folder: Path, env: dict[str, str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "hengio", "demo", "--json", "--data-dir", str(folder)]
    return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.requirement("R1.1", "R6.3", "R6.4", "R13.4", "H5.2")
def test_the_example_job_runs_on_postgresql_and_s3(tmp_path: Path, postgres_url: str, s3_server: S3Server) -> None:
    process = start(tmp_path, environment(postgres_url, s3_server))
    output, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors.decode()
    told = json.loads(output)
    assert told["status"] == "success"
    assert told["results"]["report"].startswith("s3://")
    assert not (tmp_path / "hengio.db").exists()
    assert not (tmp_path / "objects").exists()
    for secret in (s3_server.options.secret_key, "postgresql://"):
        assert secret not in output.decode() + errors.decode()


@pytest.mark.requirement("H5.2", "H5.10")
def test_on_postgresql_a_killed_worker_is_replaced_when_its_lease_runs_out(
    tmp_path: Path, postgres_url: str, s3_server: S3Server
) -> None:
    env = environment(postgres_url, s3_server)
    first = start(tmp_path, env)
    time.sleep(2.0)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    second = start(tmp_path, env)
    output, errors = second.communicate(timeout=120)
    assert second.returncode == 0, errors.decode()
    told = json.loads(output)
    assert told["status"] == "success"
    assert [step["id"] for step in told["steps"]].count("clean") == 1
