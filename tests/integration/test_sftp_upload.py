"""The SFTP step putting files on a server, in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
from msgspec.structs import replace

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from hengio.steps.rehearsal import Rehearsal
from tests.support.blobs import keys
from tests.support.sftp import FOLDER, Peer, failure, peer, run, sftp_step
from tests.support.steps import output_of, step_context, step_request
from tests.support.waiting import eventually

pytestmark = pytest.mark.requirement("H4.4")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Peer]:
    async with peer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


async def test_a_file_of_an_earlier_step_is_put_in_place_of_what_is_there(server: Peer, files: Blobs) -> None:
    await files.put("made/báo cáo.csv", b"a;b\n")
    server.write("in/báo cáo.csv", b"what was there before")
    context = step_context(outputs={"make": {"path": "made/báo cáo.csv"}})
    config = server.config("upload", "/in/báo cáo.csv", local_path="{{steps.make.output.path}}")
    output = output_of(await run(sftp_step(files), config, context=context))
    (file,) = output["files"]
    assert file.pop("modified_at").endswith("Z")
    assert file == {
        "path": "made/báo cáo.csv",
        "filename": "báo cáo.csv",
        "size": 4,
        "remote_path": "/in/báo cáo.csv",
    }
    assert (output["file_count"], output["remote_path"]) == (1, "/in/báo cáo.csv")
    assert server.names() == ["in/báo cáo.csv"]
    assert (server.folder / "in" / "báo cáo.csv").read_bytes() == b"a;b\n"


async def test_a_slash_at_the_end_keeps_the_name(server: Peer, files: Blobs) -> None:
    await files.put("made/empty.csv", b"")
    server.write("in/other")
    output_of(await run(sftp_step(files), server.config("upload", "in/", local_path="made/empty.csv")))
    assert server.names() == ["in/empty.csv", "in/other"]


async def test_a_folder_in_the_way_is_told_with_what_to_write_instead(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", b"data")
    server.write("in/other")
    told = failure(await run(sftp_step(files), server.config("upload", "/in", local_path="a.csv")), retryable=False)
    assert "end remote_path with /" in str(told.details)
    assert server.names() == ["in/other"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"wildcard_pattern": "*.csv"}, ["a.csv"]),
        ({"recursive": True}, ["a.csv", "b.txt", "sub/deep/c.csv"]),
        ({"wildcard_pattern": "*.csv", "recursive": True}, ["a.csv", "sub/deep/c.csv"]),
        ({"wildcard_pattern": "*.none"}, []),
    ],
)
async def test_the_keys_below_a_folder_go_with_their_folders(
    server: Peer, files: Blobs, options: dict[str, object], expected: list[str]
) -> None:
    for name in ("a.csv", "b.txt", "sub/deep/c.csv"):
        await files.put(f"made/{name}", name.encode())
    await files.put("made-elsewhere.csv", b"no")
    config = server.config("upload", "new/in", local_path="made", options={**options, "create_directories": True})
    output = output_of(await run(sftp_step(files), config))
    assert [file["path"] for file in output["files"]] == [f"made/{name}" for name in expected]
    assert server.names() == [f"new/in/{name}" for name in expected]


async def test_folders_are_made_only_where_the_job_says_so(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", b"data")
    config = server.config("upload", "new/a.csv", local_path="a.csv")
    told = failure(await run(sftp_step(files), config), retryable=False)
    assert (told.code, "new/a.csv" in told.message, ".part" in told.message) == ("not_found", True, False)
    output_of(await run(sftp_step(files), {**config, "options": {"create_directories": True}}))
    assert server.names() == ["new/a.csv"]


async def test_a_key_that_is_not_there_and_no_key_are_final(server: Peer, files: Blobs) -> None:
    step = sftp_step(files)
    missing = failure(await run(step, server.config("upload", "a", local_path="none")), retryable=False)
    assert missing.code == "not_found"
    assert "local_path" in failure(await run(step, server.config("upload", "a")), retryable=False).message


async def test_nobody_sees_a_file_before_it_is_whole(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", bytes(3 << 20))
    server.mischief.hang = frozenset({"posix_rename"})
    running = asyncio.create_task(run(sftp_step(files), server.config("upload", "in.csv", local_path="a.csv")))

    async def written() -> bool:
        return any((server.folder / name).stat().st_size == 3 << 20 for name in server.names())

    await eventually(written)
    (name,) = server.names()
    assert name.startswith(".hengio-")
    assert name.endswith(".part")
    running.cancel()
    await asyncio.wait({running})


async def test_a_server_without_posix_rename_gets_the_file_in_place_of_the_old_one(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", b"new")
    server.write("in.csv", b"old")
    server.mischief.refuse = {"posix_rename": asyncssh.SFTPOpUnsupported("no")}
    output_of(await run(sftp_step(files), server.config("upload", "in.csv", local_path="a.csv")))
    assert (server.folder / "in.csv").read_bytes() == b"new"
    assert server.names() == ["in.csv"]


async def test_what_a_killed_attempt_left_is_removed_by_the_next(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", b"data")
    server.mischief.hang = frozenset({"posix_rename"})
    config = server.config("upload", "in.csv", local_path="a.csv")
    killed = asyncio.create_task(run(sftp_step(files), config))

    async def renaming() -> bool:
        return "posix_rename" in server.asked

    await eventually(renaming)
    left = server.names()
    killed.cancel()
    await asyncio.wait({killed})
    assert server.names() == left
    server.mischief.hang = frozenset()
    output_of(await run(sftp_step(files), config, attempt=2))
    assert server.names() == ["in.csv"]


async def test_an_account_that_may_write_but_not_remove_can_put_new_files(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", b"data")
    server.mischief.refuse = {"remove": asyncssh.SFTPPermissionDenied("no")}
    output_of(await run(sftp_step(files), server.config("upload", "in.csv", local_path="a.csv"), attempt=2))
    assert server.names() == ["in.csv"]


@pytest.mark.parametrize("request_", ["open", "write", "fstat", "posix_rename"])
async def test_a_refusal_on_the_way_leaves_nothing(server: Peer, files: Blobs, request_: str) -> None:
    await files.put("a.csv", bytes(1 << 20))
    server.write("in.csv", b"old")
    server.mischief.refuse = {request_: asyncssh.SFTPPermissionDenied("no"), "rename": asyncssh.SFTPFailure("no")}
    config = server.config("upload", "in.csv", local_path="a.csv")
    assert failure(await run(sftp_step(files), config), retryable=False).code == "forbidden"
    assert server.names() == ["in.csv"]
    assert (server.folder / "in.csv").read_bytes() == b"old"


async def test_a_full_disk_is_tried_again(server: Peer, files: Blobs) -> None:
    await files.put("a.csv", bytes(1 << 20))
    server.mischief.refuse = {"write": asyncssh.SFTPFailure("no space")}
    failure(await run(sftp_step(files), server.config("upload", "in.csv", local_path="a.csv")), retryable=True)
    assert server.names() == []


async def test_a_dry_run_notes_an_upload_and_fetches_a_download(server: Peer, files: Blobs) -> None:
    await files.put("made/a.csv", b"data")
    server.write("out.csv", b"out")
    rehearsal = Rehearsal()
    config = server.config("upload", "in/", local_path="made/a.csv")
    result = await sftp_step(files).run(replace(step_request("sftp", config), rehearsal=rehearsal))
    assert output_of(result)["files"][0]["remote_path"] == "in/a.csv"
    await sftp_step(files).run(replace(step_request("sftp", server.config("download", "out.csv")), rehearsal=rehearsal))
    assert server.names() == ["out.csv"]
    assert await keys(files) == [f"{FOLDER}/out.csv", "made/a.csv"]
    (change,) = rehearsal.changes
    assert (change.kind, change.step_id, change.visit, change.attempt) == ("sftp", "s", 1, 1)
    assert change.what == {
        "operation": "upload",
        "host": "127.0.0.1",
        "files": ["made/a.csv"],
        "remote_path": "in/",
    }
