"""Two servers on one database: what one is told counts in the other at once, and neither says a secret (H8.7)."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.people import CHEAP, PASSWORD
from tests.support.processes import Child, serving_hengio
from tests.support.webhooks import port_of


@asynccontextmanager
async def served(folder: Path, environment: dict[str, str]) -> AsyncIterator[tuple[Child, httpx.AsyncClient]]:
    server = serving_hengio(folder, environment)
    child = await asyncio.to_thread(server.__enter__)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port_of(child)}", timeout=60) as client:
            yield child, client
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


def bearer(login: dict[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {login['access_token']}"}


@pytest.mark.requirement("H8.4", "H8.7", "H8.8", "H8.10")
async def test_what_one_server_is_told_counts_in_the_other_at_once(tmp_path: Path, postgres_url: str) -> None:
    environment = {
        **CHEAP,
        "HENGIO_DATABASE_URL": postgres_url,
        "HENGIO_SECRET_KEY": "ab" * 32,
        "HENGIO_OBJECTS_URL": (tmp_path / "objects").as_uri(),
    }
    async with AsyncExitStack() as stack:
        one, first = await stack.enter_async_context(served(tmp_path / "one", environment))
        two, second = await stack.enter_async_context(served(tmp_path / "two", environment))
        logs = [child.log.read_text() for child in (one, two)]
        [password] = re.findall(r"^    (\S{20})$", "\n".join(logs), re.MULTILINE)
        boss = (await first.post("/api/auth/login", json={"username": "admin", "password": password})).json()
        made = await second.post("/api/users", json={"name": "lan", "password": PASSWORD}, headers=bearer(boss))
        assert made.status_code == 201, "the other server knows the session, too"
        login = (await second.post("/api/auth/login", json={"username": "lan", "password": PASSWORD})).json()
        assert (await first.get("/api/auth/me", headers=bearer(login))).json()["name"] == "lan"
        change = {"roles": ["Admin"]}
        assert (await first.put("/api/users/lan/roles", json=change, headers=bearer(boss))).status_code == 200
        assert (await second.get("/api/auth/me", headers=bearer(login))).status_code == 401
        login = (await second.post("/api/auth/login", json={"username": "lan", "password": PASSWORD})).json()
        given = {"name": "ci", "scopes": ["user:manage"]}
        token = (await second.post("/api/tokens", json=given, headers=bearer(login))).json()
        program = {"authorization": f"Bearer {token['token']}"}
        assert (await first.get("/api/users", headers=program)).status_code == 200
        assert (await first.delete(f"/api/tokens/{token['id']}", headers=bearer(boss))).status_code == 204
        assert (await second.get("/api/users", headers=program)).status_code == 401
        await first.post("/api/auth/login", json={"username": PASSWORD, "password": "typed-in-error"})
        verdict = (await second.get("/api/audit/verify", headers=bearer(boss))).json()
        audit = (await second.get("/api/audit?limit=1000", headers=bearer(boss))).text
        assert (verdict["intact"], verdict["entries"]) == (True, len(json.loads(audit)["items"]))
        said = "\n".join(child.log.read_text() for child in (one, two)).replace(password, "", 1)
        kept = _everything_in(postgres_url)
        secrets = (password, PASSWORD, token["token"], boss["access_token"], boss["refresh_token"], "typed-in-error")
        for secret in secrets:
            assert secret not in said and secret not in audit and secret not in kept
        assert token["prefix"] in kept, "the search finds what is there"


def _everything_in(url: str) -> str:
    """Every row of every table, as text, read by a process of its own."""
    program = (
        "import asyncio, asyncpg, sys\n"
        "async def main():\n"
        "    c = await asyncpg.connect(sys.argv[1])\n"
        "    for (t,) in await c.fetch(\"SELECT tablename FROM pg_tables WHERE schemaname = 'public'\"):\n"
        "        for row in await c.fetch(f'SELECT * FROM \"{t}\"'): print(dict(row))\n"
        "    await c.close()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", program, url], capture_output=True, text=True, check=True)
    return done.stdout
