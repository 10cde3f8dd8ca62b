"""The embedded mode: what it owns alone (decision 6)."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from hengio.errors import Conflict
from hengio.model.execution import ExecutionState
from hengio.settings import Settings
from hengio.wiring.embedded import embedded
from tests.support.storages import begun, claimed


async def test_a_data_folder_belongs_to_one_process(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings(data_dir=tmp_path / "data", database_url=SecretStr(postgres_url))
    async with embedded(settings):
        with pytest.raises(Conflict, match=r"the data folder .*data is in use by process"):
            async with embedded(settings):
                pass


async def test_a_database_file_belongs_to_one_process_whatever_its_data_folder(tmp_path: Path) -> None:
    shared = SecretStr(f"sqlite:///{tmp_path / 'shared.db'}")
    async with embedded(Settings(data_dir=tmp_path / "one", database_url=shared)) as one:
        execution = await begun(one.storage, due_at=1 << 60)
        await claimed(one.storage, execution)
        with pytest.raises(Conflict, match=r"the database .*shared\.db is in use by process"):
            async with embedded(Settings(data_dir=tmp_path / "other", database_url=shared)):
                pass
        assert (await one.storage.executions.load(execution.id)).state is ExecutionState.RUNNING
