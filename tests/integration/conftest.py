"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hengio.storage.protocol import Storage
from tests.support.storages import opened
from tests.support.town import Town, town_of


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    """The SQLite file behind `storage`."""
    return tmp_path / "hengio.db"


@pytest.fixture
async def storage(database_path: Path) -> AsyncIterator[Storage]:
    """Storage on SQLite, open."""
    async with opened(f"sqlite:///{database_path}") as storage:
        yield storage


@pytest.fixture(params=["sqlite", "postgresql"])
async def either_storage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Storage]:
    """Storage on each of the databases, open."""
    url = f"sqlite:///{tmp_path / 'hengio.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_url")
    async with opened(url) as storage:
        yield storage


@pytest.fixture
def town(either_storage: Storage) -> Town:
    """An installation that follows schedules."""
    return town_of(either_storage)
