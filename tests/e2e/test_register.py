"""Modules registered by one process are compiled for the next, and a server shows it in numbers."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.artefacts import ONE, TWO


def hengio(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "hengio", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False)


def register(folder: Path, *modules: str, code: int = 0) -> Any:
    done = hengio("module", "register", *modules, "--json", "--data-dir", folder)
    assert done.returncode == code, done.stderr.decode()
    return json.loads(done.stdout or done.stderr)


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A server's URL."""
    command = [sys.executable, "-m", "hengio", "serve", "--port", "0", "--data-dir", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as server:
        assert server.stderr is not None
        try:
            yield server.stderr.readline().decode().split()[-1]
        finally:
            server.terminate()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {"one": tmp_path / "one.wasm", "two": tmp_path / "two.wasm"}
    found["one"].write_bytes(ONE)
    found["two"].write_bytes(TWO)
    return found


@pytest.mark.requirement("R6.1", "R6.2", "R9.5")
def test_modules_are_registered_and_compiled_once(tmp_path: Path, files: dict[str, Path]) -> None:
    given = (f"one={files['one']}", f"two@2.1.0={files['two']}")
    first = register(tmp_path, *given)
    assert [(one["name"], one["version"]) for one in first["modules"]] == [("one", "0.0.1"), ("two", "2.1.0")]
    assert set(first["compiled"]) == {"baseline", "optimized"}
    assert register(tmp_path, *given) == {"modules": first["modules"], "compiled": {}}
    assert b"one@0.0.1" in hengio("module", "register", given[0], "--data-dir", tmp_path).stdout


def test_another_binary_under_the_same_version_is_a_conflict(tmp_path: Path, files: dict[str, Path]) -> None:
    register(tmp_path, f"one={files['one']}")
    assert register(tmp_path, f"one={files['two']}", code=4)["error"]["code"] == "conflict"


@pytest.mark.requirement("R7.1")
def test_the_first_job_of_a_later_process_compiles_nothing(tmp_path: Path, files: dict[str, Path]) -> None:
    register(tmp_path, f"one={files['one']}")
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"name": "j", "steps": [{"id": "s", "type": "wasm", "config": {"module_id": "one"}}]}))
    done = hengio("job", "run", job, "--json", "--full", "--data-dir", tmp_path)
    assert json.loads(done.stdout)["steps"][0]["output"] == 1
    logged = json.loads(hengio("module", "logs", "--json", "--data-dir", tmp_path).stdout)
    assert [call["compiler"] for call in logged] == ["cranelift"]


@pytest.mark.requirement("H9")
def test_a_server_shows_its_numbers_to_prometheus(tmp_path: Path) -> None:
    with serving(tmp_path) as url, urllib.request.urlopen(f"{url}/metrics", timeout=10) as reply:
        kind, text = reply.headers["content-type"], reply.read().decode()
    assert kind.startswith("text/plain; version=0.0.4")
    assert "# TYPE hengio_module_cache_hits_total counter\nhengio_module_cache_hits_total 0.0\n" in text
