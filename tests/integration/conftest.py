"""A database of its own for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hengio.storage.protocol import Storage
from tests.support.storages import opened


@pytest.fixture
def database_path(tmp_path: Path) -> Path:
    """The SQLite file behind `storage`."""
    return tmp_path / "hengio.db"


@pytest.fixture
async def storage(database_path: Path) -> AsyncIterator[Storage]:
    """Storage on SQLite, open."""
    async with opened(f"sqlite:///{database_path}") as storage:
        yield storage
