"""The audit log is a chain that only the installation can make (H8.10), on each database."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from hengio.model.audit import AuditEntry
from hengio.service.auditing import EndTeller, Verdict, verify
from hengio.storage.chain import Anchor, Content, end, link
from hengio.storage.protocol import Storage
from hengio.storage.sql import tables
from hengio.storage.vault import Stored
from tests.contract.test_migrations import as_of, inside
from tests.support.builders import NOON
from tests.support.storages import opened
from tests.support.vaults import OTHER, SECRET, a_variable, an_entry, audit_keys, variables

_audit = tables.audit
_end = tables.audit_end


async def verdict(storage: Storage, *secrets: bytes, **how: Any) -> Verdict:
    return await verify(storage.audit, audit_keys(*secrets), **how)


async def fault(storage: Storage, *secrets: bytes, **how: Any) -> tuple[str, int] | None:
    """The kind of the first fault, and where it is."""
    found = (await verdict(storage, *secrets, **how)).fault
    return None if found is None else (found.kind, found.sequence)


async def filled(storage: Storage, count: int) -> list[AuditEntry]:
    entries = [an_entry(subject=f"V{number}") for number in range(count)]
    for one in entries:
        await storage.audit.add([one])
    return entries


async def change(url: str, *statements: Any) -> None:
    """What somebody does who can write to the database and knows no secret."""
    await inside(url, lambda connection: [connection.execute(one) for one in statements])


@pytest.mark.requirement("H8.10")
async def test_entries_of_many_writers_make_one_chain(database_url: str) -> None:
    async with opened(database_url) as first, opened(database_url) as second:
        stores = [first, second]
        adding = [stores[number % 2].audit.add([an_entry(), an_entry()]) for number in range(20)]
        setting = [variables(stores[number % 2]).set(f"V{number}", 1, actor="me") for number in range(20)]
        await asyncio.gather(*adding, *setting)
        found = await verdict(first)
        kept = await first.audit.find(limit=100)
    assert (found.fault, found.entries, found.sequence) == (None, 60, 60)
    assert len(kept) == 60


async def test_an_entry_that_may_have_been_written_is_added_once(storage: Storage) -> None:
    entry, other = an_entry(), an_entry()
    await storage.audit.add([entry])
    await storage.audit.add([entry, other])
    found = await verdict(storage)
    assert (found.fault, found.sequence) == (None, 2)


async def test_an_entry_of_a_transaction_that_fails_leaves_no_gap(storage: Storage) -> None:
    def broken(_sealing: object) -> Stored:
        raise ValueError

    await filled(storage, 1)
    with pytest.raises(ValueError):
        await storage.variables.put(a_variable(), entry=an_entry(), seal=broken)
    await filled(storage, 1)
    assert (await verdict(storage)).sequence == 2


@pytest.mark.requirement("H8.10")
@pytest.mark.parametrize(
    "altered",
    [
        {"at": NOON + 1},
        {"action": "variable.deleted"},
        {"actor": "somebody"},
        {"subject": "else"},
        {"execution_id": "e"},
        {"step_id": "s"},
        {"detail": '{"a":1}'},
    ],
    ids=str,
)
async def test_whatever_is_altered_in_an_entry_is_found(
    storage: Storage, database_url: str, altered: dict[str, Any]
) -> None:
    entries = await filled(storage, 5)
    await change(database_url, update(_audit).where(_audit.c.id == entries[2].id).values(**altered))
    found = (await verdict(storage)).fault
    assert found is not None
    assert (found.kind, found.sequence, found.id) == ("altered", 3, entries[2].id)


@pytest.mark.requirement("H8.10")
async def test_an_entry_that_is_missing_is_named(storage: Storage, database_url: str) -> None:
    await filled(storage, 5)
    await change(database_url, delete(_audit).where(_audit.c.sequence == 2))
    assert await fault(storage) == ("missing", 2)
    assert await fault(storage, after=2) is None


@pytest.mark.requirement("H8.10")
async def test_who_has_the_database_alone_can_not_write_an_entry_anew(storage: Storage, database_url: str) -> None:
    """With every hash made anew, as whoever read the source could."""
    await filled(storage, 3)
    pairs = await storage.audit.linked(after=1, limit=2)
    [(_, first)] = await storage.audit.linked(after=0, limit=1)
    key, previous, statements = audit_keys(OTHER).current, first.hash, []
    for content, known in pairs:
        forged = Content(**{**{n: getattr(content, n) for n in content.__struct_fields__}, "actor": "nobody"})
        made = link(forged, sequence=known.sequence, previous=previous, key=key)
        previous = made.hash
        values = {"actor": "nobody", "previous": made.previous, "hash": made.hash, "seal": made.seal}
        statements.append(update(_audit).where(_audit.c.id == content.id).values(**values))
    last = end(3, previous, key=key)
    await change(database_url, *statements, update(_end).values(hash=last.hash, seal=last.seal))
    assert await fault(storage) == ("forged", 2)
    await change(database_url, update(_audit).where(_audit.c.sequence > 1).values(key_id="unheard"))
    await change(database_url, update(_end).values(key_id="unheard"))
    assert await fault(storage) == ("unknown_key", 2)


@pytest.mark.requirement("H8.10")
@pytest.mark.parametrize("mended", [False, True], ids=["as it was", "set back"])
async def test_entries_that_are_cut_off_are_missed(storage: Storage, database_url: str, mended: bool) -> None:
    await filled(storage, 5)
    await change(database_url, delete(_audit).where(_audit.c.sequence > 3))
    if mended:
        [(_, last)] = await storage.audit.linked(after=2, limit=1)
        await change(database_url, update(_end).values(sequence=3, hash=last.hash, seal=last.seal))
    assert await fault(storage) == (("forged", 3) if mended else ("cut_off", 4))


@pytest.mark.requirement("H8.10")
@pytest.mark.parametrize("way", ["end kept", "end set back", "end taken away"])
async def test_entries_that_are_added_later_do_not_hide_that_others_were_cut_off(
    storage: Storage, database_url: str, way: str
) -> None:
    await filled(storage, 5)
    await change(database_url, delete(_audit).where(_audit.c.sequence > 3))
    if way == "end set back":
        [(_, last)] = await storage.audit.linked(after=2, limit=1)
        await change(database_url, update(_end).values(sequence=3, hash=last.hash, key_id="unheard"))
    if way == "end taken away":
        await change(database_url, delete(_end))
    await filled(storage, 3)
    assert await fault(storage) == ("missing", 4)
    kept = [link.sequence for _, link in await storage.audit.linked(after=3, limit=9)]
    assert await fault(storage, after=kept[0] - 1) is None, "what follows is whole"


@pytest.mark.requirement("H8.10")
async def test_a_database_that_was_set_back_is_found_by_what_was_kept_elsewhere(
    storage: Storage, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def ended(connection: Any) -> dict[str, Any]:
        return dict(connection.execute(select(_end)).mappings().one())

    teller = EndTeller(storage.audit)
    await filled(storage, 3)
    before = await inside(database_url, ended)
    await filled(storage, 2)
    await teller.tell()
    [(_, last)] = await storage.audit.linked(after=4, limit=1)
    anchor = Anchor(5, last.hash)
    assert await fault(storage, anchor=anchor) is None
    await change(database_url, delete(_audit).where(_audit.c.sequence > 3), update(_end).values(**before))
    assert await fault(storage) is None, "which the database alone can not tell"
    assert await fault(storage, anchor=anchor) == ("cut_off", 4)
    await teller.tell()
    logged = capsys.readouterr().err
    assert last.hash in logged and "audit_shortened" in logged
    await filled(storage, 2)
    assert await fault(storage, anchor=anchor) == ("unexpected", 5)


@pytest.mark.requirement("H8.10")
async def test_a_key_that_was_dropped_after_a_rotation_is_not_needed(database_url: str) -> None:
    async with opened(database_url, SECRET) as storage:
        await filled(storage, 3)
    async with opened(database_url, OTHER, SECRET) as storage:
        await filled(storage, 1)
        [(_, place)] = await storage.audit.linked(after=3, limit=1)
        assert place.key_id == audit_keys(SECRET).current.id, "until the rotation says so"
        key_id = audit_keys(OTHER).current.id
        await storage.vault.reseal(key_id, lambda _, stored: stored, entry=an_entry("secrets.rotated"))
        await filled(storage, 1)
        assert await fault(storage, OTHER) is None
        await change(database_url, update(_audit).where(_audit.c.sequence == 2).values(actor="nobody"))
        assert await fault(storage, OTHER) == ("altered", 2)


async def test_a_log_whose_key_is_lost_goes_on_and_says_so(database_url: str) -> None:
    async with opened(database_url, SECRET) as storage:
        await filled(storage, 2)
        assert await fault(storage, OTHER) == ("unknown_key", 1)
    async with opened(database_url, OTHER) as storage:
        await filled(storage, 2)
        assert await fault(storage, OTHER) == ("missing", 3)
        assert await fault(storage, OTHER, after=3) is None


@pytest.mark.requirement("H8.10")
async def test_entries_of_a_release_before_the_chain_are_linked_in_their_order(database_url: str) -> None:
    rows = [
        {"id": name, "at": at, "action": "job.applied", "actor": "me", "subject": "a", "detail": "{}"}
        for name, at in (("b", 2), ("c", 2), ("a", 1))
    ]
    old = tables.Table("audit", tables.MetaData(), *(tables.Column(name) for name in rows[0]))
    await inside(database_url, as_of("0008"))
    await change(database_url, insert(old).values(rows))
    async with opened(database_url) as storage:
        found = await storage.audit.linked(after=0, limit=9)
        assert [(content.id, place.sequence) for content, place in found[:3]] == [("a", 1), ("b", 2), ("c", 3)]
        assert (found[3][0].action, found[3][0].detail) == ("audit.chained", '{"entries":3}')
        assert await fault(storage) is None
        await filled(storage, 1)
        assert (await verdict(storage)).sequence == 5
