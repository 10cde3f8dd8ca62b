"""kill -9 while modules come and go: one is there with its binary or not at all, and what is left is swept."""

from __future__ import annotations

import os
import random
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hengio.clock import SystemClock
from hengio.registry.orphans import Orphans
from hengio.settings import Settings
from hengio.wiring.embedded import embedded
from tests.support.guests import digest

ROUNDS = 8
PROGRAM = """
import asyncio, sys
from pathlib import Path
from hengio.settings import Settings
from hengio.wiring.embedded import embedded
from tests.support.guests import ECHO, entry, reactor, text

async def main():
    async with embedded(Settings(data_dir=Path(sys.argv[1]))) as system:
        print("open", flush=True)
        number = 0
        while True:
            number += 1
            binary = reactor(text(8, f"{sys.argv[2]}-{number}") + entry(ECHO))
            await system.modules.register("m", f"1.{sys.argv[2]}.{number}", binary, by="me")
            if number % 5 == 0:
                await system.desk.modules.delete(f"m@1.{sys.argv[2]}.{number - 2}", by="me", force=True)

asyncio.run(main())
"""


def kill_one(folder: Path, number: int, *, after_seconds: float) -> None:
    """Let a process register and delete for that long."""
    command = [sys.executable, "-c", PROGRAM, str(folder), str(number)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        time.sleep(after_seconds)
        os.kill(process.pid, signal.SIGKILL)


@pytest.mark.requirement("R6.3", "R6.4", "R6.7")
async def test_a_killed_registration_or_deletion_leaves_no_module_without_its_binary(tmp_path: Path) -> None:
    seed = secrets.randbits(32)
    chance = random.Random(seed)
    for number in range(ROUNDS):
        kill_one(tmp_path, number, after_seconds=chance.uniform(0.0, 0.4))
    async with embedded(Settings(data_dir=tmp_path)) as system:
        modules = await system.storage.modules.all()
        for module in modules:
            assert digest(await system.areas.modules.get(f"{module.id}.wasm")) == module.digest, f"seed {seed}"
        orphans = Orphans(system.storage.modules, system.areas.modules, SystemClock(), old_seconds=0.0)
        await orphans.sweep()
        left = {info.key async for info in system.areas.modules.list()}
        assert left == {f"{module.id}.wasm" for module in modules}, f"seed {seed}"
        assert modules
    assert list((tmp_path / "objects" / "wasm-modules" / ".writing").iterdir()) == []
