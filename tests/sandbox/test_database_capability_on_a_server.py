"""What a module tries on a real PostgreSQL, as its superuser: nothing changes, nothing leaks, nothing stays.

Each text is tried as a module's, with both permissions, and past the parser in a read-only transaction of the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hengio import codec
from hengio.errors import HengioError
from hengio.model.grant import Grant
from hengio.sandbox.host.database import DatabaseCapability
from hengio.sandbox.host.outside import Scope
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.targets.databases import Databases

READ, WRITE = Grant("database:read", "shop"), Grant("database:write", "shop")
SETUP = """
CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO goods VALUES (1, 'tea'), (2, 'rice');
CREATE SEQUENCE numbers;
CREATE FUNCTION sweep() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM goods; RETURN 1; END $$;
CREATE FUNCTION leave() RETURNS int LANGUAGE plpgsql AS $$
  BEGIN SET TRANSACTION READ WRITE; DELETE FROM goods; RETURN 1; END $$;
CREATE FUNCTION settle() RETURNS int LANGUAGE plpgsql AS $$ BEGIN COMMIT; DELETE FROM goods; RETURN 1; END $$;
CREATE FUNCTION patience() RETURNS int LANGUAGE plpgsql AS $$
  BEGIN PERFORM set_config('statement_timeout', '0', false); PERFORM pg_sleep(60); RETURN 1; END $$;
CREATE FUNCTION traces() RETURNS int LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_lock(4711);
    CREATE TEMP TABLE kept AS SELECT 1 AS x;
    PERFORM set_config('search_path', 'pg_temp', false);
    PERFORM set_config('role', 'pg_monitor', false);
    RETURN 1;
  END $$;
CREATE PROCEDURE sweeping() LANGUAGE sql AS 'DELETE FROM goods';
"""


@pytest.fixture
async def databases(postgres_url: str, tmp_path: Path) -> AsyncIterator[Databases]:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute(SETUP)
    await connection.close()
    made = Databases({"shop": postgres_url}, folder=tmp_path)
    yield made
    await made.close()


async def ask(databases: Databases, query: str, *grants: Grant, seconds: float = 5.0) -> tuple[Answered, Any]:
    request = codec.encode({"connection": "shop", "query": query})
    asked = Ask(function="db_query", request=request, number=1, seconds_left=seconds)
    answer = await DatabaseCapability(databases).answer(asked, Scope(layers=(grants,), key="k"))
    return answer, codec.decode(answer.reply)


async def state(postgres_url: str) -> list[Any]:
    """All that a module could have changed, seen by a session of its own."""
    connection = await asyncpg.connect(postgres_url)
    try:
        return [
            await connection.fetch("SELECT id, name FROM goods ORDER BY id"),
            await connection.fetch("SELECT relname FROM pg_class WHERE relkind IN ('r', 'S') ORDER BY 1"),
            await connection.fetch(
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
            ),
            await connection.fetchval("SELECT is_called FROM numbers"),
            await connection.fetchval("SELECT count(*) FROM pg_largeobject_metadata"),
        ]
    finally:
        await connection.close()


TRIES = [
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET transaction_read_only = off",
    "SET LOCAL ROLE pg_monitor",
    "RESET ROLE",
    "COMMIT",
    "COMMIT AND CHAIN",
    "ROLLBACK",
    "END",
    "BEGIN READ WRITE",
    "SAVEPOINT a",
    "SELECT 1; COMMIT; DELETE FROM goods",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "WITH x AS (SELECT set_config('transaction_read_only', 'off', true)) SELECT sweep() FROM x",
    "UPDATE pg_settings SET setting = 'off' WHERE name = 'transaction_read_only'",
    "UPDATE pg_settings SET setting = 'pg_monitor' WHERE name = 'role'",
    "DO $$ BEGIN DELETE FROM goods; END $$",
    "CALL sweeping()",
    "COPY goods TO PROGRAM 'touch {folder}/ran'",
    "COPY (SELECT 1) TO '{folder}/written'",
    "COPY goods FROM PROGRAM 'echo 3,salt' WITH (FORMAT csv)",
    "SELECT pg_read_file('{folder}/secret')",
    "SELECT U&\"pg\\005fread_file\"('{folder}/secret')",
    "SELECT TREAT('{folder}/secret' AS pg_read_file)",
    "SELECT * FROM ts_stat('SELECT to_tsvector(pg_read_file(''{folder}/secret''))')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(pg_read_file(''{folder}/secret''))')",
    "SELECT 1 --\r, pg_read_file('{folder}/secret')",
    "SELECT lo_import('{folder}/secret')",
    "SELECT lo_create(0)",
    "SELECT nextval('numbers')",
    "SELECT setval('numbers', 9)",
    "EXPLAIN ANALYZE DELETE FROM goods",
    "SELECT * INTO copied FROM goods",
    "CREATE TABLE x (a int)",
    "CREATE TEMP TABLE x (a int)",
    "TRUNCATE goods",
    "DROP FUNCTION sweep",
    "ALTER ROLE pg_monitor SUPERUSER",
    "GRANT ALL ON goods TO pg_monitor",
    "LOCK TABLE goods",
    "SELECT pg_advisory_lock(4711)",
    "SELECT * FROM goods FOR UPDATE",
    "LISTEN x",
    "NOTIFY x",
    "PREPARE p AS DELETE FROM goods",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "DISCARD ALL",
    "VACUUM",
    "CHECKPOINT",
    "LOAD 'plpgsql'",
    "REINDEX TABLE goods",
    "SHOW data_directory",
]


@pytest.mark.requirement("R3.4", "R4.7")
@pytest.mark.parametrize("text", TRIES)
async def test_what_a_module_may_not_do_is_not_done_by_either_half(
    databases: Databases, postgres_url: str, tmp_path: Path, text: str
) -> None:
    folder = tmp_path / "files"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (folder / "secret").write_text("secret")
    before = await state(postgres_url)
    query = text.replace("{folder}", str(folder))
    answer, reply = await ask(databases, query, READ, WRITE)
    assert answer.status is Status.INVALID_REQUEST, reply
    with suppress(HengioError):
        await databases.execute("shop", query, read_only=True)
    assert await state(postgres_url) == before
    assert [path.name for path in folder.iterdir()] == ["secret"]


@pytest.mark.requirement("R4.3", "R4.7")
@pytest.mark.parametrize("call", ["sweep()", "leave()", "settle()"])
async def test_a_function_of_the_database_changes_nothing_for_who_may_only_read(
    databases: Databases, postgres_url: str, call: str
) -> None:
    before = await state(postgres_url)
    for text in (f"SELECT {call}", f"WITH x AS MATERIALIZED (SELECT {call} AS y) SELECT y FROM x"):
        answer, reply = await ask(databases, text, READ, WRITE)
        assert answer.status is Status.FAILED, reply
    assert await state(postgres_url) == before


@pytest.mark.requirement("R4.4", "R4.7")
@pytest.mark.parametrize(
    "text",
    [
        "WITH gone AS (DELETE FROM goods RETURNING *) SELECT * FROM gone",
        "WITH x AS (UPDATE goods SET name = 'x') SELECT 1",
        "MERGE INTO goods USING goods AS g ON goods.id = g.id WHEN MATCHED THEN DELETE",
    ],
)
async def test_a_change_inside_a_query_needs_the_permission_to_write(
    databases: Databases, postgres_url: str, text: str
) -> None:
    before = await state(postgres_url)
    answer, _ = await ask(databases, text, READ)
    assert answer.denied == WRITE
    with suppress(HengioError):
        await databases.execute("shop", text, read_only=True)
    assert await state(postgres_url) == before
    assert (await ask(databases, text, READ, WRITE))[0].wrote
    assert await state(postgres_url) != before


async def sleeping(postgres_url: str) -> int:
    connection = await asyncpg.connect(postgres_url)
    try:
        found: int = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"
        )
        return found
    finally:
        await connection.close()


@pytest.mark.requirement("R3.3", "R4.3")
@pytest.mark.parametrize("text", ["SELECT pg_sleep(60)", "SELECT patience()"])
async def test_a_sleep_ends_with_the_call_and_frees_its_connection(
    databases: Databases, postgres_url: str, text: str
) -> None:
    answers = await asyncio.gather(*(ask(databases, text, READ, seconds=0.5) for _ in range(10)))
    assert {answer.status for answer, _ in answers} == {Status.DEADLINE}
    assert await sleeping(postgres_url) == 0
    assert (await ask(databases, "SELECT 1 AS n", READ))[1]["rows"] == [{"n": 1}]


@pytest.mark.requirement("R4.7")
async def test_locks_temporary_tables_roles_and_settings_do_not_outlive_a_request(
    databases: Databases, postgres_url: str
) -> None:
    everything = "SELECT traces(), name FROM goods WHERE id = 1"
    answer, reply = await ask(databases, everything, READ)
    assert answer.status is Status.FAILED, reply  # CREATE in a read-only transaction
    change = "INSERT INTO goods SELECT 3, traces()::text"
    answer, reply = await ask(databases, change, READ, WRITE)
    assert answer.status is Status.OK, reply
    for _ in range(3):
        answer, reply = await ask(databases, "SELECT current_user AS who, to_regclass('kept') AS kept", READ)
        assert (reply["rows"][0]["who"], reply["rows"][0]["kept"]) == ("postgres", None)
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == 0
    await connection.close()
