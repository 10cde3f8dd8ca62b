"""Modules registered by one process are compiled for the next, and a server shows it in numbers."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.artefacts import ONE, TWO


def hengio(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "hengio", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, timeout=120, check=False, cwd=cwd)


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


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["two@1.0.0=two.wasm", "two@1.0.0=one.wasm"], 2, "two@1.0.0 is given twice, as two.wasm and one.wasm"),
        (["two=two.wasm", "two@0.0.1=one.wasm"], 2, "two@0.0.1 is given twice"),
        (["two"], 2, "is not of the form NAME[@VERSION]=FILE.wasm"),
        (["two=two.wasm", "--grant", "two=file:read ../x"], 2, "the permissions cannot be granted"),
        (["two=two.wasm", "--grant", "two@^1=file:read a"], 3, "there is no module 'two@^1'"),
        (["two=two.wasm", "--grant", "tow=file:read a"], 3, "there is no module 'tow'"),
    ],
)
def test_what_can_not_be_registered_as_a_whole_leaves_nothing(
    tmp_path: Path, files: dict[str, Path], arguments: list[str], code: int, words: str
) -> None:
    register(tmp_path, f"one={files['one']}")
    done = hengio("module", "register", *arguments, "--data-dir", tmp_path, cwd=tmp_path)
    assert (done.returncode, words in done.stderr.decode()) == (code, True), done.stderr.decode()
    there = hengio("module", "permissions", "two", "--data-dir", tmp_path)
    assert (there.returncode, "registered modules: one@0.0.1" in there.stderr.decode()) == (3, True)


@pytest.mark.parametrize("option", ["--module", "--put"])
def test_a_job_is_not_run_with_one_of_two_things_of_the_same_name(
    tmp_path: Path, files: dict[str, Path], option: str
) -> None:
    job = tmp_path / "job.json"
    job.write_text(json.dumps({"name": "j", "steps": [{"id": "s", "type": "wasm", "config": {"module_id": "one"}}]}))
    twice = (option, f"one={files['one']}", option, f"one={files['two']}")
    done = hengio("job", "run", job, *twice, "--data-dir", tmp_path / "d")
    assert (done.returncode, "is given twice" in done.stderr.decode()) == (2, True)


def test_a_module_and_a_grant_for_a_range_of_its_versions_are_given_together(
    tmp_path: Path, files: dict[str, Path]
) -> None:
    register(tmp_path, f"one@1.2.0={files['one']}", "--grant", "one@^1=file:read a", "--grant", "one=file:read b")
    told = json.loads(hengio("module", "permissions", "one", "--json", "--data-dir", tmp_path).stdout)
    assert [each["resource"] for each in told["permissions"]] == ["a", "b"]


@pytest.mark.requirement("R14.4")
@pytest.mark.parametrize("altered", [True, False], ids=["altered", "gone"])
def test_a_stored_binary_that_was_altered_or_is_gone_is_mended_by_registering_it_again(
    tmp_path: Path, files: dict[str, Path], altered: bool
) -> None:
    register(tmp_path, f"one={files['one']}")
    (stored,) = (tmp_path / "objects" / "wasm-modules").glob("*.wasm")
    shutil.rmtree(tmp_path / "objects" / "artefacts", ignore_errors=True)
    shutil.rmtree(tmp_path / "artefacts", ignore_errors=True)
    if altered:
        stored.write_bytes(files["two"].read_bytes())
    else:
        stored.unlink()
    job = tmp_path / "job.json"
    step = {"id": "s", "type": "wasm", "config": {"module_id": "one"}}
    job.write_text(json.dumps({"name": "j", "max_retries": 0, "steps": [step]}))
    broken = hengio("job", "run", job, "--data-dir", tmp_path)
    assert (broken.returncode, "hengio module register" in broken.stdout.decode()) == (10, True), broken.stdout
    register(tmp_path, f"one={files['one']}")
    assert stored.read_bytes() == files["one"].read_bytes()
    assert hengio("job", "run", job, "--data-dir", tmp_path).returncode == 0
