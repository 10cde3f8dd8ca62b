"""Jobs, executions and dead letters from the command line, beside a server that works and without one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.processes import serving_hengio

SLEEPER = """
name: sleeper
steps:
  - {id: wait, type: database, config: {connection: pg, query: "SELECT pg_sleep(60)"}}
"""


def hengio(folder: Path, *words: str, code: int = 0, given: str = "", **env: str) -> Any:
    """What a command answers as JSON."""
    command = [sys.executable, "-m", "hengio", *words, "--data-dir", str(folder), "--json"]
    done = subprocess.run(command, input=given.encode(), capture_output=True, env={**os.environ, **env}, check=False)
    assert done.returncode == code, (done.returncode, done.stdout.decode(), done.stderr.decode())
    return json.loads(done.stdout) if done.stdout else None


def text(folder: Path, *words: str, code: int = 0, columns: int = 200) -> str:
    """What a command tells people."""
    command = [sys.executable, "-m", "hengio", *words, "--data-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, env={**os.environ, "COLUMNS": f"{columns}"}, check=False)
    assert done.returncode == code, (done.stdout.decode(), done.stderr.decode())
    return done.stdout.decode()


def a_file(path: Path, document: object) -> str:
    path.write_text(document if isinstance(document, str) else json.dumps(document), encoding="utf-8")
    return str(path)


def query_job(name: str, query: str, **fields: object) -> dict[str, object]:
    steps = [
        {"id": "first", "type": "database", "config": {"connection": "db", "query": "SELECT 1 AS one"}},
        {
            "id": "second",
            "type": "database",
            "retry": {"max_retries": 0},
            "config": {"connection": "db", "query": query, "parameters": {"n": "{{input.n ?? 1}}"}},
        },
    ]
    return {"name": name, "steps": steps, **fields}


DB = {"HENGIO_CONNECTIONS__DB": "sqlite:///shop.db"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def test_a_job_is_applied_listed_shown_run_by_name_and_deleted(folder: Path, tmp_path: Path) -> None:
    file = a_file(tmp_path / "job.json", query_job("shop", "SELECT :n AS n"))
    [applied] = hengio(folder, "job", "apply", file, **DB)["jobs"]
    assert (applied["name"], applied["version"], applied["change"]) == ("shop", 1, "created")
    assert hengio(folder, "job", "apply", file, **DB)["jobs"][0]["change"] == "unchanged"
    assert hengio(folder, "job", "show", "shop")["definition"]["steps"][0]["id"] == "first"
    ran = hengio(folder, "job", "run", "shop", "--full", "--input", "-", given='{"n": 7}', **DB)
    assert ran["status"] == "success"
    assert ran["steps"][-1]["output"]["rows"] == [{"n": 7}]
    [listed] = hengio(folder, "job", "list")
    assert listed["latest"]["state"] == "success"
    assert "shop" in text(folder, "job", "list")
    hengio(folder, "job", "delete", "shop", code=2)
    assert hengio(folder, "job", "delete", "shop", "--yes")["deleted"]
    assert hengio(folder, "job", "list") == []
    [kept] = hengio(folder, "execution", "list")
    assert kept["job"].startswith("shop (deleted")


def test_one_definition_that_is_not_valid_keeps_all_of_them_out(folder: Path, tmp_path: Path) -> None:
    good = a_file(tmp_path / "good.json", query_job("good", "SELECT 1"))
    bad = a_file(tmp_path / "bad.json", {"name": "bad", "steps": [{"id": "a", "type": "wasn"}]})
    told = hengio(folder, "job", "apply", good, bad, code=2)
    assert told["error"]["problems"][0]["path"].endswith("bad.json: $.steps[0].type")
    assert hengio(folder, "job", "list") == []


def test_two_definitions_of_one_name_are_refused_together(folder: Path, tmp_path: Path) -> None:
    files = [a_file(tmp_path / name, query_job("shop", f"SELECT {name[0]}")) for name in ("1.json", "2.json")]
    told = hengio(folder, "job", "apply", *files, code=2, **DB)
    assert told["error"]["message"].endswith("2.json both define the job 'shop'")
    assert hengio(folder, "job", "list") == []


def test_a_disabled_job_does_not_start(folder: Path, tmp_path: Path) -> None:
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", query_job("shop", "SELECT 1")), **DB)
    assert not hengio(folder, "job", "disable", "shop")["enabled"]
    told = hengio(folder, "job", "trigger", "shop", code=4)
    assert told["error"]["message"] == "job 'shop' is disabled"
    hengio(folder, "job", "enable", "shop")
    assert hengio(folder, "job", "trigger", "shop")["state"] == "pending"


@pytest.mark.requirement("H2.6")
def test_a_trigger_under_the_same_key_is_the_same_execution(folder: Path, tmp_path: Path) -> None:
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", query_job("shop", "SELECT 1")), **DB)
    first = hengio(folder, "job", "trigger", "shop", "--idempotency-key", "order-7")
    again = hengio(folder, "job", "trigger", "shop", "--idempotency-key", "order-7")
    assert (again["execution_id"], first["existing"], again["existing"]) == (first["execution_id"], False, True)
    assert "hengio serve runs it" in text(folder, "job", "trigger", "shop")
    assert len(hengio(folder, "execution", "list")) == 2


@pytest.mark.requirement("H5.9")
def test_a_failed_execution_is_looked_at_and_rerun_from_the_step_that_failed(folder: Path, tmp_path: Path) -> None:
    file = a_file(tmp_path / "job.json", query_job("shop", "SELECT :n AS n FROM nowhere"))
    hengio(folder, "job", "apply", file, **DB)
    failed = hengio(folder, "job", "run", "shop", code=10, **DB)
    shown = hengio(folder, "execution", "show", failed["execution_id"])
    assert (shown["state"], shown["failure"]["code"]) == ("failed", "sql_error")
    assert "no such table" in text(folder, "execution", "show", failed["execution_id"])
    logs = hengio(folder, "execution", "logs", failed["execution_id"])
    assert [line.get("step") for line in logs] == ["first", "second", None]
    a_file(tmp_path / "job.json", query_job("shop", "SELECT :n AS n"))
    hengio(folder, "job", "apply", file, **DB)
    new = hengio(folder, "job", "rerun", failed["execution_id"], "--latest")
    with serving_hengio(folder, DB):
        told = text(folder, "execution", "logs", new["execution_id"], "--follow")
    assert "execution success" in told
    shown = hengio(folder, "execution", "show", new["execution_id"])
    assert [step["id"] for step in shown["steps"]] == ["first", "second"]
    assert shown["rerun_of"] == failed["execution_id"]
    audit = {entry["action"] for entry in hengio(folder, "audit", "list")}
    assert audit >= {"job.applied", "execution.rerun"}


@pytest.mark.requirement("H5.4")
def test_dead_letters_are_seen_redriven_with_another_input_and_discarded(folder: Path, tmp_path: Path) -> None:
    away = {"HENGIO_CONNECTIONS__DB": "postgresql://nobody@127.0.0.1:1/nothing"}
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", _away_job()), **away)
    dead = [hengio(folder, "job", "run", "away", code=10, **away)["execution_id"] for _ in range(3)]
    assert [one["execution_id"] for one in hengio(folder, "deadletter", "list")] == dead[::-1]
    assert "deadletter redrive" in text(folder, "deadletter", "show", dead[0])
    given = a_file(tmp_path / "input.json", {"n": 9})
    [told] = hengio(folder, "deadletter", "redrive", dead[0], "--input", given)
    hengio(folder, "deadletter", "redrive", dead[0], code=10)
    assert hengio(folder, "deadletter", "redrive", "--all", "--job", "nothing", code=3)["error"]["code"] == "not_found"
    paged = "import hengio.cli.deadletters as d; d.PAGE = 1; from hengio.cli.main import run; run()"
    command = [sys.executable, "-c", paged, "deadletter", "redrive", "--all", "--data-dir", str(folder)]
    done = subprocess.run(command, capture_output=True, check=True)
    assert [line.split()[0] for line in done.stdout.decode().splitlines()] == dead[:0:-1]
    assert done.stderr == b"2 done\n"
    assert hengio(folder, "deadletter", "list") == []
    ran = hengio(folder, "job", "run", "away", **DB)  # takes up what waits, too
    assert ran["status"] == "success"
    waiting = hengio(folder, "execution", "list", "--state", "pending")
    assert waiting == [] or all(one["rerun_of"] for one in waiting)
    assert told["redriven_as"] in {one["execution_id"] for one in hengio(folder, "execution", "list")}
    again = hengio(folder, "job", "run", "away", code=10, **away)["execution_id"]
    assert hengio(folder, "deadletter", "discard", again)[0]["discarded"]
    assert hengio(folder, "execution", "show", again)["state"] == "cancelled"


def _away_job() -> dict[str, object]:
    return query_job("away", "SELECT :n AS n", allow_concurrent=True) | {
        "steps": [
            {
                "id": "only",
                "type": "database",
                "retry": {"max_retries": 0},
                "config": {"connection": "db", "query": "SELECT :n AS n", "parameters": {"n": "{{input.n ?? 1}}"}},
            }
        ]
    }


@pytest.mark.requirement("H5.7")
def test_what_a_server_runs_is_cancelled_from_another_process(folder: Path, tmp_path: Path, postgres_url: str) -> None:
    env = {"HENGIO_CONNECTIONS__PG": postgres_url}
    hengio(folder, "job", "apply", a_file(tmp_path / "job.yaml", SLEEPER), **env)
    with serving_hengio(folder, env) as server:
        execution = hengio(folder, "job", "trigger", "sleeper")["execution_id"]

        def under_way() -> bool:
            return bool(hengio(folder, "execution", "show", execution)["state"] == "running")

        server.wait_until(under_way)
        [told, unknown] = hengio(folder, "execution", "cancel", execution, "nothing", code=10)
        assert told == {"execution_id": execution, "state": "cancelling"}
        assert unknown == {"execution_id": "nothing", "state": None, "problem": "there is no execution 'nothing'"}
        hengio(folder, "execution", "cancel", "nothing", code=3)
        server.wait_until(lambda: hengio(folder, "execution", "show", execution)["state"] == "cancelled", seconds=10)
    shown = hengio(folder, "execution", "show", execution)
    assert shown["failure"]["message"].startswith("cancelled by cli:")
    assert [step["status"] for step in shown["steps"]] == ["cancelled"]


def test_a_job_is_run_by_the_server_that_holds_the_folder(folder: Path, tmp_path: Path) -> None:
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", query_job("shop", "SELECT :n AS n")), **DB)
    with serving_hengio(folder, DB):
        ran = hengio(folder, "job", "run", "shop")
        assert ran["status"] == "success"
        assert "success" in text(folder, "job", "run", "shop")


def test_words_that_mean_nothing_are_told_so(folder: Path) -> None:
    assert hengio(folder, "execution", "list", code=3)["error"]["code"] == "not_found"
    assert "no definition" in hengio(folder, "job", "run", "nothing.json", code=3)["error"]["message"]
    hengio(folder, "execution", "list", "--state", "asleep", code=2)
    hengio(folder, "deadletter", "redrive", code=2)


def test_a_file_that_is_no_definition_keeps_no_other_one_out(folder: Path, tmp_path: Path) -> None:
    good = a_file(tmp_path / "good.json", query_job("good", "SELECT 1"))
    broken = a_file(tmp_path / "broken.json", '{"name": ]')
    told = hengio(folder, "job", "import", broken, good, code=10)
    assert [(one["source"], one["outcome"]) for one in told] == [("broken.json", "refused"), ("good.json", "imported")]
    assert hengio(folder, "job", "import", broken, code=2)["error"]["problems"]


def test_a_file_is_told_once_and_where_it_is_and_a_failure_with_what_can_be_done(folder: Path, tmp_path: Path) -> None:
    write = {"operation": "write", "path": "a.csv", "format": "csv", "data_source": [{"n": 1}]}
    copy = {"operation": "read", "path": "{{steps.write.output.path}}", "format": "csv"}
    steps = [
        {"id": "write", "type": "file_processing", "config": write},
        {"id": "copy", "type": "file_processing", "config": copy},
    ]
    file = a_file(tmp_path / "job.json", {"name": "files", "steps": steps})
    [told] = [line for line in text(folder, "job", "run", file).splitlines() if line.startswith("wrote ")]
    assert Path(told.removeprefix("wrote ")).read_text() == "n\n1\n"
    broken = a_file(tmp_path / "broken.json", query_job("broken", "SELECT :n FROM nowhere"))
    assert "hengio job rerun --latest" in text(folder, "job", "run", broken, code=10)


def test_a_narrow_terminal_shows_all_of_a_row_in_lines_that_fit(folder: Path, tmp_path: Path) -> None:
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", query_job("shop", "SELECT 1")))
    lines = text(folder, "job", "list", columns=30).splitlines()
    assert [line.strip() for line in lines] == ["shop", "enabled  version 1  steps 2"]


def test_words_that_no_command_takes_are_told_to_programs_too(folder: Path) -> None:
    for words in (["execution", "list", "--limit", "0"], ["job", "shw"], ["job", "show"]):
        error = hengio(folder, *words, code=2)["error"]
        assert error["code"] == "usage"
        assert error["message"]


def test_a_fault_of_our_own_is_one_line_and_no_traceback(tmp_path: Path) -> None:
    fault = "import sys, hengio.cli.schema as s; s.show_schema = lambda: 1 // 0; from hengio.cli.main import run; run()"
    command = [sys.executable, "-c", fault, "job", "schema", "--json"]
    quiet = {key: value for key, value in os.environ.items() if key != "HENGIO_LOG__LEVEL"}
    done = subprocess.run(command, capture_output=True, check=False, env=quiet)
    assert done.returncode == 70
    assert json.loads(done.stdout)["error"]["code"] == "internal"
    assert done.stderr.startswith(b"error: unexpected ZeroDivisionError")
    assert b"Traceback" not in done.stderr
    loud = subprocess.run(command[:-1], capture_output=True, check=False, env={**quiet, "HENGIO_LOG__LEVEL": "debug"})
    assert (loud.returncode, loud.stdout) == (70, b"")
    assert b"Traceback" in loud.stderr


@pytest.mark.requirement("H3.1")
def test_names_and_keys_that_cannot_be_shown_are_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("a\x1b[2Jb", "a\nb", "\u202eabc", "n" * 256, "0193d5a0-0000-7000-8000-000000000000"):
        told = hengio(folder, "job", "apply", a_file(tmp_path / "job.json", query_job(name, "SELECT 1")), code=2, **DB)
        assert told["error"]["problems"][0]["path"] == "$.name"
        assert "\x1b" not in told["error"]["problems"][0]["message"]
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", query_job("n" * 255, "SELECT 1")), **DB)
    for key in ("", "k" * 256, "a\x1bb"):
        told = hengio(folder, "job", "trigger", "n" * 255, "--idempotency-key", key, code=2)
        assert "idempotency key" in told["error"]["message"]
    hengio(folder, "execution", "list", "--since", "99999999999d", code=2)
    large = a_file(tmp_path / "input.json", {"x": "y" * (1 << 20)})
    assert "the input has" in hengio(folder, "job", "trigger", "n" * 255, "--input", large, code=2)["error"]["message"]


def test_what_others_wrote_does_not_reach_the_terminal_as_it_is(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "odd.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("\x1b]0;owned\x07\n.json", "{}")
        archive.writestr("b.json", json.dumps({"name": "\x1b[2J", "steps": []}))
    shown = text(folder, "job", "import", str(file), code=10)
    assert "\x1b" not in shown
    assert "\\x1b]0;owned\\x07\\n.json" in shown


def test_a_list_of_executions_loads_no_more_of_the_sandbox_than_one_of_jobs() -> None:
    def loaded(module: str) -> set[str]:
        look = f"import sys, hengio.cli.{module}; print(*sys.modules)"
        told = subprocess.run([sys.executable, "-c", look], capture_output=True, check=True).stdout.decode()
        return {name for name in told.split() if name.startswith(("hengio.sandbox", "wasmtime"))}

    assert loaded("executions") == loaded("jobs")
    assert loaded("deadletters") == loaded("jobs")


@pytest.mark.requirement("H2.1")
def test_inputs_on_the_command_line_are_read_by_the_types_that_the_job_declares(tmp_path: Path) -> None:
    inputs = {"code": {"type": "string", "required": True}, "n": {"type": "integer", "default": 3, "maximum": 9}}
    job = {**query_job("typed", "SELECT {{input.n}} AS n, {{input.code}} AS code"), "inputs": inputs}
    file = a_file(tmp_path / "job.json", job)
    data, given = tmp_path / "data", a_file(tmp_path / "input.json", {"n": 4, "code": "x"})
    told = hengio(data, "job", "run", file, "--input", given, "--set", "code=007", "--full", **DB)
    assert told["steps"][-1]["output"]["rows"] == [{"n": 4, "code": "007"}]
    hengio(data, "job", "trigger", "typed", "--set", "code=1", **DB)
    error = hengio(data, "job", "trigger", "typed", "--set", "n=many", "--set", "cod=1", code=2, **DB)["error"]
    assert error["code"] == "invalid_input"
    assert [one["path"] for one in error["problems"]] == ["$.input.code", "$.input.n", "$.input.cod"]
    assert hengio(data, "job", "show", "typed")["definition"]["inputs"] == inputs
    for words in (["--set", "n"], ["--set", "n=1", "--set", "n=2"], ["--set", "=1"]):
        assert hengio(data, "job", "trigger", "typed", *words, code=2, **DB)["error"]["code"] == "refused"


DAILY = {"type": "cron", "expression": "0 0 8 * * ?", "timezone": "UTC"}


@pytest.mark.requirement("H1.8")
def test_fires_that_do_not_happen_now_are_told_so_when_a_schedule_changes(folder: Path, tmp_path: Path) -> None:
    def applied(**fields: object) -> str:
        return a_file(tmp_path / "job.json", query_job("shop", "SELECT :n AS n", **fields))

    [told] = hengio(folder, "job", "apply", applied(schedule=DAILY), **DB)["jobs"]
    assert (len(told["fires"]["fires"]), told["off"]) == (3, None)
    hengio(folder, "schedule", "pause", "shop")
    [told] = hengio(folder, "job", "apply", applied(schedule={**DAILY, "timezone": "Asia/Tokyo"}))["jobs"]
    assert told["off"] == "paused"
    hengio(folder, "job", "disable", "shop")
    past = {"type": "one_time", "execute_at": "2020-01-01T08:00"}
    said = text(folder, "job", "apply", applied(schedule=past)).splitlines()
    assert "it does not fire now: it is disabled" in said[-1]
    assert said[-2].split() == ["after", "never"]


@pytest.mark.requirement("H1.6")
def test_the_ledger_of_one_job_does_not_repeat_its_name(folder: Path, tmp_path: Path) -> None:
    job = query_job("shop", "SELECT :n AS n", schedule=DAILY)
    hengio(folder, "job", "apply", a_file(tmp_path / "job.json", job), **DB)
    hengio(folder, "schedule", "backfill", "shop", "--from", "2d", "--to", "0s")
    [row, *_] = hengio(folder, "schedule", "fires", "shop", "--from", "1970-01-01")
    assert row["nominal_time"]["utc"].endswith("T08:00:00Z")
    assert text(folder, "schedule", "fires", "shop").split("\n")[0].split() == [
        *("nominal", "time", "state", "execution", "note")
    ]
    assert text(folder, "schedule", "fires").split("\n")[0].split()[2] == "job"
