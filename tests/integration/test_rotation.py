"""Going over to another key: whenever it is killed, everything can be read, and running it again goes on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from hengio.errors import Conflict
from hengio.lock import FileLock
from hengio.settings import Settings
from hengio.vault.keys import KeyMissing, key_of
from hengio.wiring.rotation import LOCK, Rotated, rotate, status
from hengio.wiring.secret import own_secrets
from hengio.wiring.vault import Vault, vault
from tests.support.vaults import OTHER, SECRET

CHILD = """
import asyncio, os, signal, sys
from pathlib import Path
from hengio.settings import Settings
from hengio.wiring import rotation, secret
from hengio.wiring.vault import vault

moment, folder = sys.argv[1], Path(sys.argv[2])
passed = []

def die(now):
    passed.append(now)
    if now == moment or f"{now}:{passed.count(now)}" == moment:
        os.kill(os.getpid(), signal.SIGKILL)

fsync = os.fsync
def syncing(number):
    fsync(number)
    die("fsync")
os.fsync = syncing
replace = Path.replace
def replacing(self, target):
    die("written")
    result = replace(self, target)
    die("replaced")
    return result
Path.replace = replacing

async def main():
    async with vault(Settings(data_dir=folder)) as opened:
        await rotation.rotate(opened, actor="test", passed=die)

asyncio.run(main())
"""
MOMENTS = (
    "begun fsync:1 written:1 replaced:1 fsync:2 key_made resealed fsync:3 written:2 replaced:2 fsync:4 key_dropped"
).split()


def inside(settings: Settings, work: Callable[[Vault], Awaitable[object]]) -> object:
    """Run it as a command would."""

    async def run() -> object:
        async with vault(settings, make=True) as opened:
            return await work(opened)

    return asyncio.run(run())


async def fill(opened: Vault) -> None:
    await opened.variables.set("TOKEN", "hunter22", actor="test", sensitive=True)
    await opened.variables.set("CLEAR", "to be seen", actor="test")
    await opened.connections.set("db", "postgresql://u:hunter33@h/x", actor="test")


async def read(opened: Vault) -> list[object]:
    values = [one.value for one in await opened.variables.all()]
    return [*values, (await opened.connections.find("db")).document["url"]]


FILLED = ["to be seen", "hunter22", "postgresql://u:hunter33@h/x"]


async def rotated(opened: Vault) -> Rotated:
    return await rotate(opened, actor="test")


@pytest.mark.requirement("H6.2")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rotation_that_is_killed_leaves_everything_readable_and_is_gone_on_with(tmp_path: Path, moment: str) -> None:
    settings = Settings(data_dir=tmp_path)
    inside(settings, fill)
    before = own_secrets(tmp_path)
    child = subprocess.run([sys.executable, "-c", CHILD, moment, str(tmp_path)], check=False, capture_output=True)
    assert child.returncode == -signal.SIGKILL, child.stderr.decode()
    assert inside(settings, read) == FILLED
    inside(settings, rotated)
    after = own_secrets(tmp_path)
    assert len(after) == 1 and after != before
    assert inside(settings, read) == FILLED


@pytest.mark.requirement("H6.2")
def test_after_a_rotation_nothing_is_left_under_the_old_key(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    inside(settings, fill)
    [old] = own_secrets(tmp_path)
    done = inside(settings, rotated)
    [new] = own_secrets(tmp_path)
    assert done == Rotated(key_of(new).id, 2, [key_of(old).id])
    told = inside(settings, status)
    key = {"id": key_of(new).id, "known": True, "holds": True, "variables": 1, "connections": 1, "webhooks": 0}
    assert told == {"current": key_of(new).id, "source": "the data folder", "keys": [key]}
    assert old.hex() not in (tmp_path / "secret.key").read_text(encoding="utf-8")


def test_a_secret_that_is_set_takes_over_from_an_earlier_one_and_from_the_file(tmp_path: Path) -> None:
    own = Settings(data_dir=tmp_path)
    inside(own, fill)
    first = own.model_copy(update={"secret_key": SecretStr(SECRET.hex())})
    assert inside(first, read) == FILLED
    inside(first, rotated)
    (tmp_path / "secret.key").unlink()
    assert inside(first, read) == FILLED
    second = Settings(
        data_dir=tmp_path, secret_key=SecretStr(OTHER.hex()), previous_secret_keys=[SecretStr(SECRET.hex())]
    )

    async def set_another(opened: Vault) -> None:
        await opened.variables.set("CLEAR", "seen", actor="test")
        await opened.variables.set("TOKEN", "changed", actor="test", sensitive=True)

    inside(second, set_another)
    assert inside(first, read) == ["seen", "changed", FILLED[2]], "until the rotation, who knows the old key reads all"
    assert inside(second, rotated) == Rotated(key_of(OTHER).id, 2, [key_of(SECRET).id])
    assert inside(second.model_copy(update={"previous_secret_keys": []}), read) == ["seen", "changed", FILLED[2]]


def test_nothing_is_changed_if_something_cannot_be_read(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    inside(settings, fill)
    [lost] = own_secrets(tmp_path)
    (tmp_path / "secret.key").unlink()
    own = own_secrets(tmp_path)
    with pytest.raises(KeyMissing, match=key_of(lost).id):
        inside(settings, rotated)
    assert own_secrets(tmp_path) == own

    async def start_over(opened: Vault) -> None:
        await opened.variables.delete("TOKEN", actor="test")
        await opened.connections.delete("db", actor="test")
        await fill(opened)

    inside(settings, start_over)
    assert inside(settings, read) == FILLED


def test_two_rotations_do_not_run_at_once(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    inside(settings, fill)
    with FileLock(tmp_path / LOCK, what="it"), pytest.raises(Conflict, match="the rotation of keys is in use"):
        inside(settings, rotated)


@pytest.mark.requirement("H6.2")
def test_what_is_written_while_keys_are_rotated_is_never_under_a_dropped_key(tmp_path: Path) -> None:
    """A process that read the file before the rotation writes after it, with the keys it remembers."""
    settings = Settings(data_dir=tmp_path)
    inside(settings, fill)

    async def late(opened: Vault) -> None:
        assert opened.ring.current
        async with vault(settings) as other:
            await rotate(other, actor="test")
        await opened.variables.set("TOKEN", "late value", actor="test", sensitive=True)

    inside(settings, late)
    assert inside(settings, read) == ["to be seen", "late value", FILLED[2]]
