"""Cancelled from another process, in the middle of a step of every type: it ends at once, and nothing of it goes on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from hengio.clock import SECOND
from tests.support.attended import (
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
from tests.support.guests import ECHO, entry, reactor
from tests.support.installation import Installation
from tests.support.mysql import MysqlServer
from tests.support.mysql import run as run_mysql
from tests.support.postgres import PostgresServer
from tests.support.processes import Child
from tests.support.sftp import Mischief, peer
from tests.support.web import Seen, Web, serving

LONGEST_SECONDS = 10.0
LARGE = bytes(1 << 20)
FILES = ("read", "write", "convert")
LATE = ("spin", "sqlite", *FILES)
"""Begun last: they keep the processor busy, and files end by themselves."""
KINDS = ("silence", "drip", "postgres", "mariadb", "sqlite", "download", "upload", "spin", "ask", *FILES)


@dataclass
class Story:
    """What became of each job's execution, and what was still there when all of them were over. `took` are seconds
    from when the command had told to cancel."""

    states: dict[str, str] = field(default_factory=dict)
    steps: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)
    took: dict[str, float] = field(default_factory=dict)
    failures: dict[str, Any] = field(default_factory=dict)
    statements: dict[str, int] = field(default_factory=dict)
    marks: int = 0
    connections: set[int] = field(default_factory=set)
    broken_off: bool = False
    uploaded: list[str] = field(default_factory=list)
    stored: set[str] = field(default_factory=set)
    aside: list[Path] = field(default_factory=list)
    processes: list[str] = field(default_factory=list)
    next_guests: list[str] = field(default_factory=list)


class Unending:
    """An HTTP server that never comes to an end: with silence, or with a body of which more and more comes."""

    def __init__(self) -> None:
        self.asked: set[str] = set()
        self.broken_off = asyncio.Event()

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.asked.add(seen.target)
        if seen.target != "/drip":
            await asyncio.Event().wait()
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            self.broken_off.set()
            raise


def a_job(name: str, kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "steps": [{"id": "step", "type": kind, "config": dict(config)}]}


def jobs(web: Web, mysql: bool) -> list[dict[str, Any]]:
    """One for each way to be at work in a step."""
    reading = {"path": "given/long.csv", "format": "csv"}
    write = a_job(
        "write",
        "file_processing",
        {"operation": "write", "path": "o.xlsx", "format": "xlsx", "data_source": "{{steps.rows.output.rows}}"},
    )
    rows = {"connection": "lite", "query": many_rows(80_000), "read_only": True, "max_rows": 80_000}
    write["steps"].insert(0, {"id": "rows", "type": "database", "config": rows})
    convert = {"path": "given/long.xlsx", "format": "xlsx", "to": {"path": "o.csv", "format": "csv"}}
    upload = {"operation": "upload", "connection": "in", "local_path": "given/a.bin", "remote_path": "a.bin"}
    found = [
        a_job("silence", "http", {"url": web.url("/silence")}),
        a_job("drip", "http", {"url": web.url("/drip")}),
        a_job("postgres", "database", {"connection": "pg", "query": "SELECT pg_sleep(600)"}),
        a_job("sqlite", "database", {"connection": "lite", "query": COUNTS}),
        a_job("download", "sftp", {"operation": "download", "connection": "out", "remote_path": "a.bin"}),
        a_job("upload", "sftp", upload),
        a_job("spin", "wasm", {"module_id": "spin", "fuel_limit": 100_000_000_000, "timeout_seconds": 600}),
        a_job("ask", "wasm", {"module_id": "ask", "timeout_seconds": 600}),
        a_job("read", "file_processing", {"operation": "read", **reading, "transformations": {"filter": "a == '2'"}}),
        a_job("convert", "file_processing", {"operation": "convert", **convert}),
        write,
        a_job("echo", "wasm", {"module_id": "echo"}),
        a_job("echo too", "wasm", {"module_id": "echo"}),
    ]
    sleeping = a_job("mariadb", "database", {"connection": "maria", "query": "SELECT SLEEP(600)"})
    return [*found, sleeping] if mysql else found


async def asleep(postgres: str, mysql: str | None) -> dict[str, int]:
    """How many of the statements run on each server."""
    connection = await asyncpg.connect(postgres)
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
    found = {"postgres": await connection.fetchval(query)}
    await connection.close()
    if mysql is not None:
        query = "SELECT count(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP%'"
        found["mariadb"] = (await run_mysql(mysql, query))[0][0]
    return found


def connected(server: Child) -> set[int]:
    """The ports of this machine that the server has a connection to."""
    found = psutil.Process(server.pid).net_connections()
    return {one.raddr.port for one in found if one.status == psutil.CONN_ESTABLISHED}


async def told(home: Path, postgres: str, mysql: str | None) -> Story:
    """Begin everything, and cancel all of it with one command."""
    story, unending = Story(), Unending()
    async with serving(unending) as web, peer(home / "bank") as out, peer(home / "shop") as into:
        out.write("a.bin", LARGE)
        out.mischief = into.mischief = Mischief(hang_after=len(LARGE) // 2)
        connections = {"PG": postgres, "LITE": "sqlite:///lite.db", "OUT": out.url(), "IN": into.url()}
        if mysql is not None:
            connections["MARIA"] = mysql
        environment = {f"HENGIO_CONNECTIONS__{name}": url for name, url in connections.items()}
        place = Installation(home, {**environment, "HENGIO_SANDBOX__THREADS": "2"})
        lite, given = place.data / "databases" / "lite.db", place.data / "objects" / "files" / "given"
        gated_database(lite, most=NEVER)
        long_csv(given / "long.csv", 3_000_000)
        long_workbook(given / "long.xlsx", 500_000)
        (given / "a.bin").write_bytes(LARGE)
        await place.register("spin", SPINS_AT_FIRST)
        await place.register("ask", asking(json.dumps({"url": web.url("/ask")})), f"http:read {web.url('/**')}")
        await place.register("echo", reactor(entry(ECHO)))
        found = jobs(web, mysql is not None)
        await place.apply(*found)
        early = [job["name"] for job in found if job["name"] not in {*LATE, "echo", "echo too"}]
        executions = dict(zip(early, await place.trigger(*early), strict=True))
        async with place.serving() as server:
            await place.once(lambda: {"/silence", "/drip", "/ask"} <= unending.asked)
            await place.once(lambda: min(out.moved, into.moved) >= len(LARGE) // 2)
            while not all((await asleep(postgres, mysql)).values()):  # noqa: ASYNC110 - it looks from outside
                await asyncio.sleep(0.05)
            executions |= dict(zip(LATE, await place.trigger(*LATE), strict=True))
            await place.once(lambda: SPINNING in place.log() and is_being_written(lite))
            await place.once(lambda: len(place.scratch()) >= len(FILES))
            await place.run("execution", "cancel", *executions.values())
            asked = time.time()
            await place.over(*executions.values())
            story.statements = await asleep(postgres, mysql)
            story.connections = connected(server) & {web.port, out.port, into.port}
            await asyncio.wait([asyncio.create_task(unending.broken_off.wait())], timeout=LONGEST_SECONDS)
            story.broken_off = unending.broken_off.is_set()
            story.processes = [line for line in place.processes() if "extract" in line]
            story.aside = [*place.scratch(), *place.aside.glob("hengio-*")]
            following = await place.trigger("echo", "echo too")
            await place.over(*following)
            story.next_guests = [place.state(one) for one in following]
        story.marks, story.uploaded, story.stored = marks(lite), into.names(), set(place.objects())
    for name, execution in executions.items():
        story.states[name], story.steps[name] = place.state(execution), place.steps(execution)
        [(finished, failure)] = place.rows("SELECT finished_at, failure FROM executions WHERE id = ?", execution)
        story.took[name], story.failures[name] = finished / SECOND - asked, json.loads(failure)
    return story


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
        return asyncio.run(told(tmp_path_factory.mktemp("cancel"), database, other))
    finally:
        postgres_server.drop_database(database)
        if mysql is not None and other is not None:
            mysql.drop_database(other)


def tried(story: Story, name: str) -> None:
    """Skip what could not be tried here."""
    if name not in story.states:
        pytest.skip("there is no MariaDB")


@pytest.mark.requirement("H5.7", "R13.5")
@pytest.mark.parametrize("name", KINDS)
def test_what_is_under_way_is_cancelled_at_once(story: Story, name: str) -> None:
    tried(story, name)
    assert story.states[name] == "cancelled"
    assert story.steps[name][-1] == ("step", 1, "cancelled")
    assert story.failures[name]["message"].startswith("cancelled by cli:")
    assert story.took[name] < LONGEST_SECONDS


@pytest.mark.requirement("H5.7", "H4.2")
@pytest.mark.parametrize("name", ["postgres", "mariadb"])
def test_a_cancelled_statement_ends_on_its_server_too(story: Story, name: str) -> None:
    tried(story, name)
    assert story.statements[name] == 0


@pytest.mark.requirement("H5.7", "H4.2")
def test_a_cancelled_statement_of_sqlite_changes_nothing(story: Story) -> None:
    assert story.marks == 0


@pytest.mark.requirement("H5.7", "H4.1", "H4.4")
def test_no_connection_to_an_http_or_sftp_server_outlives_its_step(story: Story) -> None:
    assert story.connections == set()
    assert story.broken_off


@pytest.mark.requirement("H5.7", "H4.4", "H5.14")
def test_a_cancelled_transfer_leaves_nothing_under_a_final_name(story: Story) -> None:
    assert [name for name in story.uploaded if not name.startswith(".")] == []
    assert story.stored == {"given/a.bin", "given/long.csv", "given/long.xlsx"}


@pytest.mark.requirement("H5.7", "H4.3")
def test_a_cancelled_file_step_leaves_no_process_and_nothing_aside(story: Story) -> None:
    assert (story.processes, story.aside) == ([], [])


@pytest.mark.requirement("H5.7", "R3.5")
def test_cancelled_guests_give_their_threads_back(story: Story) -> None:
    assert story.next_guests == ["success", "success"]
