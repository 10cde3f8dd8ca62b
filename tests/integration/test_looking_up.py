"""Looking modules up: many who ask at once cost one query, and what was found is not believed for long."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from hengio.errors import Refused
from hengio.ids import new_id
from hengio.registry.modules import ModuleRegistry
from hengio.settings import Settings
from hengio.wiring.embedded import embedded
from tests.support.clock import MovableClock
from tests.support.guests import SPIN, entry, reactor
from tests.support.storages import heard

MODULE = reactor(entry(SPIN))


@pytest.fixture(name="clock")
def make_clock() -> MovableClock:
    return MovableClock()


@pytest.fixture(name="modules")
async def make_modules(tmp_path: Path, clock: MovableClock) -> AsyncIterator[ModuleRegistry]:
    async with embedded(Settings(data_dir=tmp_path)) as system:
        stores = system.storage.modules, system.storage.channels
        modules = ModuleRegistry(*stores, system.areas.modules, system.sandbox, clock)
        await modules.register("m", "1.0.0", MODULE)
        yield modules


async def test_when_what_is_known_is_old_one_of_many_looks_it_up(modules: ModuleRegistry, clock: MovableClock) -> None:
    await modules.find("m")
    clock.advance(2)
    with heard() as statements:
        found = await asyncio.gather(*(modules.find("m") for _ in range(100)))
    assert {module.version for module in found} == {"1.0.0"}
    assert len([sql for sql, _ in statements if "FROM modules" in sql]) == 1


async def test_a_newer_version_is_found_after_a_second(modules: ModuleRegistry, clock: MovableClock) -> None:
    known = await modules.find("m")
    await modules.store.add(replace(known, id=new_id(), version="2.0.0"))  # as another process does
    assert (await modules.find("m")).version == "1.0.0"
    clock.advance(2)
    assert (await modules.find("m")).version == "2.0.0"


async def test_one_that_was_disabled_is_refused_to_all(
    modules: ModuleRegistry, clock: MovableClock, tmp_path: Path
) -> None:
    await modules.find("m")
    with closing(sqlite3.connect(tmp_path / "hengio.db")) as database, database:
        database.execute("UPDATE modules SET enabled = FALSE")
    clock.advance(2)
    for _ in range(2):
        with pytest.raises(Refused, match="is disabled"):
            await modules.find("m")
