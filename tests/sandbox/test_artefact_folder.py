"""The folder of artefacts: private, bounded, and never a reason for a call to fail."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from tests.support.artefacts import ONE, PLENTY, TWO, answers, folder, keeping, kept, name_of, names, ready


def can_mount() -> bool:
    unshare = shutil.which("unshare")
    return unshare is not None and subprocess.run([unshare, "--mount", "true"], check=False).returncode == 0


mounting = pytest.mark.skipif(not can_mount(), reason="only root can mount")


async def test_folder_and_files_are_their_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "artefacts"
    old_mask = os.umask(0)
    try:
        await kept(path, ONE)
    finally:
        os.umask(old_mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert [stat.S_IMODE(file.stat().st_mode) for file in path.iterdir()] == [0o600]


async def test_what_was_used_longest_ago_leaves_first(tmp_path: Path) -> None:
    await kept(tmp_path, ONE)
    size = (tmp_path / name_of(ONE)).stat().st_size
    small = folder(tmp_path, max_bytes=size * 5 // 2)
    small.write("second", b"2" * size)
    for age, name in ((30, name_of(ONE)), (20, "second")):
        os.utime(tmp_path / name, (0, time.time() - age))
    async with keeping(small) as sandbox:
        await answers(sandbox, ONE, 1)  # which is now the one used last
        await ready(sandbox, TWO)
    assert names(tmp_path) == {name_of(ONE), name_of(TWO)}


async def test_what_is_larger_than_the_limit_is_not_kept_and_runs(tmp_path: Path) -> None:
    async with keeping(folder(tmp_path, max_bytes=100)) as sandbox:
        await answers(sandbox, ONE, 1)
    assert names(tmp_path) == set()


async def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    old, new = tmp_path / ".writing-old", tmp_path / ".writing-new"
    for file in (old, new):
        file.write_bytes(b"half")
    os.utime(old, (0, 0))
    await kept(tmp_path, ONE)
    assert names(tmp_path) == {new.name, name_of(ONE)}


@pytest.mark.parametrize("planted", ["fifo", "folder", "link", "huge"])
async def test_what_is_no_file_of_ours_is_neither_read_nor_waited_for(tmp_path: Path, planted: str) -> None:
    await kept(tmp_path, ONE)
    file = tmp_path / name_of(ONE)
    aside = tmp_path.with_name("aside")
    file.rename(aside)
    match planted:
        case "fifo":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "link":
            file.symlink_to(aside)
        case _:
            with file.open("wb") as sparse:
                sparse.truncate(PLENTY + 1)
    async with keeping(folder(tmp_path)) as sandbox:
        await answers(sandbox, ONE, 1)
        numbers = sandbox.statistics()
    assert (dict(numbers.compilations), numbers.artefacts_refused) == ({"optimized": 1}, 0)


CALLS = """
import asyncio, resource, sys
from pathlib import Path
from structlog.testing import capture_logs
from tests.support.artefacts import ONE, TWO, answers, folder, keeping

async def main():
    with capture_logs() as logs:
        async with keeping(folder(Path(sys.argv[1]))) as sandbox:
            await answers(sandbox, ONE, 1)
            await answers(sandbox, TWO, 2)
            numbers = sandbox.statistics()
    print(numbers.artefact_hits, numbers.artefact_misses, *(entry["reason"] for entry in logs), sep=", ")

if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]),) * 2)
asyncio.run(main())
"""


def calls(path: Path, *more: str, mount: str = "") -> str:
    """Hits and misses of two calls in a process of its own, which sees what `mount` mounts, and what was logged."""
    command: list[str | Path] = [sys.executable, "-c", CALLS, path, *more]
    if mount:
        command = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh", *command]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_disk_that_takes_only_half_a_file_keeps_none_and_fails_no_call(tmp_path: Path) -> None:
    assert calls(tmp_path, "4096") == "0, 2, File too large"
    assert names(tmp_path) == set()


async def test_a_folder_that_can_not_be_made_fails_no_call_and_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"")
    with capture_logs() as logs:
        async with keeping(folder(file / "artefacts")) as sandbox:
            await answers(sandbox, ONE, 1)
            await answers(sandbox, TWO, 2)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("artefacts_not_kept", "Not a directory")]


@mounting
async def test_a_read_only_disk_is_read_and_keeps_nothing_new(tmp_path: Path) -> None:
    await kept(tmp_path, ONE)
    before = names(tmp_path)
    mount = f'mount --bind "{tmp_path}" "{tmp_path}" && mount -o remount,ro,bind "{tmp_path}"'
    assert calls(tmp_path, mount=mount) == "1, 1, Read-only file system"
    assert names(tmp_path) == before


@mounting
def test_a_full_disk_fails_no_call(tmp_path: Path) -> None:
    mount = f'mount -t tmpfs -o size=64k tmpfs "{tmp_path}" && head -c 60k /dev/zero >"{tmp_path}/full"'
    assert calls(tmp_path / "artefacts", mount=mount) == "0, 2, No space left on device"
