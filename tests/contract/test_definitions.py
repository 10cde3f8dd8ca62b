"""What `JobStore` and `ModuleStore` promise, on each database."""

from __future__ import annotations

import asyncio

import pytest

from hengio.errors import Conflict, NotFound
from hengio.model.policy import FanOut, Retry
from hengio.storage.protocol import Storage
from tests.support.builders import NOON, a_job, a_module, a_step
from tests.support.storages import opened


async def test_a_job_reads_back_as_it_was_put(storage: Storage) -> None:
    step = a_step("a", next=("b", "c"), then="d", retry=Retry(on=("trapped",)), fan_out=FanOut(on_failure="wait"))
    job = a_job(step, "b", "c", "d", name="Đêm giao thừa", notes={"zero": "\x00", "n": 2**70}, max_parallel=2)
    stored = await storage.jobs.put(job, at=NOON)
    assert stored.version == 1
    assert await storage.jobs.get(stored.id) == await storage.jobs.get("Đêm giao thừa") == stored


@pytest.mark.requirement("H3.15")
async def test_a_changed_definition_is_a_new_version_and_the_old_one_stays(storage: Storage) -> None:
    first = await storage.jobs.put(a_job("a"), at=NOON)
    second = await storage.jobs.put(a_job("a", "b"), at=NOON + 1)
    assert (second.id, second.version) == (first.id, 2)
    assert await storage.jobs.get(first.id) == second
    assert await storage.jobs.version(first.id, 1) == first


async def test_an_unchanged_definition_adds_no_version(storage: Storage) -> None:
    first = await storage.jobs.put(a_job("a"), at=NOON)
    assert await storage.jobs.put(a_job("a"), at=NOON + 1) == first


async def test_jobs_are_listed_by_name_at_their_latest_version(storage: Storage) -> None:
    await storage.jobs.put(a_job("a", name="b"), at=NOON)
    await storage.jobs.put(a_job("a", name="a"), at=NOON)
    await storage.jobs.put(a_job("c", name="b"), at=NOON)
    assert [(stored.job.name, stored.version) for stored in await storage.jobs.all()] == [("a", 1), ("b", 2)]


async def test_a_job_or_version_that_is_not_there_is_not_found(storage: Storage) -> None:
    stored = await storage.jobs.put(a_job("a"), at=NOON)
    with pytest.raises(NotFound, match="there is no job 'nothing'"):
        await storage.jobs.get("nothing")
    with pytest.raises(NotFound, match="version 2"):
        await storage.jobs.version(stored.id, 2)


async def test_puts_at_the_same_time_are_versions_of_one_job(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as other:
        jobs = [a_job(f"step{number}") for number in range(6)]
        puts = [storage.jobs.put(job, at=NOON) for job, storage in zip(jobs, [one, other] * 3, strict=True)]
        stored = await asyncio.gather(*puts)
        assert len({found.id for found in stored}) == 1
        assert sorted(found.version for found in stored) == [1, 2, 3, 4, 5, 6]


@pytest.mark.requirement("R6.4")
async def test_a_module_reads_back_as_it_was_registered(storage: Storage) -> None:
    module = a_module()
    assert await storage.modules.add(module) == module
    assert await storage.modules.all() == [module]


@pytest.mark.parametrize("reference", ["id", "clean", "clean@1.2.0", "clean@^1.2", "clean@^1", "sha256:" + "bb" * 32])
async def test_a_module_is_found_by_every_form_of_reference(storage: Storage, reference: str) -> None:
    await storage.modules.add(a_module(version="1.0.0"))
    wanted = await storage.modules.add(a_module(version="1.2.0", digest="bb" * 32))
    await storage.modules.add(a_module(name="other", version="9.0.0", digest="cc" * 32))
    assert await storage.modules.find(wanted.id if reference == "id" else reference) == wanted


async def test_a_module_that_is_not_there_is_not_found_and_what_is_there_is_told(storage: Storage) -> None:
    await storage.modules.add(a_module())
    with pytest.raises(NotFound, match=r"there is no module 'clean@2\.0\.0'") as caught:
        await storage.modules.find("clean@2.0.0")
    assert caught.value.hint == "registered modules: clean@1.0.0"


async def test_the_same_binary_again_is_the_module_that_exists(storage: Storage) -> None:
    first = await storage.modules.add(a_module())
    assert await storage.modules.add(a_module()) == first


async def test_another_binary_under_the_same_version_is_a_conflict(storage: Storage) -> None:
    await storage.modules.add(a_module())
    with pytest.raises(Conflict, match="registered with another binary"):
        await storage.modules.add(a_module(digest="bb" * 32))


async def test_registering_at_the_same_time_is_one_module(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as other:
        found = await asyncio.gather(*(storage.modules.add(a_module()) for storage in [one, other] * 3))
        assert len({module.id for module in found}) == 1
