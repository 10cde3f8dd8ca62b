"""The command line as a person meets it: good input, bad input, exit codes, JSON for programs."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import wasmtime

from hengio.cli.examples import examples_folder
from tests.support.components import ECHO as COMPONENT_ECHO
from tests.support.components import component

EXAMPLES = examples_folder()
CLEAN = EXAMPLES / "modules" / "clean-strikes" / "clean-strikes.wasm"


def hengio(
    *arguments: str | Path, given: bytes = b"", cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "hengio", *map(str, arguments)]
    env = {**os.environ, **environment}
    return subprocess.run(command, input=given, capture_output=True, timeout=120, check=False, cwd=cwd, env=env)


def answer(done: subprocess.CompletedProcess[bytes]) -> Any:
    return json.loads(done.stdout)


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def guest(path: Path, body: str) -> Path:
    path.write_bytes(
        wasmtime.wat2wasm(
            f"""(module (memory (export "memory") 2)
            (func (export "hengio_alloc") (param i32) (result i32) (i32.const 1024))
            (func (export "run") (param i32 i32) (result i64) {body}))"""
        )
    )
    return path


ECHO = "(i64.or (i64.shl (i64.extend_i32_u (local.get 0)) (i64.const 32)) (i64.extend_i32_u (local.get 1)))"


@pytest.mark.requirement(
    *("R1.1", "R1.2", "R1.3", "R1.4", "R2.2", "R2.4", "R11.1", "R11.2", "R12.2", "R13.4", "H4.5", "H11.1")
)
def test_the_demo_runs_every_step_on_real_data_and_tells_its_results(tmp_path: Path) -> None:
    done = hengio("demo", "--json", "--data-dir", tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    told = answer(done)
    assert told["status"] == "success"
    steps = {step["id"]: step for step in told["steps"]}
    assert [step["status"] for step in told["steps"]] == ["success"] * 8
    assert steps["clean"]["fuel"] > 1_000_000
    assert steps["clean"]["output_shape"]["summary"]["read"] == 10_000
    assert steps["score"]["next_steps"] == ["alerts_table"]
    assert Path(told["results"]["report"]).read_bytes()[:2] == b"PK"


@pytest.mark.requirement("R12.2")
def test_the_demo_shows_steps_log_lines_and_results_to_a_person(tmp_path: Path) -> None:
    done = hengio("demo", "--data-dir", tmp_path)
    shown = done.stdout.decode()
    assert done.returncode == 0, done.stderr.decode()
    for word in ("clean", "score", "fuel", "success", "9923", "results", ".xlsx"):
        assert word in shown.replace(",", "")


@pytest.mark.requirement("R13.1")
def test_a_broken_definition_is_answered_with_every_place_that_is_wrong(tmp_path: Path) -> None:
    document = {
        "name": "broken",
        "steps": [
            {"id": "a", "type": "wasm", "config": {"modul_id": "x"}},
            {"id": "a", "type": "database", "config": {"connection": "c", "query": "SELECT {{steps.zz.output}}"}},
        ],
    }
    done = hengio("job", "validate", write(tmp_path / "job.json", document), "--json")
    assert done.returncode == 2
    told = answer(done)
    assert told["valid"] is False
    paths = {problem["path"] for problem in told["errors"]}
    assert "$.steps[0].config.modul_id" in paths
    hints = " ".join(problem["hint"] for problem in told["errors"])
    assert "module_id" in hints


@pytest.mark.requirement("R13.1")
def test_a_definition_that_is_no_json_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('{"name": "x",\n "steps": [}\n', encoding="utf-8")
    done = hengio("job", "validate", file)
    assert done.returncode == 2
    assert "line 2" in done.stdout.decode()


@pytest.mark.requirement("H3.1", "H3.3")
def test_a_flat_definition_is_shown_in_its_canonical_form(tmp_path: Path) -> None:
    step = {"id": "a", "type": "database_query", "connection": "c", "query": "SELECT 1", "retry_count": 2}
    file = write(tmp_path / "job.json", {"name": "flat", "steps": [step]})
    told = answer(hengio("job", "validate", file, "--json"))
    assert told["errors"] == []
    config = {"connection": "c", "query": "SELECT 1"}
    canonical = {"id": "a", "type": "database", "config": config, "retry": {"max_retries": 2}}
    assert told["normalized"] == {"name": "flat", "steps": [canonical]}


@pytest.mark.requirement("H3.1")
def test_job_schema_prints_one_json_document_with_or_without_json() -> None:
    schema = answer(hengio("job", "schema", "--json"))
    assert schema["$schema"].endswith("2020-12/schema")
    assert answer(hengio("job", "schema")) == schema


@pytest.mark.requirement("R1.5", "R9.1", "R9.2", "R9.3")
def test_job_run_registers_a_module_runs_the_job_once_and_prints_its_output(tmp_path: Path) -> None:
    module = guest(tmp_path / "echo.wasm", ECHO)
    job = {
        "name": "once",
        "steps": [
            {
                "id": "echo",
                "type": "wasm",
                "config": {
                    "module_id": "echo",
                    "function_name": "run",
                    "fuel_limit": 100000,
                    "memory_limit_mb": 1,
                    "timeout_seconds": 2,
                    "input": {"seen": "{{input.who}}"},
                },
            }
        ],
    }
    file, given = write(tmp_path / "job.json", job), write(tmp_path / "in.json", {"who": "Hằng"})
    done = hengio(
        "job", "run", file, "--input", given, "--module", f"echo={module}", "--data-dir", tmp_path / "d", "--json"
    )
    assert done.returncode == 0, done.stderr.decode()
    told = answer(done)
    assert told["steps"][0]["output"]["input"] == {"seen": "Hằng"}


@pytest.mark.requirement("R3.1", "R3.5", "R9.4")
def test_module_test_tells_outcome_fuel_and_backtrace_and_fails_by_its_exit_code(tmp_path: Path) -> None:
    module = guest(tmp_path / "spin.wasm", "(loop (br 0)) (i64.const 0)")
    done = hengio("module", "test", module, "--fuel", "50000", "--json")
    told = answer(done)
    assert done.returncode == 10
    assert told["outcome"] == "out_of_fuel"
    assert told["fuel_used"] == 50_000
    assert told["compiler"] == "cranelift"
    keys = {
        "outcome",
        "output",
        "error",
        "backtrace",
        "fuel_used",
        "peak_memory_bytes",
        "duration_ms",
        "compiler",
        "logs",
    }
    assert keys <= told.keys()


@pytest.mark.requirement("R9.1", "R9.2", "R9.3")
def test_module_test_reads_its_input_from_standard_input(tmp_path: Path) -> None:
    module = guest(tmp_path / "echo.wasm", ECHO)
    done = hengio("module", "test", module, "--input", "-", "--json", given='{"tên": "Hạnh"}'.encode())
    assert done.returncode == 0, done.stderr.decode()
    assert answer(done)["output"] == {"tên": "Hạnh"}


@pytest.mark.requirement("R6.1", "R6.2")
def test_module_inspect_says_what_a_binary_is_and_can_do() -> None:
    told = answer(hengio("module", "inspect", CLEAN, "--json"))
    assert told["kind"] == "reactor"
    assert "run" in told["entries"]
    assert told["host_io_possible"] is False
    assert len(told["digest"]) == 64


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["job", "validate", "missing.json"], 3, ["there is no definition missing.json"]),
        (["module", "inspect", "broken.wasm"], 2, ["WebAssembly"]),
        (["module", "test", "missing.wasm"], 3, ["there is no module missing.wasm"]),
        (["job", "run", "unknown.json", "--data-dir", "d"], 2, ["$.steps[0].config.module_id", "no module"]),
        (["job", "run", "file.json", "--data-dir", "d"], 10, ["nowhere.csv"]),
        (["job", "run", "file.json", "--data-dir", "in-the-way"], 6, ["data folder"]),
        (["job", "run", "file.json", "--put", "key", "--data-dir", "d"], 2, ["--put", "KEY=FILE"]),
        (["serve", "--port", "1", "--host", "203.0.113.7", "--data-dir", "d"], 6, ["cannot listen"]),
    ],
)
@pytest.mark.requirement("R6.1", "R13.1")
def test_bad_input_ends_in_one_clear_message_and_an_exit_code_by_kind(
    tmp_path: Path, arguments: Sequence[str], code: int, words: Sequence[str]
) -> None:
    (tmp_path / "broken.wasm").write_bytes(b"\0asm\1\0\0\0\xff\xff")
    (tmp_path / "in-the-way").write_text("a file, not a folder")
    unknown = {"id": "a", "type": "wasm", "config": {"module_id": "nobody"}}
    read = {
        "id": "a",
        "type": "file_processing",
        "config": {"operation": "read", "path": "nowhere.csv", "format": "csv"},
    }
    write(tmp_path / "unknown.json", {"name": "unknown", "steps": [unknown]})
    write(tmp_path / "file.json", {"name": "file", "steps": [read]})
    done = hengio(*arguments, cwd=tmp_path)
    said = " ".join((done.stdout + done.stderr).decode().split())
    assert done.returncode == code, said
    assert "Traceback" not in said
    for word in words:
        assert word in said


@pytest.mark.requirement("H9.5")
def test_serve_answers_whether_it_lives_and_is_ready_and_stops_on_sigterm(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "hengio", "serve", "--port", "0", "--data-dir", str(tmp_path)], stderr=subprocess.PIPE
    )
    assert server.stderr is not None
    try:
        url = server.stderr.readline().decode().split()[-1]
        for path, status in (("live", "alive"), ("ready", "ready")):
            with urllib.request.urlopen(f"{url}/health/{path}", timeout=10) as response:
                assert json.load(response)["status"] == status
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}/nowhere", timeout=10)
    finally:
        server.terminate()
        assert server.wait(timeout=30) == 0
        server.stderr.close()


SPIN = {
    "name": "spin",
    "steps": [
        {"id": "s", "type": "wasm", "config": {"module_id": "spin", "fuel_limit": 10**11, "timeout_seconds": 60}},
        {"id": "later", "type": "wasm", "config": {"module_id": "spin"}},
    ],
}


@pytest.mark.requirement("H11.5")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_hands_the_running_job_back_and_says_so(tmp_path: Path, number: signal.Signals) -> None:
    module = guest(tmp_path / "spin.wasm", "(loop (br 0)) (i64.const 0)")
    arguments = ["job", "run", write(tmp_path / "job.json", SPIN), "--module", f"spin={module}", "--data-dir", tmp_path]
    command = [sys.executable, "-u", "-m", "hengio", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        database = tmp_path / "hengio.db"
        query = "SELECT state, crashes FROM executions"
        while states(database, query) != [("running", 0)]:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        shown, said = process.communicate(timeout=30)
    assert process.returncode == 128 + number
    assert "goes on from the last finished step" in " ".join(said.decode().split())
    assert "Traceback" not in (shown + said).decode()
    assert states(database, query) == [("pending", 0)]


def states(database: Path, query: str) -> list[tuple[object, ...]]:
    try:
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()
    except sqlite3.OperationalError:  # not there yet
        return []


def test_a_full_disk_behind_the_output_is_one_message_and_no_traceback(tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        command = [sys.executable, "-m", "hengio", "demo", "--data-dir", str(tmp_path)]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.returncode == 6
    assert "No space left" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()


def test_with_json_an_error_is_a_document_too(tmp_path: Path) -> None:
    done = hengio("job", "validate", tmp_path / "nope.json", "--json")
    told = answer(done)
    assert (done.returncode, told["error"]["code"]) == (3, "not_found")
    assert "nope.json" in told["error"]["message"]


def test_job_run_shows_what_the_job_put_out_and_whole_outputs_when_asked(tmp_path: Path) -> None:
    module = guest(tmp_path / "echo.wasm", ECHO)
    step = {"id": "echo", "type": "wasm", "config": {"module_id": "echo", "input": "{{input}}"}}
    job, given = (
        write(tmp_path / "job.json", {"name": "once", "steps": [step]}),
        write(tmp_path / "in.json", [*range(9)]),
    )
    common = ["job", "run", job, "--input", given, "--module", f"echo={module}", "--data-dir", tmp_path / "d"]
    assert '"input": "[9 items]"' in hengio(*common).stdout.decode()
    [short], [whole] = (answer(hengio(*common, *more, "--json"))["steps"] for more in ((), ("--full",)))
    assert whole["output"]["input"] == [*range(9)]
    assert (short["output_shape"]["input"], "output" in short) == ("[9 items]", False)
    assert short["started_at"] <= short["completed_at"]


def test_trying_and_inspecting_a_module_log_nothing_beside_their_answer(tmp_path: Path) -> None:
    (tmp_path / "echo.wasm").write_bytes(component(COMPONENT_ECHO))
    (tmp_path / "file").write_text("where no code can be kept, which is worth no line here")
    for command in ("inspect", "test"):
        done = hengio("module", command, "echo.wasm", cwd=tmp_path, HENGIO_CACHE_DIR=str(tmp_path / "file"))
        assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()


def test_a_folder_of_files_must_be_there_and_is_left_as_it_was(tmp_path: Path) -> None:
    module = guest(tmp_path / "echo.wasm", ECHO)
    given = write(tmp_path / "in.json", {})
    for command in (["test", module], ["learn", module, given]):
        done = hengio("module", *command, "--files", tmp_path / "typo")
        assert (done.returncode, "there is no folder" in done.stderr.decode()) == (3, True)
        (tmp_path / "files").mkdir(exist_ok=True)
        assert hengio("module", *command, "--files", tmp_path / "files").returncode == 0
        assert [*(tmp_path / "files").iterdir()] == []
    assert not (tmp_path / "typo").exists()


def test_permissions_are_either_set_or_cleared(tmp_path: Path) -> None:
    module = guest(tmp_path / "echo.wasm", ECHO)
    given = ["--grant", "echo=file:read a", "--data-dir", tmp_path / "d"]
    assert hengio("module", "register", f"echo={module}", *given).returncode == 0
    done = hengio("module", "permissions", "echo", "--set", "file:read b", "--clear", "--data-dir", tmp_path / "d")
    assert (done.returncode, "--set and --clear" in done.stderr.decode()) == (2, True)
    there = answer(hengio("module", "permissions", "echo", "--json", "--data-dir", tmp_path / "d"))
    assert [grant["resource"] for grant in there["permissions"]] == ["a"]


def test_help_for_users_names_no_requirements() -> None:
    for command in ("test", "learn", "register", "permissions", "logs"):
        assert not re.search(r"\(R\d", hengio("module", command, "--help").stdout.decode())


@pytest.mark.requirement("R13.1")
@pytest.mark.parametrize(
    ("field", "hint"),
    [
        ("memory_mb", "did you mean `memory_limit_mb`?"),
        ("memory", "did you mean `memory_limit_mb`?"),
        ("fuel", "did you mean `fuel_limit`?"),
        ("speed", "`permissions`, `tape`"),
        ("mb_fuel", "`permissions`, `tape`"),
    ],
)
def test_a_field_that_there_is_not_is_answered_with_the_one_meant_or_all_there_are(
    tmp_path: Path, field: str, hint: str
) -> None:
    step = {"id": "w", "type": "wasm", "config": {"module_id": "m", field: 5}}
    done = hengio("job", "validate", write(tmp_path / "job.json", {"name": "j", "steps": [step]}), "--json")
    (problem,) = answer(done)["errors"]
    assert (problem["path"], hint in problem["hint"]) == (f"$.steps[0].config.{field}", True), problem
    assert " more" not in problem["hint"]


@pytest.mark.requirement("R1.5", "R13.1")
def test_a_number_out_of_range_is_told_with_the_range_in_all_its_digits(tmp_path: Path) -> None:
    step = {"id": "w", "type": "wasm", "config": {"module_id": "m", "fuel_limit": 0}}
    done = hengio("job", "validate", write(tmp_path / "job.json", {"name": "j", "steps": [step]}), "--json")
    assert answer(done)["errors"][0]["message"] == "must be from 1 to 9223372036854775807, got 0"
