"""People as who runs Hengio manages them, and the first start (H8)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.installation import Installation
from tests.support.people import PASSWORD


@pytest.mark.requirement("H8.1", "H8.5", "H8.7", "H8.10")
async def test_people_are_managed_at_the_desk_also_before_the_first_server(tmp_path: Path) -> None:
    place = Installation(tmp_path, {"P": PASSWORD})
    made = await place.run("user", "create", "Lan", "--from-env", "P")
    assert (made["name"], made["roles"], made["enabled"]) == ("lan", ["Regular User"], True)
    await place.run("user", "create", "lan", "--from-env", "P", code=4)
    await place.run("role", "create", "ops", "--permission", "job:read", "--permission", "job:write")
    await place.run("role", "create", "bad", "--permission", "job:fly", code=2)
    assert (await place.run("user", "roles", "lan", "--role", "ops"))["roles"] == ["ops"]
    token = await place.run("token", "create", "lan", "--name", "ci", "--scope", "job:read")
    assert token["token"].startswith(token["prefix"]) and token["prefix"].startswith("hng_")
    await place.run("token", "create", "lan", "--name", "ci", "--scope", "module:grant", code=5)
    [listed] = await place.run("token", "list", "--user", "lan")
    assert listed == {name: value for name, value in token.items() if name != "token"}
    await place.run("token", "revoke", token["id"])
    assert await place.run("token", "list") == []
    assert not (await place.run("user", "disable", "lan"))["enabled"]
    assert len((await place.run("user", "password", "lan", "--random"))["password"]) == 20
    await place.run("user", "enable", "lan")
    await place.run("role", "delete", "ops", "--yes")
    assert (await place.run("user", "roles", "lan"))["roles"] == []
    await place.run("user", "delete", "lan", "--yes")
    assert await place.run("user", "list") == []
    assert [role["name"] for role in await place.run("role", "list")] == ["Admin", "Regular User"]
    entries = await place.run("audit", "list")
    assert all(entry["actor"].startswith("cli") for entry in entries)
    assert (await place.run("audit", "verify"))["intact"]


@pytest.mark.requirement("H8.8")
async def test_the_first_start_shows_the_password_of_admin_once(tmp_path: Path) -> None:
    place = Installation(tmp_path, {})
    for _ in range(2):
        async with place.serving():
            pass
    told = place.log()
    [password] = re.findall(r"^    (\S{20})$", told, re.MULTILINE)
    assert told.count(password) == 1
    assert not [line for line in told.splitlines() if line.startswith("{") and password in line], "no line of the log"
    assert [user["roles"] for user in await place.run("user", "list")] == [["Admin"]]
