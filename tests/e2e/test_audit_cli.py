"""The audit log as who runs Hengio looks it up and verifies it (H8.10)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.installation import Installation


@pytest.mark.requirement("H8.10")
async def test_a_change_behind_the_logs_back_is_found_by_a_command(tmp_path: Path) -> None:
    place = Installation(tmp_path, {})
    for name in ("A", "B", "C"):
        await place.run("variable", "set", name, "1")
    sound = await place.run("audit", "verify")
    assert (sound["intact"], sound["entries"], sound["fault"]) == (True, 3, None)
    kept = f"{sound['sequence']}:{sound['hash']}"
    assert (await place.run("audit", "verify", "--expect", kept))["intact"]
    await place.run("audit", "verify", "--expect", "3:abc", code=2)
    with closing(sqlite3.connect(place.data / "hengio.db")) as database:
        database.execute("UPDATE audit SET actor = 'nobody' WHERE sequence = 2")
        database.commit()
    found = await place.run("audit", "verify", code=7)
    assert (found["intact"], found["fault"]["kind"], found["fault"]["sequence"]) == (False, "altered", 2)
    assert (await place.run("audit", "verify", "--after", "2"))["entries"] == 1
