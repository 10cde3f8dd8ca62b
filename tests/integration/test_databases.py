"""Connections that change while they are used, connection strings, circuits, and what becomes of the old ones."""

from __future__ import annotations

import asyncio
import ipaddress
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from hengio.errors import NotFound, Refused, Unavailable
from hengio.steps.database import DatabaseStep
from hengio.targets import databases as module
from hengio.targets.breaker import BreakerPolicy, Breakers, CircuitOpen, CircuitState
from hengio.targets.connections import ConnectionString
from hengio.targets.databases import Databases
from hengio.targets.reply import SqlError, TimedOut
from hengio.url import Address
from tests.support.clock import MovableClock
from tests.support.mysql import run
from tests.support.processes import free_port
from tests.support.steps import failure_of, output_of, step_context, step_request
from tests.support.waiting import eventually

LOOPBACK = ipaddress.ip_address("127.0.0.1")


class Changing:
    """Connections that a test changes."""

    def __init__(self, urls: dict[str, str]) -> None:
        self.urls = urls

    def find(self, name: str) -> str | None:
        return self.urls.get(name)

    def names(self) -> list[str]:
        return list(self.urls)


async def anywhere(host: str, port: int) -> Sequence[Address]:
    return [LOOPBACK]


async def one(databases: Databases, connection: str | ConnectionString, query: str = "SELECT 1 AS x") -> Any:
    return (await databases.execute(connection, query)).rows


async def test_a_connection_may_come_change_and_go(tmp_path: Path) -> None:
    connections = Changing({})
    databases = Databases(connections, folder=tmp_path)
    with pytest.raises(NotFound, match="'db' is not defined"):
        await one(databases, "db")
    connections.urls["db"] = "sqlite:///a.db"
    await databases.execute("db", "CREATE TABLE in_a (x INT)")
    connections.urls["db"] = "sqlite:///b.db"
    with pytest.raises(SqlError, match="in_a"):
        await one(databases, "db", "SELECT * FROM in_a")
    assert databases.dialect("db") == "sqlite"
    del connections.urls["db"]
    with pytest.raises(NotFound):
        await one(databases, "db")
    with pytest.raises(NotFound):
        databases.dialect("db")
    connections.urls["db"] = "nonsense"
    with pytest.raises(Refused, match="connection 'db' has no URL"):
        await one(databases, "db")
    await databases.close()


async def test_what_runs_on_a_connection_that_changes_runs_to_its_end(mysql_url: str, tmp_path: Path) -> None:
    connections = Changing({"db": mysql_url})
    databases = Databases(connections, folder=tmp_path)
    slow = asyncio.create_task(databases.execute("db", "SELECT SLEEP(1) AS s, CONNECTION_ID() AS id"))
    await asyncio.sleep(0.3)
    connections.urls["db"] = f"{mysql_url}?ssl=disable"
    (other,) = await one(databases, "db", "SELECT CONNECTION_ID() AS id")
    (ended,) = (await slow).rows
    assert (ended["s"], ended["id"] == other["id"]) == (0, False)

    async def closed() -> bool:
        found = await run(mysql_url, "SELECT id FROM information_schema.PROCESSLIST WHERE DB = DATABASE()")
        return (ended["id"],) not in found

    await eventually(closed)
    await databases.close()


def string(url: str) -> ConnectionString:
    return ConnectionString(url)


async def test_a_connection_string_is_kept_open_and_the_least_used_is_closed(mysql_url: str, tmp_path: Path) -> None:
    databases = Databases({}, folder=tmp_path, check=anywhere)
    (first,) = await one(databases, string(mysql_url), "SELECT CONNECTION_ID() AS id")
    assert await one(databases, string(mysql_url), "SELECT CONNECTION_ID() AS id") == [first]
    for number in range(module.MOST_STRINGS):
        await databases.execute(string(f"sqlite:///f{number}.db"), "CREATE TABLE IF NOT EXISTS t (x INT)")

    async def closed() -> bool:
        query = f"SELECT id FROM information_schema.PROCESSLIST WHERE id = {first['id']}"
        return not await run(mysql_url, query)

    await eventually(closed)
    (again,) = await one(databases, string(mysql_url), "SELECT CONNECTION_ID() AS id")
    assert again != first
    await databases.close()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("server", ["postgres_url", "mysql_url"])
async def test_a_connection_string_leads_to_the_address_that_was_checked(
    request: pytest.FixtureRequest, tmp_path: Path, server: str
) -> None:
    url: str = request.getfixturevalue(server)
    asked: list[tuple[str, int]] = []

    async def check(host: str, port: int) -> Sequence[Address]:
        asked.append((host, port))
        return [LOOPBACK]

    databases = Databases({}, folder=tmp_path, check=check)
    port = urlsplit(url).port
    elsewhere = string(url.replace("127.0.0.1", "nowhere.invalid"))
    assert await one(databases, elsewhere) == [{"x": 1}]
    assert asked == [("nowhere.invalid", port)]
    await databases.close()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("scheme", ["postgresql", "mysql", "oracle"])
async def test_a_connection_string_leads_nowhere_without_a_check_or_against_it(tmp_path: Path, scheme: str) -> None:
    url = f"{scheme}://bob:hunter22@inside.example:5/shop"

    async def refusing(host: str, port: int) -> Sequence[Address]:
        raise Refused(f"{host} leads to 10.0.0.1, which is not a public address")

    for check, words in ((None, "not allowed here"), (refusing, "not a public address")):
        databases = Databases({}, folder=tmp_path, check=check)
        with pytest.raises(Refused, match=words) as caught:
            await one(databases, string(url))
        told = f"{caught.value}{caught.value.hint}"
        assert not any(part in told for part in ("bob", "hunter22", "inside.example", "shop"))
        await databases.close()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    "url",
    [
        "postgresql://bob:hunter22@127.0.0.1:{port}/shop",
        "mysql://bob:hunter22@127.0.0.1:{port}/shop",
        "oracle://bob:hunter22@127.0.0.1:{port}/shop",
        "mysql://bob:hunter22@/shop",
        "mysql://bob:hunter22@127.0.0.1:nan/shop",
        "hunter22://bob@127.0.0.1/shop",
        "sqlite:///hunter22/../shop.db",
    ],
)
async def test_no_part_of_a_connection_string_is_told(tmp_path: Path, url: str) -> None:
    breakers = Breakers(MovableClock(), BreakerPolicy(failures=1))
    databases = Databases({}, folder=tmp_path, check=anywhere, breakers=breakers)
    step = DatabaseStep(databases)
    context = step_context(variables={"DB_URL": url.format(port=free_port())}, secret_names=frozenset({"DB_URL"}))
    request = step_request("database", {"connection_string": "${DB_URL}", "query": "SELECT 1"}, context=context)
    for _ in range(2):
        result = await step.run(request)
        told = f"{failure_of(result)}{result.failure}{result.detail}{breakers.circuits()}"
        assert not any(part in told for part in ("bob", "hunter22", "shop", "127.0.0.1"))
    await databases.close()


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("server", ["postgres_url", "mysql_url"])
async def test_a_wrong_password_in_a_string_is_final_and_names_nobody(
    request: pytest.FixtureRequest, tmp_path: Path, server: str
) -> None:
    parts = urlsplit(request.getfixturevalue(server))
    url = f"{parts.scheme}://{parts.username}:hunter22@{parts.hostname}:{parts.port}{parts.path}"
    databases = Databases({}, folder=tmp_path, check=anywhere)
    with pytest.raises(Refused, match="refuses this user") as caught:
        await one(databases, string(url))
    assert not isinstance(caught.value, Unavailable)
    assert str(parts.username) not in str(caught.value).replace("its user", "")
    await databases.close()


async def test_a_step_on_a_string_says_what_kind_it_is_and_no_more(tmp_path: Path) -> None:
    databases = Databases({"db": "sqlite:///a.db"}, folder=tmp_path)
    step = DatabaseStep(databases)
    config = {"connection_string": "sqlite:///secret.db", "query": "CREATE TABLE t (x INT)"}
    result = await step.run(step_request("database", config))
    assert output_of(result)["rows"] == []
    assert result.detail == {"connection": "connection_string (sqlite)"}
    for given in ({"connection_string": "sqlite:///secret.db"}, {"connection": "db"}):
        wrong = {**given, "database_type": "mysql", "query": "SELECT 1"}
        assert "sqlite database" in failure_of(await step.run(step_request("database", wrong)))
    await databases.close()


@pytest.mark.requirement("H5.5")
async def test_a_server_that_is_away_is_left_alone_until_its_time_has_come(tmp_path: Path) -> None:
    clock = MovableClock()
    breakers = Breakers(clock, BreakerPolicy(failures=3, open_seconds=30))
    url = f"mysql://u:p@127.0.0.1:{free_port()}/x"
    databases = Databases({"gone": url}, folder=tmp_path, breakers=breakers)
    for _ in range(3):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await one(databases, "gone")
    with pytest.raises(CircuitOpen):
        await one(databases, "gone")
    (circuit,) = breakers.circuits()
    assert (circuit.target, circuit.state) == ("database gone", CircuitState.OPEN)
    clock.advance(31)
    with pytest.raises(Unavailable, match="cannot be reached"):
        await one(databases, "gone")
    await databases.close()


@pytest.mark.requirement("H5.5")
async def test_wrong_slow_and_locked_out_statements_are_answers(tmp_path: Path) -> None:
    breakers = Breakers(MovableClock(), BreakerPolicy(failures=1))
    databases = Databases({"db": "sqlite:///a.db"}, folder=tmp_path, breakers=breakers)
    await databases.execute("db", "CREATE TABLE t (x INT)")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    holding = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    for query, kind in (("SELEC 1", SqlError), (endless, TimedOut), ("INSERT INTO t VALUES (1)", Unavailable)):
        if kind is Unavailable:
            holding.execute("BEGIN IMMEDIATE")
        with pytest.raises(kind):
            await databases.execute("db", query, timeout_seconds=0.2)
    holding.close()
    assert breakers.circuits() == []
    assert await one(databases, "db") == [{"x": 1}]
    await databases.close()
