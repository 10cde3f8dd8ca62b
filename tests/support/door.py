"""The HTTP application over a running system, and its callers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI

from hengio.api.app import create_app
from hengio.model.person import Role
from hengio.settings import PeopleSettings, Settings
from hengio.wiring.embedded import System, embedded
from tests.support.people import DESK, PASSWORD

CHEAP = PeopleSettings(argon2_memory_mb=1, argon2_passes=1, argon2_lanes=1)


class Door:
    """The application, and who calls it."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.app: FastAPI = create_app(system)

    def client(self, **how: Any) -> httpx.AsyncClient:
        """Somebody with a browser of their own."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://hengio", **how)

    async def user(self, name: str, *permissions: str, roles: tuple[str, ...] = ()) -> str:
        """Somebody who may exactly that; their bearer token."""
        if permissions:
            await self.system.people.users.set_role(DESK, Role(name=f"of {name}", permissions=permissions))
            roles = (*roles, f"of {name}")
        await self.system.people.users.create(DESK, name, password=PASSWORD, given=roles)
        return await self.bearer(name)

    async def bearer(self, name: str) -> str:
        """A login of theirs."""
        async with self.client() as client:
            answer = await client.post("/api/auth/login", json={"username": name, "password": PASSWORD})
        token: str = answer.json()["access_token"]
        return token

    async def ask(self, token: str | None, method: str, path: str, **how: Any) -> httpx.Response:
        """One request with that token."""
        headers = {**how.pop("headers", {}), **({"authorization": f"Bearer {token}"} if token else {})}
        async with self.client() as client:
            return await client.request(method, path, headers=headers, **how)


@asynccontextmanager
async def a_door(folder: Path, **settings: Any) -> AsyncIterator[Door]:
    """The application on a data folder of its own."""
    async with embedded(Settings(data_dir=folder, people=CHEAP, **settings)) as system:
        yield Door(system)
