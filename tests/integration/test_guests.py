"""Modules in each supported language call every host function, allowed and denied, through `hengio module test`."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.support.programs import program

SHOWS = {
    "c": ["R2.1"],
    "c-command": ["R2.1", "R2.5"],
    "rust": ["R2.2"],
    "rust-command": ["R2.1", "R2.2", "R2.5"],
    "go": ["R2.1", "R2.5"],
    "tinygo": ["R2.3"],
    "go-command": ["R2.1", "R2.5"],
    "assemblyscript": ["R2.4"],
    "python": ["R2.1"],
    "javascript": ["R2.1"],
}
WITH_FILES = {
    name: shown for name, shown in SHOWS.items() if name in {"c", "c-command", "rust-command", "go", "go-command"}
}
"""Whose own functions on files go through WASI: Rust's reactor has none, and TinyGo's are not under test."""
LANGUAGES = [pytest.param(name, marks=pytest.mark.requirement(*shown)) for name, shown in SHOWS.items()]
FILES = [pytest.param(name, marks=pytest.mark.requirement(*shown)) for name, shown in WITH_FILES.items()]


class Greeter(BaseHTTPRequestHandler):
    """Answers a GET with a text, and a POST with what it was sent."""

    def do_GET(self) -> None:
        self._answer(b"xin ch\xc3\xa0o")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])))

    def _answer(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(name="origin")
def _origin() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Greeter) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def calls(origin: str) -> list[dict[str, Any]]:
    """One of each host function, with reads and writes of each capability. File contents are JSON, to be echoed."""
    insert = {"connection": "shop", "query": "INSERT INTO orders VALUES (:id, 'café')", "parameters": {"id": 2}}
    return [
        {"call": "log", "message": "hello"},
        {"call": "get_context", "path": "variables.region"},
        {"call": "set_context", "path": "seen", "value": {"orders": [1, 2]}},
        {"call": "get_context", "path": "variables.seen"},
        {"call": "http_request", "request": {"url": f"{origin}/greeting"}},
        {"call": "http_request", "request": {"url": f"{origin}/echo", "method": "POST", "body": {"n": 1}}},
        {"call": "db_query", "request": insert},
        {"call": "db_query", "request": {"connection": "shop", "query": "SELECT id, name FROM orders ORDER BY id"}},
        {"call": "file_read", "path": "in/list.json"},
        {"call": "file_write", "path": "out/list.json", "value": [4, 5]},
    ]


def run(name: str, todo: list[dict[str, Any]], folder: Path, *options: str) -> dict[str, Any]:
    """The document of `module test --json` for a guest that makes these calls."""
    given = folder / "input.json"
    given.write_text(json.dumps({"variables": {"region": "north"}, "input": {"do": todo}}))
    command = [sys.executable, "-m", "hengio", "module", "test", str(program(name)), "--input", str(given), "--json"]
    done = subprocess.run([*command, *options], check=False, capture_output=True, text=True, cwd=folder)
    assert done.stdout, done.stderr
    shown: dict[str, Any] = json.loads(done.stdout)
    assert shown["outcome"] == "succeeded", shown
    return shown


@pytest.fixture(name="resources")
def _resources(tmp_path: Path) -> list[str]:
    """A database and a files area, as options."""
    database = tmp_path / "hengio-data" / "databases" / "shop.db"
    database.parent.mkdir(parents=True)
    with sqlite3.connect(database) as connection:
        connection.executescript("CREATE TABLE orders (id INTEGER, name TEXT); INSERT INTO orders VALUES (1, 'tea')")
    connection.close()
    (tmp_path / "area" / "in").mkdir(parents=True)
    (tmp_path / "area" / "in" / "list.json").write_text("[1,2,3]")
    return ["--connection", "shop=sqlite:///shop.db", "--files", str(tmp_path / "area")]


@pytest.mark.requirement("R5.1", "R5.2", "R5.3", "R5.4", "R5.5")
@pytest.mark.parametrize("name", LANGUAGES)
def test_every_host_function_answers_a_module_that_may(
    name: str, origin: str, resources: list[str], tmp_path: Path
) -> None:
    grants = [f"http:read {origin}/**", f"http:write {origin}/**", "database:read shop", "database:write shop"]
    grants += ["file:read in/*", "file:write out/*"]
    allowed = [word for grant in grants for word in ("--allow", grant)]
    shown = run(name, calls(origin), tmp_path, *resources, *allowed)
    assert [told["status"] for told in shown["output"]] == [0] * 10
    replies = [told["reply"] for told in shown["output"]]
    assert replies[:4] == [None, "north", None, {"orders": [1, 2]}]
    assert [reply["body"] for reply in replies[4:6]] == ["xin chào", '{"n":1}']
    assert replies[6]["affected_rows"] == 1
    assert replies[7]["rows"] == [{"id": 1, "name": "tea"}, {"id": 2, "name": "café"}]
    assert replies[8] == [1, 2, 3]
    assert (replies[9]["path"], replies[9]["size"]) == ("out/list.json", 5)
    assert json.loads((tmp_path / "area" / "out" / "list.json").read_bytes()) == [4, 5]
    assert [line["message"] for line in shown["logs"]] == ["hello"]
    assert shown["denials"] == []


@pytest.mark.requirement("R4.7", "R4.8", "R5.6")
@pytest.mark.parametrize("name", LANGUAGES)
def test_without_grants_all_that_reaches_outside_is_denied_and_the_module_goes_on(
    name: str, origin: str, resources: list[str], tmp_path: Path
) -> None:
    shown = run(name, calls(origin), tmp_path, *resources)
    assert [told["status"] for told in shown["output"]] == [0] * 4 + [2] * 6
    assert {told["reply"]["code"] for told in shown["output"][4:]} == {"permission_denied"}
    assert {"permission": "http:write", "resource": f"{origin}/echo"} in shown["denials"]
    assert not (tmp_path / "area" / "out").exists()


PLAIN = [
    {"call": "list_folder", "path": "/in"},
    {"call": "list_folder", "path": "/in/in"},
    {"call": "read_file", "path": "/in/in/list.json"},
    {"call": "write_file", "path": "/out/out/new.json", "value": {"n": [1, 2]}},
    {"call": "read_file", "path": "/out/out/new.json"},
    {"call": "list_folder", "path": "/out/out"},
    {"call": "read_file", "path": "/in/in/missing.json"},
]


@pytest.mark.requirement("R2.5", "R4.5", "R4.6")
@pytest.mark.parametrize("name", FILES)
def test_plain_files_work_in_the_directories_that_grants_open(name: str, resources: list[str], tmp_path: Path) -> None:
    area = tmp_path / "area"
    for other in ("in/b.json", "in/a.json", "secret.json"):
        (area / other).write_text("0")
    granted = ["--allow", "file:read in/*", "--allow", "file:write out/*"]
    shown = run(name, PLAIN, tmp_path, *resources, *granted)
    assert [told["status"] for told in shown["output"]] == [0] * 6 + [1]
    replies = [told["reply"] for told in shown["output"]]
    assert replies[0] == ["in"]
    assert replies[1] == ["a.json", "b.json", "list.json"]
    assert replies[2] == [1, 2, 3]
    assert replies[4] == {"n": [1, 2]}
    assert replies[5] == ["new.json"]
    assert json.loads((area / "out" / "new.json").read_bytes()) == {"n": [1, 2]}
    assert shown["denials"] == []


@pytest.mark.requirement("R4.7", "R4.8", "R5.6")
@pytest.mark.parametrize("name", FILES)
def test_plain_files_that_no_grant_names_are_not_there_and_the_denial_is_told(
    name: str, resources: list[str], tmp_path: Path
) -> None:
    todo = [
        {"call": "read_file", "path": "/in/in/list.json"},
        {"call": "write_file", "path": "/out/elsewhere/x.json", "value": 1},
        {"call": "list_folder", "path": "/in"},
        {"call": "list_folder", "path": "/in/in"},
        {"call": "read_file", "path": "/etc/passwd"},
        {"call": "read_file", "path": "/in/../../../etc/passwd"},
    ]
    granted = ["--allow", "file:read inbox/*", "--allow", "file:write out/*"]
    shown = run(name, todo, tmp_path, *resources, *granted)
    assert [told["status"] for told in shown["output"]] == [1, 1, 0, 1, 1, 1]
    assert shown["output"][2]["reply"] == []
    assert {"permission": "file:read", "resource": "in/list.json"} in shown["denials"]
    assert {"permission": "file:write", "resource": "elsewhere/x.json"} in shown["denials"]
    assert [path.name for path in (tmp_path / "area").rglob("*") if path.is_file()] == ["list.json"]


@pytest.mark.requirement("R3.4")
@pytest.mark.parametrize("name", FILES)
def test_without_grants_there_is_no_directory(name: str, resources: list[str], tmp_path: Path) -> None:
    shown = run(name, [*PLAIN, {"call": "list_folder", "path": "/"}], tmp_path, *resources)
    assert {told["status"] for told in shown["output"]} == {1}
    assert [path.name for path in (tmp_path / "area").rglob("*") if path.is_file()] == ["list.json"]


@pytest.mark.parametrize("name", ["c", "python", "javascript"])
def test_a_process_around_the_guest_changes_nothing_but_its_walls(
    name: str, origin: str, resources: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = run(name, calls(origin), tmp_path, *resources, "--allow", f"http:read {origin}/**")
    monkeypatch.setenv("HENGIO_SANDBOX__ISOLATION", "process")
    walled = run(name, calls(origin), tmp_path, *resources, "--allow", f"http:read {origin}/**")
    for document in (shown, walled):
        document["output"][4]["reply"].pop("headers")  # which tell the time
    same = ("outcome", "output", "context", "denials", "logs", "host_calls", "io_calls", "peak_memory_bytes")
    assert {key: walled[key] for key in same} == {key: shown[key] for key in same}


@pytest.mark.parametrize("name", ["rust", "go", "python", "javascript"])
def test_a_recorded_call_is_replayed_offline_to_the_byte_and_the_unit_of_fuel(
    name: str, origin: str, resources: list[str], tmp_path: Path
) -> None:
    tape = tmp_path / "call.tape"
    run(name, calls(origin), tmp_path, *resources, "--allow", f"http:read {origin}/**", "--record", str(tape))
    command = [sys.executable, "-m", "hengio", "module", "replay", str(tape), "--module", str(program(name)), "--json"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)
    shown = json.loads(done.stdout)
    assert shown["identical"], shown
    assert shown["fuel_used"] == shown["fuel_recorded"]
