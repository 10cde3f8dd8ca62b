"""What the stores of variables and connections promise, on each database."""

from __future__ import annotations

import asyncio

import pytest

from hengio.storage.protocol import Storage
from hengio.storage.vault import Place, Sealing, Stored
from tests.support.storages import begun, claimed
from tests.support.vaults import a_connection, a_variable, an_entry

SEALED = Stored("b25l", "first")


async def test_what_was_put_is_found_as_it_was_and_replaced_by_what_comes_later(storage: Storage) -> None:
    first = a_variable(stored=Stored('{"ngày": "mồng một", "n": 12345678901234567890}'), description="why")
    await storage.variables.put(first, entry=an_entry())
    assert await storage.variables.find("A", job_id=None) == first
    second = a_variable(stored=SEALED, sensitive=True)
    await storage.variables.put(second, entry=an_entry())
    await storage.connections.put(a_connection(), entry=an_entry("connection.set"))
    assert await storage.variables.all() == [second]
    assert await storage.connections.all() == [a_connection()]
    assert await storage.connections.find("C") == a_connection()


@pytest.mark.requirement("H6.1")
async def test_a_name_may_be_global_and_of_several_jobs(storage: Storage) -> None:
    rows = [a_variable(job_id=job, stored=Stored(f'"{job}"')) for job in (None, "job-1", "job-2")]
    for row in rows:
        await storage.variables.put(row, entry=an_entry())
    assert await storage.variables.all() == rows
    assert await storage.variables.delete("A", job_id="job-1", entry=an_entry("variable.deleted"))
    assert await storage.variables.all() == [rows[0], rows[2]]


async def test_deleting_what_is_not_there_changes_nothing(storage: Storage) -> None:
    assert not await storage.variables.delete("A", job_id=None, entry=an_entry("variable.deleted"))
    assert not await storage.connections.delete("C", entry=an_entry("connection.deleted"))
    assert await storage.vault.revision() == 0
    assert await storage.audit.find(limit=10) == []


@pytest.mark.requirement("H6.4")
async def test_a_claim_brings_the_revision_of_its_moment_which_every_change_counts_up(storage: Storage) -> None:
    first = await claimed(storage, await begun(storage))
    await storage.variables.put(a_variable(), entry=an_entry())
    second = await claimed(storage, await begun(storage))
    await storage.connections.put(a_connection(), entry=an_entry("connection.set"))
    await storage.variables.delete("A", job_id=None, entry=an_entry("variable.deleted"))
    third = await claimed(storage, await begun(storage))
    assert [first.revision, second.revision, third.revision] == [0, 1, 3]
    read = await storage.vault.read()
    assert (read.revision, read.variables, read.connections) == (3, (), (a_connection(),))


async def test_a_change_and_its_audit_entry_are_there_together_or_not_at_all(storage: Storage) -> None:
    def fail(sealing: Sealing) -> Stored:
        raise KeyError(sealing.sealed)

    with pytest.raises(KeyError):
        await storage.variables.put(a_variable(), entry=an_entry(), seal=fail)
    assert await storage.audit.find(limit=10) == []
    assert await storage.vault.revision() == 0
    await storage.variables.put(a_variable(), entry=an_entry())
    assert [entry.action for entry in await storage.audit.find(limit=10)] == ["variable.set"]


async def test_who_seals_is_told_the_key_that_holds_and_how_much_is_sealed(storage: Storage) -> None:
    told: list[Sealing] = []

    def seal(sealing: Sealing) -> Stored:
        told.append(sealing)
        return SEALED

    await storage.variables.put(a_variable(), entry=an_entry())
    await storage.variables.put(a_variable("B"), entry=an_entry(), seal=seal)
    await storage.connections.put(a_connection(), entry=an_entry(), seal=seal)
    await storage.connections.put(a_connection("D"), entry=an_entry(), seal=seal)
    assert told == [Sealing(None, 0), Sealing("first", 1), Sealing("first", 2)]
    assert await storage.vault.sealing() == Sealing("first", 3)


@pytest.mark.requirement("H6.2")
async def test_everything_is_sealed_anew_in_one_transaction_or_nothing(storage: Storage) -> None:
    clear = a_variable("CLEAR")
    await storage.variables.put(clear, entry=an_entry())
    await storage.variables.put(a_variable("B", stored=SEALED, job_id="job-1"), entry=an_entry())
    await storage.connections.put(a_connection(stored=SEALED), entry=an_entry("connection.set"))
    before = await storage.vault.read()

    def break_at_connections(place: Place, stored: Stored) -> Stored:
        if place.table == "connections":
            raise KeyError(place.name)
        return Stored(stored.text, "second")

    with pytest.raises(KeyError):
        await storage.vault.reseal("second", break_at_connections, entry=an_entry("secrets.rotated"))
    assert await storage.vault.read() == before

    seen: list[Place] = []

    def change(place: Place, stored: Stored) -> Stored:
        seen.append(place)
        return Stored(f"{stored.text}+", "second")

    assert await storage.vault.reseal("second", change, entry=an_entry("secrets.rotated")) == 2
    assert seen == [Place("variables", "job-1", "B"), Place("connections", "database", "C")]
    after = await storage.vault.read()
    assert [row.stored for row in after.variables] == [Stored("b25l+", "second"), clear.stored]
    assert await storage.vault.sealing() == Sealing("second", 2)
    assert await storage.vault.reseal("second", change, entry=an_entry("secrets.rotated")) == 0


async def test_changes_at_the_same_time_wait_for_each_other(storage: Storage) -> None:
    await asyncio.gather(
        *(storage.variables.put(a_variable(f"V{count}"), entry=an_entry()) for count in range(10)),
        *(
            storage.variables.put(a_variable("SAME", sensitive=bool(count % 2)), entry=an_entry())
            for count in range(10)
        ),
    )
    assert await storage.vault.revision() == 20
    assert len(await storage.variables.all()) == 11
