"""What the stores of modules, channels and authors promise, on each database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from hengio import codec
from hengio.clock import SECOND
from hengio.codec import Raw
from hengio.errors import Conflict, NotFound
from hengio.ids import new_id
from hengio.model.audit import AuditAction, AuditEntry
from hengio.model.author import AuthorKey
from hengio.model.channel import Channel, ChannelChange, Channels
from hengio.model.grant import Grant
from hengio.model.signature import Signature
from hengio.model.statistics import Spread
from hengio.storage.modules import ModuleFilter
from hengio.storage.protocol import Record, Storage
from tests.support.builders import NOON, a_module, a_run
from tests.support.storages import begun, claimed, commit, opened


def entry(action: AuditAction = "channel.set") -> AuditEntry:
    return AuditEntry(id=new_id(), at=NOON, action=action, actor="ana", subject="clean")


def change(channel: Channel, number: int, module_id: str | None = "m", **fields: Any) -> ChannelChange:
    made = ChannelChange(
        name="clean",
        channel=channel,
        number=number,
        module_id=module_id,
        before=number - 1,
        why="set",
        at=NOON,
        by="ana",
    )
    return replace(made, **fields)


def a_key(**fields: Any) -> AuthorKey:
    key = AuthorKey(
        id="ed25519:1", author="ana", public_key=b"\x00\xff" * 16, not_before=NOON, added_at=NOON, added_by="me"
    )
    return replace(key, **fields)


async def test_a_module_reads_back_with_its_signature_and_what_it_asks_for(storage: Storage) -> None:
    module = a_module(
        requested=(Grant("file:read", "in/*"),), signature=Signature("ed25519:1", bytes(range(64))), registered_by="ana"
    )
    await storage.modules.add(module, entry=entry("module.registered"))
    assert await storage.modules.get(module.id) == module
    assert [found.action for found in await storage.audit.find(limit=9)] == ["module.registered"]
    other = Signature("ed25519:2", bytes(64))
    signed = await storage.modules.sign(module.id, other, (), entry=entry("module.signed"))
    assert (signed.signature, signed.requested) == (other, ())
    assert await storage.modules.get(module.id) == signed


@pytest.mark.requirement("R6.6")
async def test_pages_are_by_name_the_newest_first_and_hold_each_module_once(storage: Storage) -> None:
    for name in ("b", "a", "c"):
        for number in range(3):
            await storage.modules.add(a_module(name, f"1.{number}.0", created_at=NOON + number // 2))
    found, after = [], None
    while page := await storage.modules.page(limit=2, after=after):
        found += page
        after = page[-1]
    assert len({module.id for module in found}) == 9
    assert [module.name for module in found] == list("aaabbbccc")
    times = [module.created_at for module in found]
    assert all(times[at : at + 3] == sorted(times[at : at + 3], reverse=True) for at in (0, 3, 6))


@pytest.mark.parametrize(
    ("search", "names"),
    [("CLEAN", ["clean", "unclean"]), ("%", []), ("_", ["x_y"]), ("", ["clean", "unclean", "x_y"]), ("'; --", [])],
)
async def test_a_search_is_for_a_part_of_the_name_and_means_every_letter(
    storage: Storage, search: str, names: list[str]
) -> None:
    for name in ("clean", "unclean", "x_y"):
        await storage.modules.add(a_module(name))
    assert [found.name for found in await storage.modules.page(ModuleFilter(search=search), limit=9)] == names


@pytest.mark.requirement("R6.7")
async def test_a_module_is_disabled_and_deleted(storage: Storage) -> None:
    kept, gone = await storage.modules.add(a_module()), await storage.modules.add(a_module(version="2.0.0"))
    await storage.modules.enable(kept.id, enabled=False, entry=entry("module.disabled"))
    await storage.modules.delete(gone.id, entry=entry("module.deleted"))
    assert await storage.modules.page(ModuleFilter(enabled=False), limit=9) == await storage.modules.all()
    assert await storage.modules.known([kept.id, gone.id]) == {kept.id}
    for missing in (storage.modules.get(gone.id), storage.modules.delete(gone.id, entry=entry())):
        with pytest.raises(NotFound):
            await missing
    assert [found.action for found in await storage.audit.find(limit=9)] == ["module.deleted", "module.disabled"]


async def test_a_reference_by_a_channel_finds_where_it_leads(storage: Storage) -> None:
    old, new = await storage.modules.add(a_module()), await storage.modules.add(a_module(version="2.0.0"))
    with pytest.raises(NotFound, match="the channel stable of module 'clean' leads to no module"):
        await storage.modules.find("clean@stable")
    await storage.channels.add([change("stable", 1, old.id)], entry=entry())
    assert await storage.modules.find("clean@canary") == old
    await storage.channels.add([change("canary", 1, new.id, percent=100.0)], entry=entry())
    assert await storage.modules.find("clean@stable") == old
    assert await storage.modules.find("clean@canary") == new


async def test_the_last_change_of_a_channel_holds_and_all_are_kept(storage: Storage) -> None:
    first, second = change("stable", 1, "one"), change("stable", 2, "two", at=NOON + 1, note="why not")
    canary, other = change("canary", 1, "three", percent=2.5), replace(change("stable", 1), name="other")
    await storage.channels.add([first, canary], entry=entry())
    await storage.channels.add([second], entry=entry())
    await storage.channels.add([other], entry=entry())
    assert await storage.channels.of("clean") == Channels(stable=second, canary=canary)
    assert await storage.channels.of("nothing") == Channels()
    assert await storage.channels.current() == {
        "clean": Channels(stable=second, canary=canary),
        "other": Channels(stable=other),
    }
    assert (await storage.channels.history("clean", limit=9))[0] == second
    assert await storage.channels.change("clean", "stable", 1) == first


async def test_of_two_who_change_a_channel_one_is_told_and_nothing_of_hers_is_written(database_url: str) -> None:
    async with opened(database_url) as one, opened(database_url) as other:
        tries = [
            storage.channels.add([change("stable", 1, name), change("canary", 1, name)], entry=entry())
            for storage, name in zip([one, other] * 3, "abcdef", strict=True)
        ]
        told = await asyncio.gather(*tries, return_exceptions=True)
        assert [type(each) for each in told if each is not None] == [Conflict] * 5
        now = await one.channels.of("clean")
        assert now.stable is not None
        assert now.canary is not None
        assert now.stable.module_id == now.canary.module_id
        assert len(await one.audit.find(limit=9)) == 1


@pytest.mark.requirement("R14.1")
async def test_keys_are_added_once_and_revoked_for_good(storage: Storage) -> None:
    key = a_key(modules=("a*", "b"), not_after=NOON + 1)
    await storage.authors.add(key, entry=entry("author.added"))
    assert await storage.authors.find(key.id) == key
    assert await storage.authors.find("ed25519:other") is None
    with pytest.raises(Conflict, match="registered already, of author 'ana'"):
        await storage.authors.add(a_key(author="bob"), entry=entry("author.added"))
    [revoked] = await storage.authors.revoke([key.id], at=NOON + 5, by="me", reason="lost", entry=entry())
    assert revoked == replace(key, revoked_at=NOON + 5, revoked_by="me", reason="lost")
    assert await storage.authors.revoke([key.id], at=NOON + 9, by="you", reason="again", entry=entry()) == []
    assert await storage.authors.all() == [revoked]
    assert len(await storage.audit.find(limit=9)) == 2


@pytest.mark.requirement("R8.6")
async def test_statistics_are_of_the_newest_calls_of_a_module_in_a_window(storage: Storage) -> None:
    execution = (await claimed(storage, await begun(storage))).execution
    runs = [
        a_run(
            f"s{number}",
            execution=execution.id,
            sequence=number,
            completed_at=NOON + number * SECOND,
            kind="trapped" if number % 10 == 0 else "succeeded",
            module_id="other" if number == 50 else "m",
            detail=None
            if number == 100
            else Raw(codec.encode({"fuel_used": number, "peak_memory_bytes": 64, "duration_ms": number / 4})),
        )
        for number in range(1, 101)
    ]
    await commit(storage, Record(execution.id, execution.claim, tuple(runs)))
    seen = await storage.calls.statistics("m", since=NOON + 11 * SECOND, most=1_000)
    assert (seen.runs, seen.failures, seen.outcomes) == (89, 8, {"succeeded": 81, "trapped": 8})
    assert seen.fuel == Spread(55, 95, 99, 99)
    assert seen.duration_ms == Spread(13.75, 23.75, 24.75, 24.75)
    assert seen.memory_bytes == Spread(64, 64, 64, 64)
    assert (seen.last_run_at, seen.more) == (NOON + 100 * SECOND, False)
    newest = await storage.calls.statistics("m", since=0, most=5)
    assert (newest.runs, newest.outcomes, newest.more) == (5, {"succeeded": 4, "trapped": 1}, True)
    none = await storage.calls.statistics("nothing", since=0, most=5)
    assert (none.runs, none.fuel, none.last_run_at, none.more) == (0, None, None, False)
