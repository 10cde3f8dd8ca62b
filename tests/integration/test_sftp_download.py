"""The SFTP step fetching files, from a server in this process."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hengio.blobs.protocol import Blobs
from hengio.blobs.store import open_blobs
from tests.support.areas import contents
from tests.support.blobs import keys
from tests.support.sftp import FOLDER, Peer, failure, peer, run, sftp_step
from tests.support.steps import output_of, step_context

pytestmark = pytest.mark.requirement("H4.4")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Peer]:
    async with peer(tmp_path / "server") as server:
        yield server


@pytest.fixture
def files(tmp_path: Path) -> Blobs:
    return open_blobs(f"file://{tmp_path}/objects", area="files")


@pytest.mark.requirement("H4.8")
async def test_a_file_comes_under_the_attempts_own_folder(server: Peer, files: Blobs) -> None:
    server.write("out/báo cáo.csv", b"a;b\n")
    os.utime(server.folder / "out" / "báo cáo.csv", (1_700_000_000, 1_700_000_000))
    context = step_context(given={"name": "báo cáo"})
    config = server.config("download", "/out/{{input.name}}.csv")
    output = output_of(await run(sftp_step(files), config, context=context))
    assert output == {
        "files": [
            {
                "path": f"{FOLDER}/báo cáo.csv",
                "filename": "báo cáo.csv",
                "size": 4,
                "remote_path": "/out/báo cáo.csv",
                "modified_at": "2023-11-14T22:13:20.000000Z",
            }
        ],
        "file_count": 1,
        "remote_path": "/out/báo cáo.csv",
    }
    assert await contents(files) == {f"{FOLDER}/báo cáo.csv": b"a;b\n"}


@pytest.mark.parametrize(("local_path", "key"), [("new.csv", "new.csv"), ("in/", "in/a.csv"), ("in/b.csv", "in/b.csv")])
async def test_a_file_may_get_another_name_or_folder(server: Peer, files: Blobs, local_path: str, key: str) -> None:
    server.write("a.csv")
    output_of(await run(sftp_step(files), server.config("download", "a.csv", local_path=local_path)))
    assert await keys(files) == [f"{FOLDER}/{key}"]


@pytest.mark.parametrize("local_path", ["../a", "/etc/passwd", "a/../../b", "C:\\a", "nul", "a\n", "a//b"])
async def test_a_name_given_here_never_leaves_the_folder(server: Peer, files: Blobs, local_path: str) -> None:
    server.write("a.csv")
    result = await run(sftp_step(files), server.config("download", "a.csv", local_path=local_path))
    assert "is not allowed" in failure(result, retryable=False).message
    assert await keys(files) == []


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"wildcard_pattern": "*.csv"}, ["a.csv", "b.csv"]),
        ({"wildcard_pattern": "[ab].c?v"}, ["a.csv", "b.csv"]),
        ({"wildcard_pattern": ".*"}, [".hidden.csv"]),
        ({"wildcard_pattern": "*.csv", "recursive": True}, ["a.csv", "b.csv", "sub/deep/d.csv"]),
        ({"recursive": True}, [".hidden.csv", "a.csv", "b.csv", "c.txt", "sub/deep/d.csv", "sub/e.txt"]),
        ({"wildcard_pattern": "*.none"}, []),
    ],
)
async def test_patterns_and_folders_choose_files(
    server: Peer, files: Blobs, options: dict[str, object], expected: list[str]
) -> None:
    for name in ("a.csv", "b.csv", "c.txt", ".hidden.csv", ".hengio-1-1.part", "sub/deep/d.csv", "sub/e.txt"):
        server.write(f"out/{name}", name.encode())
    output = output_of(await run(sftp_step(files), server.config("download", "/out", options=options)))
    assert [file["path"] for file in output["files"]] == [f"{FOLDER}/{name}" for name in expected]
    assert [file["remote_path"] for file in output["files"]] == [f"/out/{name}" for name in expected]
    assert output["file_count"] == len(expected)
    assert await contents(files) == {f"{FOLDER}/{name}": name.encode() for name in expected}


async def test_links_to_files_are_followed_and_never_round_in_circles(server: Peer, files: Blobs) -> None:
    server.write("out/real/a.csv", b"data")
    (server.folder / "out" / "link.csv").symlink_to("real/a.csv")
    (server.folder / "out" / "gone.csv").symlink_to("nowhere")
    (server.folder / "out" / "real" / "circle").symlink_to("..")
    os.mkfifo(server.folder / "out" / "pipe.csv")
    config = server.config("download", "out", options={"recursive": True})
    output_of(await run(sftp_step(files), config))
    assert await contents(files) == {f"{FOLDER}/link.csv": b"data", f"{FOLDER}/real/a.csv": b"data"}


async def test_empty_files_and_a_folder_for_all_of_them(server: Peer, files: Blobs) -> None:
    server.write("out/empty.csv", b"")
    config = server.config("download", "out/", local_path="fetched", options={"wildcard_pattern": "*"})
    output = output_of(await run(sftp_step(files), config))
    assert output["files"][0]["size"] == 0
    assert await contents(files) == {f"{FOLDER}/fetched/empty.csv": b""}


@pytest.mark.parametrize(
    ("name", "key"),
    [
        (b"a:b.csv", "a_b.csv"),
        (b"..\\..\\etc\\passwd", ".._.._etc_passwd"),
        (b"NUL.txt", "_NUL.txt"),
        (b"line\nbreak", "line_nbreak"),
        (b"latin-\xe9.csv", "latin-_xe9.csv"),
        (b"...", "__"),
        (b" spaces ", "_spaces_"),
        ("e\u0301.csv".encode(), "é.csv"),
        ("right\u202eleft".encode(), "right_left"),
    ],
)
async def test_names_that_are_none_here_are_changed(server: Peer, files: Blobs, name: bytes, key: str) -> None:
    server.write(b"out/" + name, b"data")
    config = server.config("download", "out", options={"recursive": True})
    output = output_of(await run(sftp_step(files), config))
    assert await contents(files) == {f"{FOLDER}/{key}": b"data"}
    assert output["files"][0]["filename"] == key


async def test_two_names_that_come_to_the_same_are_refused(server: Peer, files: Blobs) -> None:
    server.write("out/a:b")
    server.write("out/a?b")
    result = await run(sftp_step(files), server.config("download", "out", options={"recursive": True}))
    assert "the same name" in failure(result, retryable=False).message
    assert await keys(files) == []


@pytest.mark.parametrize("name", [b"../../etc/passwd", b"/etc/passwd", b"", b"a\0b", b"sub/file"])
async def test_a_listing_with_a_name_that_can_not_be_one_is_refused(server: Peer, files: Blobs, name: bytes) -> None:
    server.write("out/good.csv")
    server.mischief.listed = (name,)
    result = await run(sftp_step(files), server.config("download", "out", options={"wildcard_pattern": "*"}))
    assert "can not be one" in failure(result, retryable=False).message
    assert await keys(files) == []


@pytest.mark.parametrize("path", ["/out/../../secret", "..", "a\0b", "", "a\nb"])
async def test_a_remote_path_that_goes_up_is_refused(server: Peer, files: Blobs, path: str) -> None:
    context = step_context(given=path)
    result = await run(sftp_step(files), server.config("download", "{{input}}"), context=context)
    assert "remote_path" in failure(result, retryable=False).message


async def test_what_is_not_there_or_not_permitted_is_final(server: Peer, files: Blobs) -> None:
    import asyncssh

    step = sftp_step(files)
    missing = failure(await run(step, server.config("download", "none.csv")), retryable=False)
    assert missing.code == "not_found"
    server.write("a.csv")
    server.mischief.refuse = {"open": asyncssh.SFTPPermissionDenied("the words of the server")}
    denied = failure(await run(step, server.config("download", "a.csv")), retryable=False)
    assert (denied.code, "words" in denied.message) == ("forbidden", False)


async def test_a_folder_without_options_says_which_are_needed(server: Peer, files: Blobs) -> None:
    server.write("out/a.csv")
    told = failure(await run(sftp_step(files), server.config("download", "out")), retryable=False)
    assert "recursive" in str(told.details)


async def test_what_no_step_asked_for_is_not_fetched(server: Peer, files: Blobs) -> None:
    """Endless folders, and more names than anybody has."""
    deep = "/".join("d" for _ in range(40))
    server.write(f"out/{deep}/a.csv")
    told = failure(
        await run(sftp_step(files), server.config("download", "out", options={"recursive": True})), retryable=False
    )
    assert "levels deep" in told.message
    server.write("many/a")
    server.mischief.listed = tuple(b"%d" % number for number in range(10_001))
    told = failure(
        await run(sftp_step(files), server.config("download", "many", options={"recursive": True})), retryable=False
    )
    assert "more than 10000 files" in told.message
