"""MariaDB behind a connection: types, sessions that forget, statements that end, and what is tried again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest

from hengio.errors import Refused, Unavailable
from hengio.targets.databases import Databases
from hengio.targets.reply import Busy, SqlError, TimedOut, TooManyRows
from tests.support.mysql import MysqlServer, run
from tests.support.processes import free_port
from tests.support.waiting import eventually


@pytest.fixture
async def databases(mysql_url: str, tmp_path: Path) -> AsyncIterator[Databases]:
    opened = Databases({"db": mysql_url}, folder=tmp_path)
    yield opened
    await opened.close()


async def rows(databases: Databases, query: str, **options: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await databases.execute("db", query, **options)).rows
    return found


TYPES: list[tuple[str, Any, Any]] = [
    ("DATE", "2026-11-23", "2026-11-23"),
    ("DATETIME(1)", "2026-11-23T01:02:03.5", "2026-11-23T01:02:03.5"),
    ("TIMESTAMP NULL", "2026-11-23T01:02:03", "2026-11-23T01:02:03Z"),
    ("TIME", "-838:59:59", "-838:59:59"),
    ("YEAR", 2026, 2026),
    ("DECIMAL(30,2)", "12345678901234567890.10", "12345678901234567890.10"),
    ("DECIMAL(30,2)", 1.5, "1.50"),
    ("BIGINT", 2**53 + 1, str(2**53 + 1)),
    ("BIGINT UNSIGNED", 2**64 - 1, str(2**64 - 1)),
    ("BIGINT", -(2**63), str(-(2**63))),
    ("INT", -7, -7),
    ("INT", "7", 7),
    ("DOUBLE", 1.25, 1.25),
    ("DOUBLE", -1e300, -1e300),
    ("BOOLEAN", True, 1),
    ("BIT(12)", 2049, 2049),
    ("BIT(64)", 2**63 + 1, str(2**63 + 1)),
    ("SET('a','b','c')", "a,c", "a,c"),
    ("ENUM('sad','glad')", "glad", "glad"),
    ("JSON", {"a": [1, None, "đ"]}, '{"a":[1,null,"đ"]}'),
    ("VARBINARY(9)", "ăb", "xINi"),
    ("BLOB", None, None),
    ("TEXT", "", ""),
    ("TEXT", "📦 'x' \\' \" % %s \n \x00 \x1a", "📦 'x' \\' \" % %s \n \x00 \x1a"),
    ("UUID", "0190a0c0-0000-7000-8000-000000000001", "0190a0c0-0000-7000-8000-000000000001"),
    ("POINT", None, None),
]


@pytest.mark.parametrize(("kind", "given", "wanted"), TYPES, ids=[ascii((kind, given)) for kind, given, _ in TYPES])
async def test_a_json_value_goes_into_any_type_and_comes_back(
    databases: Databases, kind: str, given: Any, wanted: Any
) -> None:
    await databases.execute("db", f"CREATE TABLE t (value {kind})")
    await databases.execute("db", "INSERT INTO t VALUES (:value)", parameters={"value": given})
    assert await rows(databases, "SELECT value FROM t") == [{"value": wanted}]


async def test_a_percent_sign_of_the_statement_is_left_alone(databases: Databases) -> None:
    query = "SELECT 'a%b' LIKE 'a%%b' AS x, 7 % 4 AS y, DATE_FORMAT('2026-01-02', '%d.%m.') AS z, :n AS n -- %s ?"
    assert await rows(databases, query, parameters={"n": "%s"}) == [{"x": 1, "y": 3, "z": "02.01.", "n": "%s"}]


@pytest.mark.requirement("H4.2", "R13.3")
@pytest.mark.parametrize("mode", ["NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", ""])
@pytest.mark.parametrize("attack", ["\\' OR 1=1 -- ", "' OR '1'='1", '" OR 1=1 #', "\\", "%' OR 1=1", "\u00bf' OR 1=1"])
async def test_no_setting_of_the_session_lets_a_value_be_read_as_sql(
    databases: Databases, mysql_url: str, mode: str, attack: str
) -> None:
    await run(
        mysql_url,
        "CREATE TABLE goods (name TEXT)",
        "INSERT INTO goods VALUES ('kept')",
        f"CREATE FUNCTION turn() RETURNS INT DETERMINISTIC BEGIN SET sql_mode = '{mode}'; SET NAMES gbk; RETURN 1; END"
        if mode
        else "CREATE FUNCTION turn() RETURNS INT DETERMINISTIC RETURN 1",
    )
    batch = [{"name": "x", "turned": 1}, {"name": attack, "turned": 1}]
    query = "DELETE FROM goods WHERE name = :name AND turn() = :turned"
    try:
        assert (await databases.execute("db", query, batch=batch)).affected_rows == 0
    except SqlError:
        assert mode  # a function may not change the character set
    assert await rows(databases, "SELECT name FROM goods") == [{"name": "kept"}]


async def test_a_session_forgets_what_a_step_set(databases: Databases, mysql_url: str) -> None:
    await run(mysql_url, "CREATE TABLE goods (a INT)")
    database = urlsplit(mysql_url).path[1:]
    for query in (
        "SET autocommit = 0",
        "SET sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'",
        "SET NAMES gbk",
        "SET time_zone = '+07:00'",
        "SET SESSION TRANSACTION READ ONLY",
        "SET @mine = 5",
        "SET foreign_key_checks = 0",
        "CREATE TEMPORARY TABLE mine (a INT)",
        "SELECT GET_LOCK('mine', 0)",
        "LOCK TABLES goods WRITE",
        "USE information_schema",
        "PREPARE own FROM 'SELECT 1'",
    ):
        await databases.execute("db", query)
    query = """SELECT @mine AS mine, @@sql_mode LIKE '%BACKSLASH%' AS mode, @@time_zone AS zone, DATABASE() AS db,
        @@character_set_client AS client, @@foreign_key_checks AS checks, @@autocommit AS auto,
        IS_USED_LOCK('mine') AS l"""
    wanted = {"mine": None, "mode": 0, "zone": "+00:00", "db": database, "client": "utf8mb4", "checks": 1}
    for _ in range(2):
        assert await rows(databases, query) == [{**wanted, "auto": 1, "l": None}]
    with pytest.raises(SqlError, match="mine"):
        await databases.execute("db", "SELECT * FROM mine")
    with pytest.raises(SqlError, match="own"):
        await databases.execute("db", "EXECUTE own")
    await asyncio.gather(*(databases.execute("db", "INSERT INTO goods VALUES (1)") for _ in range(4)))


async def test_a_session_forgets_its_role(databases: Databases, mysql_server: MysqlServer) -> None:
    mysql_server.run("CREATE OR REPLACE ROLE narrow")
    await databases.execute("db", "SET ROLE narrow")
    assert await rows(databases, "SELECT CURRENT_ROLE() AS role") == [{"role": None}]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    "attack",
    [
        "SET TRANSACTION READ WRITE",
        "COMMIT AND CHAIN",
        "SELECT * FROM goods INTO OUTFILE '/tmp/hengio-must-not-exist'",
        "SELECT 1 INTO DUMPFILE '/tmp/hengio-must-not-exist'",
        "SELECT 1 INTO @x",
        "SELECT 1 /*!INTO OUTFILE '/tmp/hengio-must-not-exist' */",
        "/*! DELETE FROM goods */",
        "SELECT wiper()",
        "CALL wiping()",
        "SELECT NEXTVAL(numbers)",
        "ANALYZE DELETE FROM goods",
        "DO wiper()",
        "HANDLER goods OPEN",
        "LOCK TABLES goods WRITE",
        "TRUNCATE goods",
        "REPLACE INTO goods VALUES (2)",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE goods",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE goods",
        "SET STATEMENT tx_read_only = 0 FOR DELETE FROM goods",
        "EXECUTE IMMEDIATE 'DELETE FROM goods'",
        "BEGIN NOT ATOMIC DELETE FROM goods; END",
        "FLUSH TABLES",
        "KILL 1",
    ],
)
async def test_a_read_only_transaction_can_not_be_left(databases: Databases, mysql_url: str, attack: str) -> None:
    await run(
        mysql_url,
        "CREATE TABLE goods (id INT)",
        "INSERT INTO goods VALUES (1)",
        "CREATE SEQUENCE numbers",
        "CREATE FUNCTION wiper() RETURNS INT DETERMINISTIC BEGIN DELETE FROM goods; RETURN 1; END",
        "CREATE PROCEDURE wiping() DELETE FROM goods",
    )
    with pytest.raises(SqlError):
        await databases.execute("db", attack, read_only=True)
    assert await rows(databases, "SELECT id FROM goods") == [{"id": 1}]
    assert (await run(mysql_url, "SELECT NEXTVAL(numbers)"))[0][0] == 1


@pytest.mark.requirement("H4.2")
async def test_local_files_and_several_statements_are_refused(databases: Databases, mysql_url: str) -> None:
    await run(mysql_url, "CREATE TABLE goods (name TEXT)")
    with pytest.raises(SqlError):
        await databases.execute("db", "LOAD DATA LOCAL INFILE '/etc/hostname' INTO TABLE goods")
    with pytest.raises(SqlError, match="DELETE"):
        await databases.execute("db", "SELECT 1; DELETE FROM goods")


async def running(server: MysqlServer, url: str) -> int:
    """How many statements run in the database, seen from another session."""
    query = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{urlsplit(url).path[1:]}'"
    return int((await run(server.url, f"{query} AND COMMAND <> 'Sleep'"))[0][0])


async def ended(server: MysqlServer, url: str) -> bool:
    return not await running(server, url)


HEAVY = {
    "sleep": "SELECT SLEEP(30)",
    "work": "SELECT COUNT(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b WHERE a.seq * b.seq % 7 = 8",
    "rows": "SELECT a.SEQ FROM seq_1_to_1000000 a, seq_1_to_1000000 b",
    "write": "INSERT INTO goods SELECT SLEEP(30)",
}


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("how", ["cancelled", "late"])
@pytest.mark.parametrize("query", HEAVY.values(), ids=HEAVY)
async def test_a_statement_that_is_given_up_ends_on_the_server(
    databases: Databases, mysql_server: MysqlServer, mysql_url: str, query: str, how: str
) -> None:
    await run(mysql_url, "CREATE TABLE goods (a INT)")
    started = databases.execute("db", query, max_rows=10**9, timeout_seconds=60 if how == "cancelled" else 0.5)
    task = asyncio.create_task(started)
    if how == "cancelled":
        await eventually(lambda: running(mysql_server, mysql_url))
        task.cancel()
    with pytest.raises((asyncio.CancelledError, TimedOut)):
        await task
    await eventually(lambda: ended(mysql_server, mysql_url))
    assert await rows(databases, "SELECT COUNT(*) AS c FROM goods") == [{"c": 0}]


async def test_a_large_result_is_cut_off_before_it_fills_the_memory(
    databases: Databases, mysql_server: MysqlServer, mysql_url: str
) -> None:
    with pytest.raises(TooManyRows, match="more than 10 rows"):
        await databases.execute("db", "SELECT seq FROM seq_1_to_1000000000", max_rows=10, timeout_seconds=60)
    await eventually(lambda: ended(mysql_server, mysql_url))
    with pytest.raises(TooManyRows, match="64 MiB"):
        await databases.execute("db", "SELECT REPEAT('x', 1000000) AS x FROM seq_1_to_1000", timeout_seconds=60)


async def test_an_error_names_the_line_and_the_word_and_no_value(databases: Databases) -> None:
    with pytest.raises(SqlError, match="line 2, near `WHERE`"):
        await databases.execute("db", "SELECT :a\nFROM WHERE x", parameters={"a": "hunter22"})
    for query in ("SELECT :a :a", "SELECT EXTRACTVALUE(1, CONCAT('~', :a))", "SELECT CAST(:a AS JSON) FROM x y z"):
        with pytest.raises(SqlError) as caught:
            await databases.execute("db", query, parameters={"a": "hunter22"})
        assert "hunter22" not in caught.value.message
        assert b"hunter22".hex() not in caught.value.message


async def test_a_lock_that_another_holds_is_worth_another_try(databases: Databases, mysql_url: str) -> None:
    await run(mysql_url, "CREATE TABLE goods (id INT PRIMARY KEY)", "INSERT INTO goods VALUES (1)")
    holding = asyncio.create_task(databases.execute("db", "UPDATE goods SET id = 2 + SLEEP(3)"))
    await asyncio.sleep(0.5)
    with pytest.raises(Busy, match="1205"):
        await databases.execute("db", "SELECT id FROM goods FOR UPDATE NOWAIT")
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding


async def test_a_server_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    databases = Databases({"db": f"mysql://me:hunter22@127.0.0.1:{free_port()}/x"}, folder=tmp_path)
    with pytest.raises(Unavailable, match="cannot be reached") as caught:
        await databases.execute("db", "SELECT 1")
    assert "hunter22" not in f"{caught.value}{caught.value.hint}"
    await databases.close()


@pytest.mark.parametrize(("part", "value"), [("password", "hunter22"), ("user", "nobody"), ("path", "absent")])
async def test_who_may_not_sign_in_is_refused_for_good(mysql_url: str, tmp_path: Path, part: str, value: str) -> None:
    parts = urlsplit(mysql_url)
    given = {"user": parts.username, "password": parts.password, "path": parts.path[1:]} | {part: value}
    netloc = f"{given['user']}:{given['password']}@{parts.hostname}:{parts.port}"
    databases = Databases({"db": urlunsplit(parts._replace(netloc=netloc, path=given["path"]))}, folder=tmp_path)
    with pytest.raises(Refused) as caught:
        await databases.execute("db", "SELECT 1")
    assert not isinstance(caught.value, Unavailable)
    assert "hunter22" not in f"{caught.value}{caught.value.hint}"
    await databases.close()


async def test_a_connection_that_the_server_ended_is_replaced(databases: Databases, mysql_url: str) -> None:
    (row,) = await rows(databases, "SELECT CONNECTION_ID() AS id")
    assert await rows(databases, "SELECT CONNECTION_ID() AS id") == [row]
    with pytest.raises(Unavailable):
        await databases.execute("db", "KILL CONNECTION_ID()")
    (again,) = await rows(databases, "SELECT CONNECTION_ID() AS id")
    await run(mysql_url, f"KILL {again['id']}")
    await asyncio.sleep(0.2)
    assert await rows(databases, "SELECT 1 AS one") == [{"one": 1}]


async def test_no_more_than_a_few_connections_are_opened(
    databases: Databases, mysql_server: MysqlServer, mysql_url: str
) -> None:
    await asyncio.gather(*(databases.execute("db", "SELECT SLEEP(0.05)") for _ in range(30)))
    query = f"SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = '{urlsplit(mysql_url).path[1:]}'"
    assert (await run(mysql_server.url, query))[0][0] <= 8
