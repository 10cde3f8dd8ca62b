"""The cache of compiled modules, and that a first call compiles once."""

from __future__ import annotations

import asyncio

import pytest

from hengio.errors import Corrupt, HengioError, NotFound, Unavailable
from hengio.model.outcome import OutcomeKind
from hengio.sandbox.wasmtime.library import SandboxSettings
from hengio.sandbox.wasmtime.sandbox import WasmtimeSandbox
from tests.support.guests import ECHO, digest, entry, fetching, make_call, reactor, text


def numbered(number: int) -> bytes:
    return reactor(entry(ECHO) + text(0, f"module {number}"))


@pytest.mark.requirement("R7.1")
async def test_a_module_is_fetched_and_compiled_only_once(sandbox: WasmtimeSandbox) -> None:
    binary, fetched = numbered(1), 0

    async def fetch() -> bytes:
        nonlocal fetched
        fetched += 1
        await asyncio.sleep(0.01)
        return binary

    outcomes = await asyncio.gather(*(sandbox.call(make_call(binary), fetch) for _ in range(20)))
    assert {outcome.kind for outcome in outcomes} == {OutcomeKind.SUCCEEDED}
    assert fetched == 1


@pytest.mark.requirement("R7.1")
async def test_a_first_caller_that_is_cancelled_leaves_the_work_to_the_next(sandbox: WasmtimeSandbox) -> None:
    binary, release = numbered(2), asyncio.Event()

    async def slow() -> bytes:
        await release.wait()
        return binary

    first = asyncio.create_task(sandbox.call(make_call(binary), slow))
    second = asyncio.create_task(sandbox.call(make_call(binary), fetching(binary)))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).kind is OutcomeKind.SUCCEEDED


@pytest.mark.requirement("R7.2")
async def test_the_least_recently_used_module_leaves_first_by_count() -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, cache_modules=2))
    for number in (1, 2, 1, 3):
        await sandbox.call(make_call(numbered(number)), fetching(numbered(number)))
    assert digest(numbered(1)) in sandbox.library.cache
    assert digest(numbered(2)) not in sandbox.library.cache
    assert digest(numbered(3)) in sandbox.library.cache
    counters = sandbox.library.cache.counters
    assert (counters.hits, counters.misses, counters.evictions) == (1, 3, 1)
    await sandbox.close()


@pytest.mark.requirement("R7.2")
async def test_modules_leave_by_bytes_too() -> None:
    probe = WasmtimeSandbox(SandboxSettings(threads=1))
    size = (await probe.library.load(digest(numbered(1)), fetching(numbered(1)))).size
    await probe.close()
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, cache_bytes=2 * size))
    for number in (1, 2, 3):
        await sandbox.call(make_call(numbered(number)), fetching(numbered(number)))
    assert len(sandbox.library.cache) == 2
    assert sandbox.library.cache.bytes == 2 * size
    await sandbox.close()


async def test_a_module_larger_than_the_cache_still_runs() -> None:
    sandbox = WasmtimeSandbox(SandboxSettings(threads=1, cache_bytes=10))
    outcome = await sandbox.call(make_call(numbered(1)), fetching(numbered(1)))
    assert outcome.kind is OutcomeKind.SUCCEEDED
    assert len(sandbox.library.cache) == 0
    await sandbox.close()


@pytest.mark.parametrize("error", [NotFound("no such module"), Corrupt("half a module")], ids=["missing", "corrupt"])
async def test_a_module_that_can_not_be_had_is_refused(sandbox: WasmtimeSandbox, error: HengioError) -> None:
    async def fetch() -> bytes:
        raise error

    outcome = await sandbox.call(make_call(numbered(100)), fetch)
    assert outcome.kind is OutcomeKind.MODULE_REFUSED
    assert outcome.failure is not None
    assert outcome.failure.code == error.code


async def test_a_store_that_does_not_answer_is_the_callers_to_handle(sandbox: WasmtimeSandbox) -> None:
    async def fetch() -> bytes:
        raise Unavailable("the object store is down")

    with pytest.raises(Unavailable):
        await sandbox.call(make_call(numbered(101)), fetch)


async def test_bytes_that_are_no_module_are_refused(sandbox: WasmtimeSandbox) -> None:
    outcome = await sandbox.call(make_call(b"not a module"), fetching(b"not a module"))
    assert outcome.kind is OutcomeKind.MODULE_REFUSED
