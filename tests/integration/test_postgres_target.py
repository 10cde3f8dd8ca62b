"""PostgreSQL behind a connection: types, sessions that forget, and what is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from hengio.errors import Refused, Unavailable
from hengio.targets.databases import Databases
from hengio.targets.reply import SqlError, TimedOut
from tests.support.processes import free_port
from tests.support.proxy import proxied
from tests.support.waiting import eventually


@pytest.fixture
async def databases(postgres_url: str, tmp_path: Path) -> AsyncIterator[Databases]:
    opened = Databases({"db": postgres_url}, folder=tmp_path)
    yield opened
    await opened.close()


TYPES: list[tuple[str, Any, Any]] = [
    ("date", "2026-11-23", "2026-11-23"),
    ("timestamptz", "2026-11-23T01:02:03.5+07:00", "2026-11-22T18:02:03.5Z"),
    ("timestamp", "2026-11-23T01:02:03", "2026-11-23T01:02:03"),
    ("timestamptz", "infinity", "infinity"),
    ("time", "01:02:03", "01:02:03"),
    ("numeric", "12345678901234567890.10", "12345678901234567890.10"),
    ("numeric", 1.5, "1.5"),
    ("bigint", 2**53 + 1, str(2**53 + 1)),
    ("integer", 7, 7),
    ("integer", "7", 7),
    ("double precision", 1.25, 1.25),
    ("double precision", "NaN", "NaN"),
    ("boolean", True, True),
    ("uuid", "0190a0c0-0000-7000-8000-000000000001", "0190a0c0-0000-7000-8000-000000000001"),
    ("jsonb", {"a": [1, None, "đ"]}, {"a": [1, None, "đ"]}),
    ("json", [1, 2], [1, 2]),
    ("inet", "10.0.0.1", "10.0.0.1"),
    ("bytea", "\\x00ff", "AP8="),
    ("text", None, None),
    ("interval", "1 day 02:00:00", "1 day 02:00:00"),
]


@pytest.mark.parametrize(("kind", "given", "wanted"), TYPES, ids=[f"{kind}-{given}" for kind, given, _ in TYPES])
async def test_a_json_value_goes_into_any_type_and_comes_back(
    databases: Databases, kind: str, given: Any, wanted: Any
) -> None:
    await databases.execute("db", f"CREATE TABLE t (value {kind})")
    await databases.execute("db", "INSERT INTO t VALUES (:value)", parameters={"value": given})
    assert (await databases.execute("db", "SELECT value FROM t")).rows == [{"value": wanted}]


@pytest.mark.requirement("H4.2")
async def test_a_parameter_may_be_cast(databases: Databases) -> None:
    found = await databases.execute("db", "SELECT :id::int + 1 AS a", parameters={"id": "4"})
    assert found.rows == [{"a": 5}]


async def test_arrays_and_enums_come_back_as_json(databases: Databases) -> None:
    await databases.execute("db", "CREATE TYPE mood AS ENUM ('sad', 'glad')")
    query = "SELECT ARRAY[[1, 2], [3, 4]] AS a, ARRAY['x', NULL] AS t, 'glad'::mood AS m, NULL AS n"
    assert (await databases.execute("db", query)).rows == [
        {"a": [[1, 2], [3, 4]], "t": ["x", None], "m": "glad", "n": None}
    ]
    found = await databases.execute("db", "SELECT 2 = ANY(CAST(:list AS int[])) AS yes", parameters={"list": [1, 2]})
    assert found.rows == [{"yes": True}]


@pytest.mark.parametrize("value", ["int4range(1, 5)", "ROW(1, 'x')"])
async def test_a_type_that_json_has_no_word_for_asks_for_a_cast(databases: Databases, value: str) -> None:
    with pytest.raises(SqlError, match="cannot be carried") as caught:
        await databases.execute("db", f"SELECT {value} AS v")
    assert "CAST" in caught.value.hint
    assert (await databases.execute("db", f"SELECT CAST({value} AS TEXT) AS v")).row_count == 1


async def test_a_session_forgets_what_a_step_set(databases: Databases) -> None:
    for query in (
        "SET default_transaction_read_only = on",
        "SET ROLE pg_monitor",
        "SET search_path = nowhere",
        "CREATE TEMP TABLE mine (a int)",
        "SELECT pg_advisory_lock(7)",
        "LISTEN news",
    ):
        await databases.execute("db", query)
    query = """SELECT current_user::text = session_user::text AS own, current_setting('search_path') AS path,
        current_setting('default_transaction_read_only') AS ro, to_regclass('mine')::text AS temp,
        (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') AS locks"""
    rows = (await databases.execute("db", query)).rows
    assert rows == [{"own": True, "path": '"$user", public', "ro": "off", "temp": None, "locks": 0}]


@pytest.mark.parametrize(
    "attack",
    [
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "SELECT nextval('numbers')",
        "SELECT lo_create(0)",
        "COPY (SELECT 1) TO '/tmp/hengio-must-not-exist'",
        "COPY (SELECT 1) TO PROGRAM 'true'",
        "DO $$ BEGIN DELETE FROM goods; END $$",
        "CALL something()",
        "EXPLAIN ANALYZE DELETE FROM goods",
        "WITH gone AS (DELETE FROM goods RETURNING id) SELECT * FROM gone",
        "SELECT * FROM goods FOR UPDATE",
        "LOCK TABLE goods",
        "SELECT wiper()",
    ],
)
async def test_a_read_only_transaction_can_not_be_left(databases: Databases, attack: str) -> None:
    for query in (
        "CREATE TABLE goods (id int)",
        "INSERT INTO goods VALUES (1)",
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION wiper() RETURNS void LANGUAGE sql AS 'DELETE FROM goods'",
    ):
        await databases.execute("db", query)
    with pytest.raises(SqlError):
        await databases.execute("db", attack, read_only=True)
    assert (await databases.execute("db", "SELECT id FROM goods")).rows == [{"id": 1}]


async def test_an_error_names_the_line_and_the_word(databases: Databases) -> None:
    with pytest.raises(SqlError, match="line 2, near `absent`"):
        await databases.execute("db", "SELECT :a\nFROM absent", parameters={"a": 1})


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    databases = Databases({"db": f"postgresql://me:hunter22@127.0.0.1:{free_port()}/x"}, folder=tmp_path)
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await databases.execute("db", "SELECT 1")
    assert "hunter22" not in f"{caught.value}{caught.value.hint}"
    await databases.close()


async def test_a_wrong_password_is_refused_and_not_told(postgres_url: str, tmp_path: Path) -> None:
    parts = urlsplit(postgres_url)
    url = urlunsplit(parts._replace(netloc=f"{parts.username}:hunter22@{parts.hostname}:{parts.port}"))
    databases = Databases({"db": url}, folder=tmp_path)
    with pytest.raises(Refused, match="password authentication failed") as caught:
        await databases.execute("db", "SELECT 1")
    assert "hunter22" not in f"{caught.value}{caught.value.hint}"
    await databases.close()


async def test_a_connection_that_the_server_ended_is_unavailable_and_then_replaced(
    databases: Databases, postgres_url: str
) -> None:
    pid = (await databases.execute("db", "SELECT pg_backend_pid() AS pid")).rows[0]["pid"]
    with pytest.raises(Unavailable):
        await databases.execute("db", "SELECT pg_terminate_backend(pg_backend_pid())")
    again = (await databases.execute("db", "SELECT pg_backend_pid() AS pid")).rows[0]["pid"]
    assert again != pid
    outside = await asyncpg.connect(postgres_url)
    await outside.execute("SELECT pg_terminate_backend($1)", again)
    await outside.close()
    for _ in range(2):
        try:
            reply = await databases.execute("db", "SELECT 1 AS one")
        except Unavailable:
            continue
        assert reply.rows == [{"one": 1}]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("how", ["cancelled", "late"])
@pytest.mark.parametrize("query", ["SELECT pg_sleep(30)", "SELECT count(*) FROM generate_series(1, 1000000000)"])
async def test_a_statement_that_is_given_up_ends_on_the_server(
    databases: Databases, postgres_url: str, query: str, how: str
) -> None:
    outside = await asyncpg.connect(postgres_url)

    async def running() -> bool:
        own = "datname = current_database() AND state = 'active' AND pid <> pg_backend_pid()"
        return bool(await outside.fetchval(f"SELECT count(*) FROM pg_stat_activity WHERE {own}"))

    async def ended() -> bool:
        return not await running()

    late = 60 if how == "cancelled" else 0.5
    task = asyncio.create_task(databases.execute("db", query, timeout_seconds=late))
    if how == "cancelled":
        await eventually(running)
        task.cancel()
    with pytest.raises((asyncio.CancelledError, TimedOut)):
        await task
    await eventually(ended)
    await outside.close()


async def test_a_large_result_is_cut_off_before_it_fills_the_memory(databases: Databases) -> None:
    with pytest.raises(Refused, match="more than 10 rows"):
        await databases.execute("db", "SELECT generate_series(1, 1000000000)", max_rows=10, timeout_seconds=60)


COUNTED: list[tuple[str, int]] = [
    ("INSERT INTO goods VALUES (:id, :name)", 600),
    ("INSERT INTO goods VALUES (:id, :name); -- done", 600),
    ("INSERT INTO goods VALUES (:id / 2, :name) ON CONFLICT (id) DO NOTHING", 300),
    ("INSERT INTO goods VALUES (:id / 2, :name) ON CONFLICT (id) DO UPDATE SET name = 'again'", 600),
    ("WITH new AS (SELECT :id::int AS id) INSERT INTO goods SELECT id, 'new' FROM new WHERE id < 200", 200),
    ("UPDATE kept SET name = :name WHERE id < :id", sum(min(number, 5) for number in range(600))),
    ("DELETE FROM kept WHERE id = :id", 5),
    ("INSERT INTO suppressed VALUES (:id, :name)", 300),
    ("INSERT INTO ruled VALUES (:id, :name)", 0),
]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(("query", "affected"), COUNTED)
async def test_a_large_batch_counts_the_rows_that_changed(databases: Databases, query: str, affected: int) -> None:
    for made in (
        *(f"CREATE TABLE {name} (id int PRIMARY KEY, name text)" for name in ("goods", "kept", "suppressed")),
        "INSERT INTO kept SELECT n, 'old' FROM generate_series(0, 4) AS n",
        "CREATE VIEW ruled AS SELECT * FROM kept",
        "CREATE RULE nothing AS ON INSERT TO ruled DO INSTEAD NOTHING",
        "CREATE FUNCTION odd() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.id % 2 = 0 THEN RETURN NULL; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER odd BEFORE INSERT ON suppressed FOR EACH ROW EXECUTE FUNCTION odd()",
    ):
        await databases.execute("db", made)
    batch = [{"id": number, "name": f"n{number}"} for number in range(600)]
    assert (await databases.execute("db", query, batch=batch)).affected_rows == affected


@pytest.mark.requirement("H4.2")
async def test_a_large_batch_goes_in_few_messages_and_an_error_names_its_set(postgres_url: str, tmp_path: Path) -> None:
    parts = urlsplit(postgres_url)
    query = "INSERT INTO goods VALUES (:id)"
    async with proxied(parts.hostname or "", parts.port or 5432) as proxy:
        through = parts._replace(netloc=f"{parts.username}:{parts.password}@127.0.0.1:{proxy.port}")
        databases = Databases({"db": urlunsplit(through)}, folder=tmp_path)
        await databases.execute("db", "CREATE TABLE goods (id int PRIMARY KEY)")
        before = proxy.pieces
        await databases.execute("db", query, batch=[{"id": number} for number in range(2000)])
        assert proxy.pieces - before < 200
        for wrong, words in ((1500, "duplicate key"), ("\0", "a value does not fit")):
            batch = [{"id": wrong if number == 777 else 5000 + number} for number in range(1000)]
            with pytest.raises(SqlError, match=rf"batch\[777\]: {words}"):
                await databases.execute("db", query, batch=batch)
        assert (await databases.execute("db", "SELECT count(*) AS c FROM goods")).rows == [{"c": 2000}]
        await databases.close()
