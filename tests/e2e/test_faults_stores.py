"""Hengio's own database, its object store or its disk is away in the middle of an execution: it waits and goes on."""

from __future__ import annotations

import asyncio
import errno
import json
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from tests.support.attended import asking
from tests.support.installation import FINAL, LONG_SECONDS, Installation
from tests.support.postgres import PostgresServer, own_postgres_server
from tests.support.s3 import S3Server, s3_server
from tests.support.web import Seen, Web, response, serving

LEASE_SECONDS = 2.0
LARGE = {"text": "x" * (200 << 10)}


class Held:
    """An HTTP server that answers `/held` with a large body, but not before it is let go; it counts."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.let_go = asyncio.Event()

    async def __call__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.counts[seen.target] += 1
        if seen.target == "/held":
            await self.let_go.wait()
        body = codec.encode(LARGE) if seen.target == "/held" else b"{}"
        writer.write(response(body, content_type="application/json"))


def a_job(web: Web) -> dict[str, Any]:
    """Three requests, the one in the middle held; then a file."""
    steps = [
        {"id": name, "type": "http", "config": {"method": "POST", "url": web.url(f"/{name}")}}
        for name in ("before", "held", "after")
    ]
    write = {"operation": "write", "path": "a.csv", "format": "csv", "data_source": [{"a": 1}]}
    retry = {"max_retries": 10, "delays_seconds": [0.5], "jitter": 0.0}
    return {
        "name": "job",
        "steps": [*steps, {"id": "file", "type": "file_processing", "config": write, "retry": retry}],
    }


ONCE_EACH = {"/before": 1, "/held": 1, "/after": 1}


async def shown(place: Installation, execution: str) -> Any:
    """What `execution show` tells, once the execution is over."""
    async with asyncio.timeout(LONG_SECONDS):
        while (told := await place.run("execution", "show", execution, "--full"))["state"] not in FINAL:  # noqa: ASYNC110 - it looks from outside
            await asyncio.sleep(0.2)
    return told


def steps_of(told: Any) -> list[tuple[str, int, str]]:
    return [(step["id"], step["attempt"], step["status"]) for step in told["steps"]]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A server that may be stopped, and whose commits outlive its kill."""
    with own_postgres_server("synchronous_commit=on") as server:
        yield server


async def soon(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(LONG_SECONDS):
        while not holds():  # noqa: ASYNC110 - it looks from outside
            await asyncio.sleep(0.02)


@pytest.mark.requirement("H5.2", "H5.10", "H11.2")
@pytest.mark.parametrize(
    ("end", "away_seconds"),
    [("stop", 0.0), ("kill", 0.0), ("stop", 3 * LEASE_SECONDS)],
    ids=["restarted", "killed", "away for longer than a lease"],
)
async def test_a_step_that_ends_while_the_database_is_away_is_not_run_again(
    tmp_path: Path, postgres: PostgresServer, end: str, away_seconds: float
) -> None:
    held = Held()
    environment = {
        "HENGIO_DATABASE_URL": postgres.create_database(),
        "HENGIO_WORKER__LEASE_SECONDS": f"{LEASE_SECONDS if away_seconds else 30.0}",
    }
    place = Installation(tmp_path, environment)
    async with serving(held) as web:
        await place.apply(a_job(web))
        async with place.serving():
            [execution] = await place.trigger("job")
            await soon(lambda: held.counts["/held"])
            assert postgres.child is not None
            await asyncio.to_thread(getattr(postgres.child, end))
            held.let_go.set()
            await soon(lambda: "journal_waits" in place.log())
            await asyncio.sleep(away_seconds)
            postgres.come_back()  # here: a thread of the loop's would take it along when it ends
            told = await shown(place, execution)
    assert told["state"] == "success", told
    assert held.counts == ONCE_EACH
    assert (steps_of(told), told["crashes"]) == (
        [(name, 1, "success") for name in ("before", "held", "after", "file")],
        0,
    )


@pytest.mark.requirement("H5.2", "R4.8", "R13.5")
async def test_a_denial_while_the_database_is_away_is_written_down_when_it_is_back(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    held = Held()
    place = Installation(tmp_path, {"HENGIO_DATABASE_URL": postgres.create_database()})
    async with serving(held) as web:
        requests = (json.dumps({"url": web.url(path)}) for path in ("/held", "/secret"))
        await place.register("ask", asking(*requests), f"http:read {web.url('/held')}")
        config = {"module_id": "ask", "timeout_seconds": 100}
        await place.apply({"name": "job", "steps": [{"id": "guest", "type": "wasm", "config": config}]})
        async with place.serving():
            [execution] = await place.trigger("job")
            await soon(lambda: held.counts["/held"])
            assert postgres.child is not None
            postgres.child.stop()
            held.let_go.set()
            await soon(lambda: "audit_waits" in place.log())
            postgres.come_back()
            told = await shown(place, execution)
            denied = await place.run("audit", "list", "--action", "host_call.denied")
    assert (told["state"], steps_of(told)) == ("success", [("guest", 1, "success")])
    assert [one["execution_id"] for one in denied] == [execution]
    assert held.counts == {"/held": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server that may be stopped."""
    with s3_server(tmp_path_factory.mktemp("store")) as server:
        if server.child is None:
            pytest.skip("the S3 server that is named is not ours to stop")
        yield server


@pytest.mark.requirement("H5.2", "H5.14", "H11.2")
async def test_an_output_waits_for_the_object_store_and_a_file_is_tried_again(tmp_path: Path, store: S3Server) -> None:
    held = Held()
    environment = {
        "HENGIO_OBJECTS_URL": store.url(),
        "HENGIO_S3__ENDPOINT": store.options.endpoint or "",
        "HENGIO_S3__ACCESS_KEY": store.options.access_key or "",
        "HENGIO_S3__SECRET_KEY": store.options.secret_key or "",
    }
    place = Installation(tmp_path, environment)
    async with serving(held) as web:
        job = a_job(web)
        await place.apply(job, {"name": "file", "steps": job["steps"][-1:]})
        async with place.serving():
            [execution] = await place.trigger("job")
            await soon(lambda: held.counts["/held"])
            assert store.child is not None
            await asyncio.to_thread(store.child.kill)
            held.let_go.set()
            await soon(lambda: "output_waits" in place.log())
            [other] = await place.trigger("file")
            await place.once(lambda: place.steps(other))
            assert place.state(execution) == "running"
            store.come_back()
            told, other_told = await shown(place, execution), await shown(place, other)
    assert (told["state"], held.counts) == ("success", ONCE_EACH)
    assert steps_of(told) == [(name, 1, "success") for name in ("before", "held", "after", "file")]
    assert told["steps"][1]["output"]["body"] == LARGE
    assert other_told["state"] == "success"
    failed, *_ = other_told["steps"]
    assert (failed["status"], failed["failure"]["code"]) == ("failed", "unavailable")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of its own."""
    folder = tmp_path / "data"
    folder.mkdir()
    mount = shutil.which("mount")
    size = "-osize=24m"
    if (
        mount is None
        or subprocess.run([mount, "-ttmpfs", size, "none", folder], capture_output=True, check=False).returncode
    ):
        pytest.skip("no small file system can be made here: that takes root, and the right to mount")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder: Path) -> Path:
    """A file that takes all that is left."""
    path = folder / "filler"
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while file.write(bytes(size)) == size:
                    pass
            except OSError as error:
                assert error.errno == errno.ENOSPC
    return path


@pytest.mark.requirement("H5.2", "H5.14")
async def test_an_execution_waits_for_room_on_a_full_disk(tmp_path: Path, disk: Path) -> None:
    held = Held()
    place = Installation(tmp_path, {})
    async with serving(held) as web:
        await place.apply(a_job(web))
        async with place.serving():
            [execution] = await place.trigger("job")
            await soon(lambda: held.counts["/held"])
            filler = fill(disk)
            held.let_go.set()
            await soon(lambda: "the disk is full" in place.log())
            assert place.state(execution) == "running"
            assert held.counts["/after"] == 0
            filler.unlink()
            told = await shown(place, execution)
    assert (told["state"], held.counts) == ("success", ONCE_EACH)
    assert steps_of(told) == [(name, 1, "success") for name in ("before", "held", "after", "file")]
    assert told["steps"][1]["output"]["body"] == LARGE
