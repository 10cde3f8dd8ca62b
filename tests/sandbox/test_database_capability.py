"""`db_query` on real databases: what is a query, what changes rows, and what is neither."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from hengio.errors import HengioError, Refused
from hengio.model.grant import Grant
from hengio.sandbox.host import statement
from hengio.sandbox.host.database import DatabaseCapability
from hengio.sandbox.host.outside import Scope
from hengio.sandbox.protocol import Answered, Ask, Status
from hengio.targets.databases import Databases
from hengio.targets.statement import Work

READ, WRITE = Grant("database:read", "shop"), Grant("database:write", "shop")


SETUP = (
    "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TABLE staff (name TEXT, salary INTEGER)",
    "INSERT INTO goods VALUES (1, 'tea'), (2, 'rice')",
    "INSERT INTO staff VALUES ('An', 100)",
)


@pytest.fixture(params=["on_sqlite", "on_server"])
async def databases(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Databases]:
    """`shop` on SQLite, and on a real PostgreSQL."""
    url = "sqlite:///shop.db" if request.param == "on_sqlite" else request.getfixturevalue("postgres_url")
    made = Databases({"shop": url}, folder=tmp_path)
    work = [Work(text, [{}]) for text in SETUP]
    await made.transact("shop", work, read_only=False, max_rows=0, timeout_seconds=10)
    yield made
    await made.close()


ON_SQLITE = pytest.mark.parametrize("databases", ["on_sqlite"], indirect=True)


async def ask(
    databases: Databases, request: dict[str, Any], *grants: Grant, rows: int = 100, layers: Any = None
) -> tuple[Answered, Any]:
    scope = Scope(layers=layers or (grants,), key="k", database_rows=rows)
    asked = Ask(function="db_query", request=codec.encode(request), number=1, seconds_left=5.0)
    answer = await DatabaseCapability(databases).answer(asked, scope)
    return answer, codec.decode(answer.reply)


def query(text: str, parameters: Any = None) -> dict[str, Any]:
    return {"connection": "shop", "query": text, "parameters": parameters}


async def goods(databases: Databases) -> list[str]:
    return [row["name"] for row in (await databases.execute("shop", "SELECT name FROM goods ORDER BY id")).rows]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.requirement("R4.3", "R5.5")
async def test_a_granted_query_returns_its_rows(databases: Databases) -> None:
    answer, reply = await ask(databases, query("SELECT name FROM goods WHERE id = :id", {"id": 2}), READ)
    assert (answer.status, answer.wrote) == (Status.OK, False)
    assert reply == {"rows": [{"name": "rice"}], "row_count": 1, "affected_rows": 0}


@pytest.mark.requirement("R4.7", "R4.8")
async def test_without_a_grant_not_even_the_connections_existence_is_told(databases: Databases) -> None:
    for connection in ("shop", "missing"):
        answer, _ = await ask(databases, {"connection": connection, "query": "SELECT 1"}, Grant("database:read", "x"))
        assert answer.status is Status.PERMISSION_DENIED
        assert answer.denied == Grant("database:read", connection)


@pytest.mark.requirement("R4.4", "R4.7")
async def test_changing_rows_needs_a_grant_of_its_own(databases: Databases) -> None:
    change = query("INSERT INTO goods VALUES (3, :name)", {"name": "salt'; DROP TABLE goods; --"})
    answer, _ = await ask(databases, change, READ)
    single = "/main.goods" if databases.dialect("shop") == "sqlite" else ""
    assert answer.denied == Grant("database:write", f"shop{single}")
    assert await goods(databases) == ["tea", "rice"]
    answer, reply = await ask(databases, change, answer.denied)
    assert (answer.status, answer.wrote, reply["affected_rows"]) == (Status.OK, True, 1)
    assert (await goods(databases))[2] == "salt'; DROP TABLE goods; --"


@pytest.mark.requirement("R4.7")
async def test_every_layer_must_allow_a_statement(databases: Databases) -> None:
    change = query("DELETE FROM goods")
    both = (READ, WRITE)
    for layers in (both, (READ,)), ((READ,), both), (both, ()), ((), both), ((), ()):
        answer, _ = await ask(databases, change, layers=layers)
        assert (answer.status, answer.left_out) == (Status.PERMISSION_DENIED, layers[0] is both)


async def test_statements_run_in_one_transaction(databases: Databases) -> None:
    request = {
        "connection": "shop",
        "statements": [
            {"query": "INSERT INTO goods VALUES (3, ?)", "parameters": ["salt"]},
            {"query": "SELECT count(*) AS n FROM goods"},
        ],
    }
    answer, reply = await ask(databases, request, READ, WRITE)
    assert (answer.status, [one["rows"] for one in reply]) == (Status.OK, [[], [{"n": 3}]])
    request["statements"].append({"query": "INSERT INTO goods VALUES (1, 'twice')"})  # type: ignore[attr-defined]
    request["statements"][0] = {"query": "INSERT INTO goods VALUES (4, 'oil')"}  # type: ignore[index]
    answer, reply = await ask(databases, request, READ, WRITE)
    assert answer.status is Status.FAILED
    assert "statements[2]" in reply["message"] or "unique" in reply["message"].lower()
    assert await goods(databases) == ["tea", "rice", "salt"]


@ON_SQLITE
async def test_a_table_grant_is_held_to_by_parser_and_database(databases: Databases) -> None:
    only = Grant("database:read", "shop/main.goods")
    assert (await ask(databases, query("SELECT * FROM goods"), only))[0].status is Status.OK
    answer, _ = await ask(databases, query("SELECT * FROM staff"), only)
    assert answer.denied == Grant("database:read", "shop/main.staff")
    answer, _ = await ask(databases, query("SELECT name FROM goods WHERE 100 < (SELECT max(salary) FROM staff)"), only)
    assert answer.denied == Grant("database:read", "shop/main.staff")
    with pytest.raises(Refused):  # what the parser would have missed
        await databases.transact(
            "shop",
            [Work("SELECT * FROM staff", [{}])],
            read_only=True,
            max_rows=10,
            timeout_seconds=5,
            tables=frozenset({"goods"}),
        )


async def test_more_rows_than_allowed_are_refused(databases: Databases) -> None:
    answer, _ = await ask(databases, query("SELECT * FROM goods"), READ, rows=1)
    assert answer.status is Status.LIMIT_EXCEEDED


async def test_a_query_ends_with_the_call(databases: Databases) -> None:
    endless = query("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT max(n) FROM c")
    scope = Scope(layers=((READ,),), key="k")
    asked = Ask(function="db_query", request=codec.encode(endless), number=1, seconds_left=0.2)
    assert (await DatabaseCapability(databases).answer(asked, scope)).status is Status.DEADLINE


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"connection": "shop"},
        {"connection": "shop", "query": "SELECT 1", "statements": []},
        {"connection": "shop", "statements": []},
        {"connection": "shop", "query": 5},
        {"connection": "a b", "query": "SELECT 1"},
        {"connection": "shop/main.goods", "query": "SELECT 1"},
        {"connection": "shop", "query": "SELECT 1", "url": "sqlite:////etc/passwd"},
        {"connection": "shop", "query": "SELECT 1; SELECT 2"},
        {"connection": "shop", "query": "SELEKT 1"},
        {"connection": "shop", "query": ""},
        {"connection": "shop", "query": "SELECT :a", "parameters": {}},
    ],
)
async def test_a_request_that_is_not_in_order_is_an_ordinary_answer(
    databases: Databases, request_: dict[str, Any]
) -> None:
    answer, reply = await ask(databases, request_, READ, WRITE)
    assert (answer.status, reply["code"]) == (Status.INVALID_REQUEST, "invalid_request")


NEVER_IN_SQLITE = [
    "PRAGMA query_only = OFF",
    "PRAGMA writable_schema = 1",
    "ATTACH 'elsewhere.db' AS elsewhere",
    "ATTACH DATABASE '/etc/passwd' AS p",
    "DETACH main",
    "VACUUM INTO 'copy.db'",
    "VACUUM",
    "BEGIN",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "CREATE TABLE x (a)",
    "CREATE TEMP TABLE x AS SELECT * FROM goods",
    "DROP TABLE goods",
    "ALTER TABLE goods RENAME TO x",
    "CREATE TRIGGER t AFTER INSERT ON goods BEGIN DELETE FROM staff; END",
    "REINDEX",
    "ANALYZE",
    "SELECT load_extension('x')",
    "SELECT writefile('x', 'y')",
    "SELECT 1; DROP TABLE goods",
    "SELECT 1 /* ; */; DELETE FROM goods",
    "/* SELECT */ DROP TABLE goods",
    "EXPLAIN DELETE FROM goods",
]


@ON_SQLITE
@pytest.mark.requirement("R3.4", "R4.7")
@pytest.mark.parametrize("text", NEVER_IN_SQLITE)
async def test_what_is_no_query_and_no_change_of_rows_is_refused_by_both_halves(
    databases: Databases, tmp_path: Path, text: str
) -> None:
    answer, _ = await ask(databases, query(text), READ, WRITE)
    assert answer.status in {Status.INVALID_REQUEST, Status.FAILED, Status.PERMISSION_DENIED}
    for read_only in (True, False):
        if read_only or not re.search("CREATE|DROP|ALTER|REINDEX|ANALYZE|EXPLAIN", text):  # which a job's step may
            with suppress(HengioError):  # the database's own half, without the parser
                await databases.execute("shop", text, read_only=read_only)
    assert await goods(databases) == ["tea", "rice"]
    assert names(tmp_path) <= {"shop.db", "shop.db-shm", "shop.db-wal"}


NEVER_IN_POSTGRES = [
    "SET ROLE postgres",
    "SET SESSION AUTHORIZATION DEFAULT",
    "RESET ALL",
    "COPY goods TO PROGRAM 'id'",
    "COPY goods TO '/tmp/x'",
    "COPY (SELECT 1) TO STDOUT",
    "SELECT * INTO x FROM goods",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_catalog.pg_read_file('/etc/passwd')",
    "SELECT \"pg_read_file\"('/etc/passwd')",
    "SELECT PG_READ_FILE('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT lo_export(1, '/tmp/x')",
    "SELECT * FROM dblink('host=10.0.0.1', 'SELECT 1') AS t(a int)",
    "SELECT pg_terminate_backend(1)",
    "SELECT pg_advisory_lock(1)",
    "SELECT set_config('role', 'postgres', false)",
    "SELECT nextval('s')",
    "SELECT query_to_xml('SELECT 1', true, true, '')",
    "SELECT * FROM goods FOR UPDATE",
    "SELECT * FROM goods FOR SHARE",
    "DO $$ BEGIN DELETE FROM goods; END $$",
    "CALL p()",
    "LISTEN x",
    "NOTIFY x",
    "LOCK TABLE goods",
    "TRUNCATE goods",
    "GRANT ALL ON goods TO PUBLIC",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "DECLARE c CURSOR FOR SELECT 1",
    "BEGIN; DELETE FROM goods",
    "COMMIT",
    "EXPLAIN ANALYZE DELETE FROM goods",
    "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "SELECT 1; DELETE FROM goods",
    "SELECT U&\"pg\\005fread_file\"('/etc/passwd')",
    "SELECT u&'x'",
    "SELECT 1 --\r, pg_read_file('/etc/passwd')",
    "SELECT TREAT('/etc/passwd' AS pg_read_file)",
    "SELECT * FROM ts_stat('SELECT to_tsvector(pg_read_file(''/etc/passwd''))')",
    "SELECT ts_rewrite('a'::tsquery, 'SELECT ''a''::tsquery, to_tsquery(pg_read_file(''/etc/passwd''))')",
    "SELECT query_to_xml_and_xmlschema('SELECT 1', true, true, '')",
    "SELECT pg_export_snapshot()",
    "SELECT current_setting('data_directory')",
    "SELECT * FROM pg_authid",
    "SELECT * FROM pg_catalog.pg_stat_activity",
    "TABLE pg_shadow",
    "SELECT * FROM pg_authid, (WITH pg_authid AS (SELECT 1) SELECT 1) AS hidden",
    "UPDATE pg_settings SET setting = 'off' WHERE name = 'transaction_read_only'",
]


@pytest.mark.requirement("R3.4", "R4.7")
@pytest.mark.parametrize("text", NEVER_IN_POSTGRES)
def test_what_leaves_a_postgresql_database_or_its_session_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        statement.read(text, "postgres")


@pytest.mark.parametrize(
    ("text", "writes", "tables"),
    [
        ("SELECT a::text FROM s.goods WHERE b = $1", False, {("s", "goods")}),
        ("WITH x AS (SELECT 1) SELECT * FROM x JOIN goods USING (id)", False, {("", "goods")}),
        ("SELECT 1 UNION SELECT 2", False, set()),
        ("SELECT pg_typeof(1), E'\\', pg_read_file(1) --'", False, set()),
        ("SELECT * FROM information_schema.tables", False, {("information_schema", "tables")}),
        ("VALUES (1), (2)", False, set()),
        ("INSERT INTO goods VALUES (:a) ON CONFLICT DO NOTHING RETURNING id", True, {("", "goods")}),
        ("UPDATE goods SET a = 1 FROM staff WHERE true", True, {("", "goods"), ("", "staff")}),
        ("WITH x AS (DELETE FROM goods RETURNING *) SELECT * FROM x", True, {("", "goods")}),
        ("SELECT * FROM goods WHERE note = 'DROP TABLE goods; --'", False, {("", "goods")}),
    ],
)
def test_a_statement_is_known_by_what_it_does(text: str, writes: bool, tables: set[tuple[str, str]]) -> None:
    read = statement.read(text, "postgres")
    assert (read.writes, set(read.tables)) == (writes, tables)
