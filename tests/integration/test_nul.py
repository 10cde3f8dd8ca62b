"""A NUL in a text: PostgreSQL keeps none, so it is refused where it would be a name, and told without it elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from hengio import codec
from hengio.definition.parse import InvalidDefinition
from hengio.errors import HengioError
from hengio.service.exchange import Exchange, read_all
from hengio.settings import Settings
from hengio.wiring.embedded import System, embedded


@pytest.fixture(params=["sqlite", "postgresql"])
async def system(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[System]:
    """An installation on each database."""
    url = None if request.param == "sqlite" else SecretStr(request.getfixturevalue("postgres_url"))
    async with embedded(Settings(data_dir=tmp_path / "data", database_url=url)) as opened:
        yield opened


async def test_a_job_is_not_called_so(system: System) -> None:
    document = {"name": "n\0x", "steps": [{"id": "a", "type": "wasm", "config": {"module_id": "m"}}]}
    with pytest.raises(InvalidDefinition, match="control characters"):
        await system.jobs.apply(document)
    text = codec.encode(document)
    exchange = Exchange(jobs=system.jobs, version="1.0.0")
    [item] = await exchange.bring(read_all(text, source="file"), by="me", secrets={}, clash="copy")
    assert item.outcome == "refused"


@pytest.mark.parametrize("reference", ["x\0", "long" * 2000])
async def test_a_module_that_is_called_so_is_refused(system: System, reference: str) -> None:
    config = {"module_id": "{{input.f}}"}
    stored, _ = await system.jobs.apply({"name": "n", "steps": [{"id": "a", "type": "wasm", "config": config}]})
    finished = await system.jobs.run(stored, given={"f": reference})
    assert [run.kind for run in finished.runs] == ["module_refused"]


async def test_nothing_is_found_under_such_a_name(system: System) -> None:
    with pytest.raises(HengioError):
        await system.storage.jobs.get("n\0x")
