"""The local folder when writers are killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hengio.blobs.store import open_blobs
from hengio.errors import NotFound
from hengio.keys import WRITING
from tests.support.blobs import keys

WRITER = """
import asyncio, sys
from hengio.blobs.store import open_blobs

async def main():
    blobs = open_blobs(sys.argv[1], area="files")
    print("ready", flush=True)
    while True:
        for letter in b"ab":
            await blobs.put("swapped", bytes([letter]) * (8 << 20))

asyncio.run(main())
"""

STALLED = """
import asyncio, sys
from hengio.blobs.store import open_blobs

async def stalling():
    yield b"x" * 1000
    yield b"y" * 1000
    print("ready", flush=True)
    await asyncio.Event().wait()

asyncio.run(open_blobs(sys.argv[1], area="files").put_stream("never", stalling()))
"""


def started(program: str, url: str) -> subprocess.Popen[str]:
    child = subprocess.Popen([sys.executable, "-c", program, url], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "ready\n"
    return child


def killed(child: subprocess.Popen[str]) -> None:
    child.send_signal(signal.SIGKILL)
    child.communicate()


@pytest.mark.parametrize("round_", range(4))
async def test_a_writer_killed_at_any_moment_leaves_a_whole_object(tmp_path: Path, round_: int) -> None:
    url = f"file://{tmp_path}"
    blobs = open_blobs(url, area="files")
    await blobs.put("swapped", b"first")
    child = started(WRITER, url)
    while await blobs.get("swapped") == b"first":
        pass
    for _ in range(round_ * 3):
        await blobs.get("swapped")
    killed(child)
    assert set(await blobs.get("swapped")) in ({ord("a")}, {ord("b")})
    assert (await blobs.info("swapped")).size == 8 << 20
    assert await keys(blobs) == ["swapped"]


async def test_what_a_killed_writer_left_is_never_seen_and_is_swept_at_the_next_open(tmp_path: Path) -> None:
    url = f"file://{tmp_path}"
    child = started(STALLED, url)
    aside = tmp_path / "files" / WRITING
    assert len(list(aside.iterdir())) == 1
    blobs = open_blobs(url, area="files")
    assert len(list(aside.iterdir())) == 1, "a living writer's file was swept"
    killed(child)
    assert await keys(blobs) == []
    with pytest.raises(NotFound):
        await blobs.get("never")
    open_blobs(url, area="files")
    assert list(aside.iterdir()) == []


async def test_deleting_the_last_object_of_a_folder_takes_the_folder_away(tmp_path: Path) -> None:
    blobs = open_blobs(f"file://{tmp_path}", area="files")
    await blobs.put("jobs/1/executions/2/a.csv", b"x")
    await blobs.delete("jobs/1/executions/2/a.csv")
    assert not (tmp_path / "files" / "jobs").exists()
