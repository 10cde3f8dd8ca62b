"""The SFTP step and OpenSSH's own server."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from tests.support.blobs import keys
from tests.support.sftp import FOLDER, OpenSsh, failure, openssh, run, sftp_step
from tests.support.steps import output_of
from tests.support.waiting import eventually

pytestmark = pytest.mark.requirement("H4.4")

NAME = "báo cáo tháng 11 – đã duyệt.bin"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSsh]:
    with openssh(tmp_path_factory.mktemp("openssh")) as server:
        yield server


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


async def test_64_mib_go_there_and_come_back_the_same(server: OpenSsh, files: Blobs, tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 64 + b"and a little more"
    await files.put("made/large.bin", data)
    there = tmp_path / "there" / NAME
    config = server.config(
        "upload", str(there), local_path="made/large.bin", options={"create_directories": True, "streaming": True}
    )
    sent = output_of(await run(sftp_step(files), config))
    assert sent["files"][0]["size"] == len(data)
    assert [path.name for path in there.parent.iterdir()] == [NAME]
    assert hashlib.sha256(there.read_bytes()).digest() == hashlib.sha256(data).digest()
    got = output_of(await run(sftp_step(files), server.config("download", str(there))))
    assert got["files"][0]["path"] == f"{FOLDER}/{NAME}"
    assert hashlib.sha256(await files.get(f"{FOLDER}/{NAME}")).digest() == hashlib.sha256(data).digest()


async def test_patterns_folders_and_empty_files_both_ways(server: OpenSsh, files: Blobs, tmp_path: Path) -> None:
    for name in ("a.csv", "b.txt", "thư mục/c.csv"):
        await files.put(f"made/{name}", b"" if name == "a.csv" else name.encode())
    place = f"{tmp_path}/place"
    options = {"recursive": True, "create_directories": True}
    output_of(await run(sftp_step(files), server.config("upload", place, local_path="made", options=options)))
    options = {"recursive": True, "wildcard_pattern": "*.csv"}
    got = output_of(await run(sftp_step(files), server.config("download", place, options=options)))
    assert [(file["path"], file["size"]) for file in got["files"]] == [
        (f"{FOLDER}/a.csv", 0),
        (f"{FOLDER}/thư mục/c.csv", len("thư mục/c.csv".encode())),
    ]


async def test_what_is_there_is_replaced_in_one_step(server: OpenSsh, files: Blobs, tmp_path: Path) -> None:
    await files.put("new", b"new")
    (tmp_path / "there").write_bytes(b"old")
    output_of(await run(sftp_step(files), server.config("upload", f"{tmp_path}/there", local_path="new")))
    assert (tmp_path / "there").read_bytes() == b"new"


async def test_errors_say_what_the_matter_is(server: OpenSsh, files: Blobs, tmp_path: Path) -> None:
    step = sftp_step(files)
    missing = await run(step, server.config("download", f"{tmp_path}/none"))
    assert failure(missing, retryable=False).code == "not_found"
    await files.put("a", b"a")
    (tmp_path / "folder").mkdir()
    into = await run(step, server.config("upload", f"{tmp_path}/folder", local_path="a"))
    assert "end remote_path with /" in str(failure(into, retryable=False).details)
    assert list((tmp_path / "folder").iterdir()) == []
    stranger = await run(step, {**server.config("download", f"{tmp_path}/none"), "username": "nobody-here"})
    assert failure(stranger, retryable=False).code == "forbidden"


@pytest.mark.parametrize("operation", ["upload", "download"])
async def test_a_server_that_is_killed_in_full_flow_leaves_nothing_half(
    files: Blobs, tmp_path: Path, operation: str
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    with openssh(tmp_path / "ssh") as server:
        await files.put("a.bin", bytes(200 << 20))
        (place / "b.bin").write_bytes(bytes(200 << 20))
        config = (
            server.config("upload", f"{place}/in.bin", local_path="a.bin")
            if operation == "upload"
            else server.config("download", f"{place}/b.bin")
        )
        running = asyncio.create_task(run(sftp_step(files), config))
        aside = (place, ".hengio-*") if operation == "upload" else (tmp_path, "objects/files/.writing/*")
        await eventually(lambda: asyncio.to_thread(_arrived, *aside))
        await asyncio.to_thread(_kill, server)
        failure(await running, retryable=True)
    assert not (place / "in.bin").exists()
    assert await keys(files) == ["a.bin"]


def _arrived(folder: Path, pattern: str) -> bool:
    """Whether some of it is there, where it is written aside."""
    return any(path.stat().st_size > 8 << 20 for path in folder.glob(pattern))


def _kill(server: OpenSsh) -> None:
    """The server and the processes that serve its connections."""
    import psutil

    family = psutil.Process(server.child.pid)
    for one in [*family.children(recursive=True), family]:
        one.kill()
