"""Files through the SFTP step, beside the library that it stands on and OpenSSH's own program, in one run.

The server is OpenSSH's, in processes of its own, on loopback; the files area is a local folder, which forces every file
to disk. Figures are the median of several rounds, in which the ways take turns. The memory is the peak of a process
that does nothing but one transfer each way through the step.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from tests.support.sftp import FOLDER, OpenSsh, openssh, sftp_step
from tests.support.sftp import run as attempt
from tests.support.steps import output_of

from benchmarks.rows import Row, at_least, at_most
from hengio import log
from hengio.blobs.store import open_blobs

MEGABYTES = 200
SMALL_FILES = 200
ROUNDS = 3
GOAL_MB = 150
GOAL_RATIO = 0.7  # the library forces nothing to disk

Way = Callable[[], Awaitable[None]]


def run() -> list[Row]:
    """Megabytes a second both ways, small files a second, and the peak of memory."""
    log.configure(level="error", style="text")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with openssh(folder / "server") as server:
                _prepare(folder, server)
                return [*asyncio.run(_measure(folder, server)), _memory(folder, server)]
        except pytest.skip.Exception as reason:
            print(f"not measured: {reason}")
            return []


def _prepare(folder: Path, server: OpenSsh) -> None:
    large = os.urandom(1 << 20) * MEGABYTES
    for place in (folder / "there" / "large", folder / "objects" / "files" / "made" / "large", folder / "large"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(large)
    for number in range(SMALL_FILES):
        small = folder / "there" / "small" / f"{number}.csv"
        small.parent.mkdir(exist_ok=True)
        small.write_bytes(b"a;b\n" * 256)
    (folder / "key").touch(mode=0o600)
    (folder / "key").write_text(server.private_key)


async def _measure(folder: Path, server: OpenSsh) -> list[Row]:
    ways = {**_step_ways(folder, server), **_library_ways(folder, server), **_program_ways(folder, server)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            await way()
            taken[name].append(time.perf_counter() - began)
    speed = {name: MEGABYTES / statistics.median(seconds) for name, seconds in taken.items()}
    small = SMALL_FILES / statistics.median(taken["step, small files down"])
    rows = []
    for direction in ("up", "down"):
        ratio = speed[f"step, {direction}"] / speed[f"asyncssh, {direction}"]
        rows += [Row(name, speed[name], "MB/s") for name in speed if name.endswith(f", {direction}")]
        rows.append(at_least(f"{direction}: step against asyncssh", ratio, "×", goal=GOAL_RATIO))
    return [*rows, Row("step: 1 KiB files down, one connection", small, "files/s")]


def _step_ways(folder: Path, server: OpenSsh) -> dict[str, Way]:
    step = sftp_step(open_blobs(f"file://{folder}/objects", area="files"))

    async def through(config: dict[str, Any]) -> None:
        output_of(await attempt(step, config))

    up, down = _configs(folder, server)
    small = server.config("download", f"{folder}/there/small", options={"wildcard_pattern": "*"})
    return {
        "step, up": lambda: through(up),
        "step, down": lambda: through(down),
        "step, small files down": lambda: through(small),
    }


def _configs(folder: Path, server: OpenSsh) -> tuple[dict[str, Any], dict[str, Any]]:
    up = server.config("upload", f"{folder}/there/up", local_path="made/large")
    return up, server.config("download", f"{folder}/there/large")


def _library_ways(folder: Path, server: OpenSsh) -> dict[str, Way]:
    @asynccontextmanager
    async def client() -> AsyncIterator[asyncssh.SFTPClient]:
        known = asyncssh.import_known_hosts(f"[127.0.0.1]:{server.port} {server.host_key}\n")
        options: dict[str, Any] = {"username": getpass.getuser(), "client_keys": [str(folder / "key")]}
        async with (
            asyncssh.connect("127.0.0.1", server.port, config=None, known_hosts=known, **options) as connection,
            connection.start_sftp_client() as opened,
        ):
            yield opened

    async def up() -> None:
        async with client() as opened:
            await opened.put(str(folder / "large"), f"{folder}/there/up", max_requests=16)

    async def down() -> None:
        async with client() as opened:
            await opened.get(f"{folder}/there/large", str(folder / "got"), max_requests=16)

    return {"asyncssh, up": up, "asyncssh, down": down}


def _program_ways(folder: Path, server: OpenSsh) -> dict[str, Way]:
    program = shutil.which("sftp")
    if program is None:
        return {}

    async def command(line: str) -> None:
        options = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "IdentitiesOnly=yes", "LogLevel=ERROR")
        process = await asyncio.create_subprocess_exec(
            *(program, "-q", "-b", "-", "-P", str(server.port), "-i", str(folder / "key")),
            *(part for option in options for part in ("-o", option)),
            f"{getpass.getuser()}@127.0.0.1",
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
        )
        await process.communicate(line.encode())
        assert process.returncode == 0

    return {
        "OpenSSH's sftp, up": lambda: command(f"put {folder}/large {folder}/there/up\n"),
        "OpenSSH's sftp, down": lambda: command(f"get {folder}/there/large {folder}/got\n"),
    }


def _memory(folder: Path, server: OpenSsh) -> Row:
    """Of a new process, imports and all."""
    given = json.dumps([str(folder), *_configs(folder, server)])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.sftp"], input=given, capture_output=True, text=True, check=True
    )
    return at_most(f"step: peak memory, {MEGABYTES} MB each way", float(done.stdout), "MB", goal=GOAL_MB)


def _peak_megabytes() -> float:
    """Of this process alone: what `getrusage` tells begins with what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


async def _transfer(folder: str, *configs: dict[str, Any]) -> None:
    files = open_blobs(f"file://{folder}/objects", area="files")
    for config in configs:
        output_of(await attempt(sftp_step(files), config))
    assert (await files.info(f"{FOLDER}/large")).size == MEGABYTES << 20


if __name__ == "__main__":
    asyncio.run(_transfer(*json.load(sys.stdin)))
    print(_peak_megabytes())
