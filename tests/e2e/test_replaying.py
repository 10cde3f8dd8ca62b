"""`hengio module tape` and `replay`: a call that failed in a job, on another machine's terms."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.guests import command
from tests.support.tapes import asking


def hengio(
    *arguments: str | Path, cwd: Path, given: bytes = b"", **environment: str
) -> subprocess.CompletedProcess[bytes]:
    line = [sys.executable, "-m", "hengio", *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(line, input=given, capture_output=True, timeout=120, check=False, cwd=cwd, env=env)


def failed_job(folder: Path) -> str:
    """A job whose module trapped after it read a file; its execution."""
    (folder / "bad.wasm").write_bytes(asking(("file_read", "a.json"), then="unreachable"))
    (folder / "good.wasm").write_bytes(asking(("file_read", "a.json")))
    (folder / "other.wasm").write_bytes(asking(("file_read", "b.json")))
    (folder / "a.json").write_text('{"rows": 3}')
    step = {"id": "s", "type": "wasm", "config": {"module_id": "bad"}}
    (folder / "job.json").write_text(json.dumps({"name": "j", "max_retries": 0, "steps": [step]}))
    options = ["--module", "bad=bad.wasm", "--grant", "bad=file:read a.json", "--put", "a.json=a.json"]
    done = hengio("job", "run", "job.json", *options, "--data-dir", "d", "--json", cwd=folder)
    assert done.returncode == 10, done.stderr.decode()
    found: str = json.loads(done.stdout)["execution_id"]
    return found


@pytest.mark.requirement("R9.1", "R9.4")
def test_a_failed_call_is_taken_along_replayed_and_tried_with_a_repaired_module(tmp_path: Path) -> None:
    execution = failed_job(tmp_path)
    logs = hengio("module", "logs", "--data-dir", "d", cwd=tmp_path).stdout.decode()
    assert f"hengio module replay {execution}:s:1-1" in logs
    for named in (f"{execution}:s", f"{execution}:s:1-1"):
        here = hengio("module", "replay", named, "--data-dir", "d", cwd=tmp_path)
        assert (here.returncode, "identical" in here.stdout.decode()) == (0, True), here.stdout.decode()
    other = hengio("module", "replay", f"{execution}:s:1-2", "--data-dir", "d", cwd=tmp_path)
    assert (other.returncode, "visit 1, attempt 2" in other.stderr.decode()) == (3, True)
    taken = hengio("module", "tape", execution, "s", "-o", "t.tape", "--data-dir", "d", "--json", cwd=tmp_path)
    about = json.loads(taken.stdout)
    assert (about["module"], about["outcome"], about["events"]) == ("bad@0.0.1", "trapped", 1)

    def replayed(*options: str) -> tuple[int, Any]:
        done = hengio("module", "replay", "t.tape", *options, "--json", "--data-dir", "elsewhere", cwd=tmp_path)
        return done.returncode, json.loads(done.stdout)

    code, told = replayed("--module", "bad.wasm")
    assert (code, told["identical"], told["fuel"], told["fuel_used"]) == (0, True, "equal", told["fuel_recorded"])
    code, told = replayed("--module", "good.wasm")
    assert (code, told["divergence"]["came"]) == (10, "the outcome succeeded")
    assert (told["came"]["outcome"], told["came"]["output"]) == ("succeeded", {"rows": 3})
    repaired = hengio("module", "replay", "t.tape", "--module", "good.wasm", "--data-dir", "elsewhere", cwd=tmp_path)
    assert '"rows": 3' in repaired.stdout.decode()
    code, told = replayed("--module", "other.wasm")
    assert (code, told["divergence"]) == (
        10,
        {"event": 1, "expected": "file_read a.json", "came": "file_read b.json"},
    )
    code, told = replayed()
    assert (code, told["error"]["code"]) == (3, "not_found")
    assert "--module" in told["error"]["hint"]


@pytest.mark.requirement("R9.1", "R9.2")
def test_a_local_run_is_recorded_and_replayed(tmp_path: Path) -> None:
    (tmp_path / "exits.wasm").write_bytes(command('(func (export "_start") (call $exit (i32.const 3)))'))
    done = hengio("module", "test", "exits.wasm", "--record", "t.tape", cwd=tmp_path)
    assert done.returncode == 10
    piped = hengio(
        "module", "replay", "-", "--module", "exits.wasm", given=(tmp_path / "t.tape").read_bytes(), cwd=tmp_path
    )
    assert piped.returncode == 0, piped.stderr.decode()
    assert "exits run, failed, 0 events" in piped.stdout.decode()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["replay", "garbage"], 2, "this is no tape"),
        (["replay", "missing.tape"], 3, "there is no tape missing.tape"),
        (["tape", "0193", "s", "-o", "t", "--data-dir", "nowhere"], 3, "there is no database"),
        (["test", "exits.wasm", "--record", "no/such/folder"], 2, "cannot be written"),
    ],
)
def test_what_can_not_be_replayed_or_recorded_says_why(
    tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    (tmp_path / "garbage").write_bytes(b"\x1f\x8b garbage")
    (tmp_path / "exits.wasm").write_bytes(command('(func (export "_start") (call $exit (i32.const 3)))'))
    done = hengio("module", *arguments, cwd=tmp_path)
    said = " ".join((done.stdout + done.stderr).decode().split())
    assert (done.returncode, "Traceback" in said) == (code, False), said
    assert words in said


def denied_job(folder: Path, **environment: str) -> tuple[str, str]:
    """A job whose module is denied a file and traps, two times; its execution, and what was shown."""
    (folder / "bad.wasm").write_bytes(asking(("file_read", "a b.json"), then="unreachable"))
    retry = {"max_retries": 1, "delays_seconds": [0], "on": ["trapped"]}
    step = {"id": "a_step_of_a_long_name", "type": "wasm", "retry": retry, "config": {"module_id": "bad"}}
    (folder / "job.json").write_text(json.dumps({"name": "j", "steps": [step]}))
    run = ("job", "run", "job.json", "--module", "bad@2.0.0=bad.wasm", "--data-dir", "d")
    done = hengio(*run, cwd=folder, **environment)
    assert done.returncode == 10, done.stderr.decode()
    shown = done.stdout.decode()
    return shown.rpartition("execution ")[2].split()[0], shown


@pytest.mark.requirement("R4.7", "R9.4")
def test_a_job_says_what_its_modules_were_denied_and_how_each_failure_is_replayed(tmp_path: Path) -> None:
    execution, shown = denied_job(tmp_path)
    assert shown.count("--grant 'bad@2.0.0=file:read a b.json' would grant it") == 2
    for attempt in (1, 2):
        named = f"{execution}:a_step_of_a_long_name:1-{attempt}"
        assert f"hengio module replay {named}\n" in shown
        assert hengio("module", "replay", named, "--data-dir", "d", cwd=tmp_path).returncode == 0
    again = hengio("job", "run", "job.json", "--data-dir", "d", "--json", cwd=tmp_path)
    told = json.loads(again.stdout)
    assert [step["denials"] for step in told["steps"]] == [["file:read a b.json"]] * 2
    assert [step["tape"][-4:] for step in told["steps"]] == [":1-1", ":1-2"]


@pytest.mark.requirement("R8.6")
@pytest.mark.parametrize("columns", ["40", "80", "200"])
def test_the_log_of_calls_is_whole_however_narrow_the_terminal_is(tmp_path: Path, columns: str) -> None:
    execution, _ = denied_job(tmp_path)
    shown = hengio("module", "logs", "--data-dir", "d", cwd=tmp_path, COLUMNS=columns).stdout.decode()
    entries = [line for line in shown.splitlines() if execution in line and "replay" not in line]
    assert len(entries) == 4
    assert all("a_step_of_a_long_name" in line for line in entries)
    assert ("ended (UTC)" in shown) == (columns == "200")
    for word in ("bad@2.0.0", "trapped", "KiB"):
        assert word in shown


def test_fuel_that_is_a_lower_bound_is_told_as_one(tmp_path: Path) -> None:
    _, shown = denied_job(tmp_path, COLUMNS="200")
    assert "at least " in shown
    logs = hengio("module", "logs", "--data-dir", "d", cwd=tmp_path, COLUMNS="200").stdout.decode()
    assert logs.count("at least ") == 2
