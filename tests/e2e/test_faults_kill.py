"""kill -9 of the server while a step of every type is under way: each runs once more, and nothing finished does."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.attended import (
    AT_ONCE,
    COUNTS,
    NEVER,
    SPINNING,
    SPINS_AT_FIRST,
    asking,
    gated_database,
    is_being_written,
    long_csv,
    long_workbook,
    many_rows,
    marks,
)
from tests.support.gates import MARK, Gate
from tests.support.installation import Installation
from tests.support.mysql import MysqlServer
from tests.support.postgres import PostgresServer
from tests.support.sftp import Mischief, peer
from tests.support.web import Seen, Web, response, serving

RETRY_SECONDS = 12.0
LARGE = bytes(range(256)) * (32 << 10)
QUICK = {"delays_seconds": [0.1], "jitter": 0.0}
KINDS = (
    "get",
    "post",
    "postgres",
    "mariadb",
    "sqlite",
    "download",
    "upload",
    "spin",
    "ask",
    "read",
    "write",
    "convert",
)
"""A job for each way to be at work in a step that runs once more."""
FILES = ("read", "write", "convert")
LATE = ("spin", "sqlite", *FILES)
"""Begun last: they keep the processor busy, and files end by themselves."""
ONCE_MORE = [("before", 1, "success"), ("step", 1, "lost"), ("step", 2, "success"), ("after", 1, "success")]


@dataclass
class Story:
    """What was seen from outside, by job. Times are of `time.monotonic`, in seconds; `…_between` is what was there
    while no server ran."""

    seen: dict[str, list[Seen]]
    times: dict[str, list[float]]
    executions: dict[str, str]
    states: dict[str, str] = field(default_factory=dict)
    steps: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)
    outputs: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, Any] = field(default_factory=dict)
    crashes: dict[str, int] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    uploaded_between: list[str] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    stored_between: set[str] = field(default_factory=set)
    stored: dict[str, bytes] = field(default_factory=dict)
    scratch_between: list[Path] = field(default_factory=list)
    scratch: list[Path] = field(default_factory=list)


class Answers:
    """An HTTP server that leaves the first request below `/held/` without an answer, and refuses the first to
    `/later`."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = {}
        self.seen: dict[str, list[Seen]] = {}

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.times.setdefault(seen.target, []).append(time.monotonic())
        self.seen.setdefault(seen.target, []).append(seen)
        first = len(self.times[seen.target]) == 1
        if first and seen.target.startswith("/held/"):
            await asyncio.Event().wait()
        busy = first and seen.target == "/later"
        writer.write(response(b"{}", status="503 Service Unavailable" if busy else "200 OK"))


def a_job(web: Web, name: str, kind: str, config: Mapping[str, Any], **fields: Any) -> dict[str, Any]:
    """A job whose one step stands between two that are counted at the server."""

    def counted(when: str) -> dict[str, Any]:
        return {"id": when, "type": "http", "config": {"method": "POST", "url": web.url(f"/{when}/{name}")}}

    rows = fields.pop("rows", None)
    made = [] if rows is None else [rows]
    step = {"id": "step", "type": kind, "config": dict(config), "retry": QUICK, **fields}
    return {"name": name, "steps": [*made, counted("before"), step, counted("after")]}


def jobs(web: Web, mysql: bool) -> list[dict[str, Any]]:
    """One for each type of step and each way to be at work in it."""
    made = {
        "id": "rows",
        "type": "database",
        "config": {"connection": "lite", "query": many_rows(80_000), "read_only": True, "max_rows": 80_000},
    }
    filtered = {"filter": "a == '2'"}
    held = web.url("/held/")
    found = [
        a_job(web, "get", "http", {"url": f"{held}get"}),
        a_job(web, "post", "http", {"method": "POST", "url": f"{held}post", "body": {"n": 1}}),
        a_job(web, "once", "http", {"method": "POST", "url": f"{held}once"}, on_crash="fail"),
        a_job(web, "later", "http", {"url": web.url("/later")}, retry={"delays_seconds": [RETRY_SECONDS], "jitter": 0}),
        a_job(web, "postgres", "database", {"connection": "pg", "query": MARK}),
        a_job(web, "sqlite", "database", {"connection": "lite", "query": COUNTS}),
        a_job(web, "download", "sftp", {"operation": "download", "connection": "out", "remote_path": "a.bin"}),
        a_job(
            web,
            "upload",
            "sftp",
            {"operation": "upload", "connection": "in", "local_path": "given/a.bin", "remote_path": "a.bin"},
        ),
        a_job(web, "spin", "wasm", {"module_id": "spin", "fuel_limit": 100_000_000_000, "timeout_seconds": 600}),
        a_job(web, "ask", "wasm", {"module_id": "ask", "timeout_seconds": 600}),
        a_job(
            web,
            "read",
            "file_processing",
            {"operation": "read", "path": "given/long.csv", "format": "csv", "transformations": filtered},
        ),
        a_job(
            web,
            "convert",
            "file_processing",
            {
                "operation": "convert",
                "path": "given/long.xlsx",
                "format": "xlsx",
                "to": {"path": "out.csv", "format": "csv"},
            },
        ),
        a_job(
            web,
            "write",
            "file_processing",
            {
                "operation": "write",
                "path": "out.xlsx",
                "format": "xlsx",
                "data_source": "{{steps.rows.output.rows}}",
            },
            rows=made,
        ),
    ]
    if mysql:
        found.append(a_job(web, "mariadb", "database", {"connection": "maria", "query": MARK}))
    return found


async def told(home: Path, postgres: str, mysql: str | None) -> Story:
    """Begin everything, kill the server in the middle of it, and let the next one end it."""
    answers = Answers()
    async with serving(answers) as web, peer(home / "bank") as out, peer(home / "shop") as into:
        out.write("a.bin", LARGE)
        out.mischief = into.mischief = Mischief(hang_after=len(LARGE) // 2)
        connections = {"PG": postgres, "LITE": "sqlite:///lite.db", "OUT": out.url(), "IN": into.url()}
        if mysql is not None:
            connections["MARIA"] = mysql
        place = Installation(home, {f"HENGIO_CONNECTIONS__{name}": url for name, url in connections.items()})
        lite, given = place.data / "databases" / "lite.db", place.data / "objects" / "files" / "given"
        gated_database(lite, most=NEVER)
        long_csv(given / "long.csv", 3_000_000)
        long_workbook(given / "long.xlsx", 500_000)
        (given / "a.bin").write_bytes(LARGE)
        await place.register("spin", SPINS_AT_FIRST)
        request = json.dumps({"url": web.url("/held/ask"), "method": "POST", "body": {"n": 1}})
        await place.register("ask", asking(request), f"http:write {web.url('/**')}")
        found = jobs(web, mysql is not None)
        await place.apply(*found)
        gate = Gate(postgres, mysql)
        await gate.close()
        names = [job["name"] for job in found]
        early = [name for name in names if name not in LATE]
        executions = dict(zip(early, await place.trigger(*early), strict=True))
        async with place.serving() as server:
            await place.once(lambda: {f"/held/{one}" for one in ("get", "post", "once", "ask")} < answers.seen.keys())
            await place.once(lambda: "/later" in answers.seen and min(out.moved, into.moved) >= len(LARGE) // 2)
            await gate.waited_at()
            executions |= dict(zip(LATE, await place.trigger(*LATE), strict=True))
            await place.once(lambda: {f"/before/{name}" for name in LATE} < answers.seen.keys())
            await place.once(lambda: SPINNING in place.log() and is_being_written(lite))
            await place.once(lambda: len(place.scratch()) >= len(FILES))
            server.kill()
            await place.once(lambda: not place.processes())
        story = Story(answers.seen, answers.times, executions)
        story.uploaded_between, story.stored_between = into.names(), set(place.objects())
        await gate.open()
        gated_database(lite, most=AT_ONCE)
        long_csv(given / "long.csv", 10)
        long_workbook(given / "long.xlsx", 10)
        out.mischief = into.mischief = Mischief()
        story.scratch_between = place.scratch()
        async with place.serving():
            await place.over(*executions.values())
            story.scratch = place.scratch()
        story.marks = await gate.marks()
        story.uploaded = {name: (into.folder / name).read_bytes() for name in into.names()}
    look_back(place, story, lite)
    return story


def look_back(place: Installation, story: Story, lite: Path) -> None:
    """What Hengio's own database and files say of it."""
    for name, execution in story.executions.items():
        story.states[name], story.steps[name] = place.state(execution), place.steps(execution)
        [(story.crashes[name], failure)] = place.rows("SELECT crashes, failure FROM executions WHERE id = ?", execution)
        story.failures[name] = failure and json.loads(failure)
        query = "SELECT output FROM step_runs WHERE execution_id = ? AND step_id = 'step' AND status = 'success'"
        story.outputs[name] = next((json.loads(output) for (output,) in place.rows(query, execution) if output), None)
    story.stored = {name: path.read_bytes() for name, path in place.objects().items()}
    story.marks["sqlite"] = marks(lite)


@pytest.fixture(scope="module")
def story(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, request: pytest.FixtureRequest
) -> Story:
    """The one run that every test here looks at."""
    try:
        mysql: MysqlServer | None = request.getfixturevalue("mysql_server")
    except pytest.skip.Exception:
        mysql = None
    database, other = postgres_server.create_database(), None if mysql is None else mysql.create_database()
    try:
        return asyncio.run(told(tmp_path_factory.mktemp("kill"), database, other))
    finally:
        postgres_server.drop_database(database)
        if mysql is not None and other is not None:
            mysql.drop_database(other)


def killed(story: Story, name: str) -> None:
    """Skip what could not be tried here."""
    if name not in story.executions:
        pytest.skip("there is no MariaDB")


@pytest.mark.requirement("H5.2", "H5.11", "H5.12", "R13.5", "H4.7")
@pytest.mark.parametrize("name", KINDS)
def test_the_step_at_hand_runs_once_more_and_what_was_finished_does_not(story: Story, name: str) -> None:
    killed(story, name)
    assert story.states[name] == "success", story.failures[name]
    assert [step for step in story.steps[name] if step[0] != "rows"] == ONCE_MORE
    assert story.crashes[name] == 1
    assert [len(story.seen[f"/{when}/{name}"]) for when in ("before", "after")] == [1, 1]


@pytest.mark.requirement("H5.12")
def test_a_step_that_says_on_crash_fail_is_not_asked_for_again(story: Story) -> None:
    assert (story.states["once"], story.failures["once"]["code"]) == ("failed", "lost")
    assert story.steps["once"] == ONCE_MORE[:2]
    assert len(story.seen["/held/once"]) == 1
    assert "/after/once" not in story.seen


@pytest.mark.requirement("H5.3", "H5.2")
def test_a_retry_that_waited_is_made_once_and_not_before_its_time(story: Story) -> None:
    assert story.steps["later"] == [("before", 1, "success"), ("step", 1, "failed"), *ONCE_MORE[2:]]
    assert (story.states["later"], story.crashes["later"]) == ("success", 0)
    refused, answered = story.times["/later"]
    assert answered - refused >= RETRY_SECONDS - 0.1


@pytest.mark.requirement("H4.1", "H5.12", "R4.2")
@pytest.mark.parametrize("name", ["post", "ask"])
def test_a_server_knows_the_second_request_of_a_step_or_a_guest_by_its_key(story: Story, name: str) -> None:
    first, second = (seen.headers["idempotency-key"] for seen in story.seen[f"/held/{name}"])
    assert first == second
    assert story.seen[f"/before/{name}"][0].headers["idempotency-key"] != first


@pytest.mark.requirement("H4.2", "H5.12")
@pytest.mark.parametrize("name", ["postgres", "mariadb", "sqlite"])
def test_what_a_killed_step_changed_in_a_database_is_taken_back(story: Story, name: str) -> None:
    killed(story, name)
    assert story.marks[name] == 1


@pytest.mark.requirement("H5.14", "H4.8")
def test_no_output_names_a_file_of_a_killed_attempt(story: Story) -> None:
    assert story.stored_between == {"given/a.bin", "given/long.csv", "given/long.xlsx"}
    written = {story.outputs[name]["files"][0]["path"] for name in ("download", "write", "convert")}
    assert written == story.stored.keys() - story.stored_between
    assert all("/step/2/" in path for path in written)


@pytest.mark.requirement("H4.4")
def test_a_killed_transfer_is_never_seen_by_halves(story: Story) -> None:
    assert [name for name in story.uploaded_between if not name.startswith(".")] == []
    assert story.uploaded == {"a.bin": LARGE}
    assert story.stored[story.outputs["download"]["files"][0]["path"]] == LARGE


@pytest.mark.requirement("H4.3", "H5.11")
def test_the_next_server_removes_the_temporary_files_of_a_killed_one(story: Story) -> None:
    assert len(story.scratch_between) >= len(FILES)
    assert story.scratch == []
