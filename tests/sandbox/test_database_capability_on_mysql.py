"""What a module tries on a real MariaDB, with all privileges: nothing changes, nothing leaks, nothing stays.

Each text is tried as a module's, with both permissions, and past the parser in a read-only transaction of the database.
"""

from __future__ import annotations

import asyncio
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
from tests.support.mysql import run
from tests.support.waiting import eventually

READ, WRITE = Grant("database:read", "shop"), Grant("database:write", "shop")
SETUP = (
    "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)",
    "INSERT INTO goods VALUES (1, 'tea'), (2, 'rice')",
    "CREATE SEQUENCE numbers",
    "CREATE FUNCTION sweep() RETURNS INT DETERMINISTIC BEGIN DELETE FROM goods; RETURN 1; END",
    "CREATE FUNCTION patience() RETURNS INT DETERMINISTIC BEGIN DO SLEEP(60); RETURN 1; END",
    """CREATE FUNCTION traces() RETURNS INT DETERMINISTIC
    BEGIN
      DO GET_LOCK('kept', 0);
      SET @kept = 1, sql_mode = 'NO_BACKSLASH_ESCAPES', time_zone = '+07:00';
      RETURN 1;
    END""",
    "CREATE PROCEDURE sweeping() DELETE FROM goods",
)


@pytest.fixture
async def databases(mysql_url: str, tmp_path: Path) -> AsyncIterator[Databases]:
    await run(mysql_url, *SETUP)
    made = Databases({"shop": mysql_url}, folder=tmp_path)
    yield made
    await made.close()


async def ask(databases: Databases, query: str, *grants: Grant, seconds: float = 5.0) -> tuple[Answered, Any]:
    request = codec.encode({"connection": "shop", "query": query})
    asked = Ask(function="db_query", request=request, number=1, seconds_left=seconds)
    answer = await DatabaseCapability(databases).answer(asked, Scope(layers=(grants,), key="k"))
    return answer, codec.decode(answer.reply)


async def state(url: str) -> list[Any]:
    """All that a module could have changed, seen by a session of its own."""
    return [
        await run(url, "SELECT id, name FROM goods ORDER BY id"),
        await run(url, "SHOW TABLES"),
        await run(url, "SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"),
        await run(url, "SELECT next_not_cached_value FROM numbers"),
        await run(url, "SELECT @@GLOBAL.read_only, @@GLOBAL.max_statement_time"),
    ]


TRIES = [
    "SET TRANSACTION READ WRITE",
    "SET SESSION TRANSACTION READ WRITE",
    "SET GLOBAL max_statement_time = 1",
    "SET @a = 1",
    "SET ROLE NONE",
    "SET STATEMENT max_statement_time = 0 FOR SELECT 1",
    "SELECT @a := 1",
    "SELECT @@datadir",
    "SELECT @@GLOBAL.secure_file_priv",
    "SELECT 1 INTO @a",
    "SELECT name INTO OUTFILE '{folder}/written' FROM goods",
    "SELECT name FROM goods INTO OUTFILE '{folder}/written'",
    "SELECT 1 INTO DUMPFILE '{folder}/written'",
    "SELECT 1 UNION SELECT 2 INTO OUTFILE '{folder}/written'",
    "SELECT * FROM (SELECT 1 INTO OUTFILE '{folder}/written') x",
    "SELECT 1 /*!INTO OUTFILE '{folder}/written' */",
    "SELECT 1 /*M!100000 INTO OUTFILE '{folder}/written' */",
    "SELECT 1 /*! , LOAD_FILE('{folder}/secret') */",
    "SELECT 1 --1 , LOAD_FILE('{folder}/secret')",
    "SELECT 1 -- \r, LOAD_FILE('{folder}/secret')",
    "SELECT 1 #\n, LOAD_FILE('{folder}/secret')",
    "SELECT '\\\\', LOAD_FILE('{folder}/secret') -- '",
    "SELECT LOAD_FILE('{folder}/secret')",
    "SELECT load_file ('{folder}/secret')",
    "SELECT `LOAD_FILE`('{folder}/secret')",
    "SELECT LOAD_FILE\n('{folder}/secret')",
    "SELECT LOAD_FILE/**/('{folder}/secret')",
    "LOAD DATA INFILE '{folder}/secret' INTO TABLE goods",
    "LOAD DATA LOCAL INFILE '{folder}/secret' INTO TABLE goods",
    "LOAD XML INFILE '{folder}/secret' INTO TABLE goods",
    "SELECT SLEEP(30)",
    "SELECT `sleep` (30)",
    "SELECT /*+ SET_VAR(max_execution_time=0) */ 1",
    "SELECT BENCHMARK(1000000000, MD5('a'))",
    "SELECT GET_LOCK('a', 0)",
    "SELECT RELEASE_ALL_LOCKS()",
    "SELECT MASTER_POS_WAIT('a', 1, 1)",
    "SELECT NEXTVAL(numbers)",
    "SELECT NEXT VALUE FOR numbers",
    "SELECT SETVAL(numbers, 100)",
    "SELECT * FROM mysql.user",
    "SELECT * FROM `mysql`.`user`",
    "SELECT * FROM mysql . global_priv",
    "SELECT * FROM information_schema.processlist",
    "SELECT * FROM INFORMATION_SCHEMA.`PROCESSLIST`",
    "SELECT * FROM information_schema.innodb_trx",
    "SELECT * FROM information_schema.user_privileges",
    "SELECT * FROM information_schema.global_variables",
    "SELECT * FROM performance_schema.threads",
    "SELECT * FROM sys.session",
    "SELECT sys.version_major()",
    "HANDLER goods OPEN",
    "CALL sweeping()",
    "DO sweep()",
    "SHOW TABLES",
    "SHOW GRANTS",
    "DESCRIBE goods",
    "EXPLAIN SELECT 1",
    "ANALYZE DELETE FROM goods",
    "EXECUTE IMMEDIATE 'DELETE FROM goods'",
    "PREPARE p FROM 'DELETE FROM goods'",
    "BEGIN NOT ATOMIC DELETE FROM goods; END",
    "SELECT 1; DELETE FROM goods",
    "BEGIN",
    "COMMIT",
    "XA START 'a'",
    "LOCK TABLES goods WRITE",
    "SELECT * FROM goods FOR UPDATE",
    "SELECT * FROM goods LOCK IN SHARE MODE",
    "TRUNCATE goods",
    "CREATE TABLE x (a INT)",
    "CREATE TEMPORARY TABLE x (a INT)",
    "DROP FUNCTION sweep",
    "RENAME TABLE goods TO x",
    "GRANT ALL ON *.* TO nobody",
    "FLUSH TABLES",
    "KILL 1",
    "SHUTDOWN",
    "INSTALL SONAME 'ha_archive'",
    "CREATE FUNCTION f RETURNS STRING SONAME 'f.so'",
    "CHECKSUM TABLE goods",
    "SELECT * FROM goods PROCEDURE ANALYSE()",
]


@pytest.mark.requirement("R3.4", "R4.7")
@pytest.mark.parametrize("text", TRIES)
async def test_what_a_module_may_not_do_is_not_done_by_either_half(
    databases: Databases, mysql_url: str, tmp_path: Path, text: str
) -> None:
    folder = tmp_path / "files"
    folder.mkdir(mode=0o777)
    folder.chmod(0o777)
    (folder / "secret").write_text("secret")
    before = await state(mysql_url)
    query = text.replace("{folder}", str(folder))
    answer, reply = await ask(databases, query, READ, WRITE)
    assert answer.status is Status.INVALID_REQUEST, reply
    changing = ("NEXTVAL", "SETVAL", "NEXT VALUE", "GLOBAL", "SHUTDOWN", "KILL")
    if not any(word in text for word in changing):
        with suppress(HengioError):
            await databases.execute("shop", query, read_only=True, timeout_seconds=1.0)
    assert await state(mysql_url) == before
    assert [path.name for path in folder.iterdir()] == ["secret"]


@pytest.mark.requirement("R4.3", "R4.7")
async def test_a_function_of_the_database_changes_nothing_for_who_may_only_read(
    databases: Databases, mysql_url: str
) -> None:
    before = await state(mysql_url)
    for text in ("SELECT sweep()", "WITH x AS (SELECT sweep() AS y) SELECT y FROM x"):
        answer, reply = await ask(databases, text, READ, WRITE)
        assert answer.status is Status.FAILED, reply
    assert await state(mysql_url) == before


@pytest.mark.requirement("R3.3", "R4.3")
@pytest.mark.parametrize(
    "text",
    [
        "SELECT patience()",
        "SELECT COUNT(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b WHERE a.seq * b.seq % 7 = 8",
    ],
)
async def test_a_long_query_ends_with_the_call_and_frees_its_connection(
    databases: Databases, mysql_url: str, text: str
) -> None:
    answers = await asyncio.gather(*(ask(databases, text, READ, seconds=0.5) for _ in range(10)))
    assert {answer.status for answer, _ in answers} == {Status.DEADLINE}

    async def ended() -> bool:
        query = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE DB = DATABASE() AND COMMAND <> 'Sleep'"
        return bool((await run(mysql_url, query))[0][0] == 1)  # which is this one

    await eventually(ended)
    assert (await ask(databases, "SELECT 1 AS n", READ))[1]["rows"] == [{"n": 1}]


@pytest.mark.requirement("R4.7")
async def test_locks_variables_and_settings_do_not_outlive_a_request(databases: Databases, mysql_url: str) -> None:
    answer, reply = await ask(databases, "SELECT traces() AS t", READ)
    assert answer.status is Status.OK, reply
    query = "SELECT IS_FREE_LOCK('kept') AS free, @kept AS kept, @@time_zone AS zone, @@sql_mode LIKE '%BACK%' AS mode"
    for _ in range(3):
        rows = (await databases.execute("shop", query)).rows
        assert rows == [{"free": 1, "kept": None, "zone": "+00:00", "mode": 0}]


@pytest.mark.requirement("R4.3", "R4.4", "R5.5")
async def test_a_module_reads_and_changes_rows_with_the_permissions_for_it(
    databases: Databases, mysql_url: str
) -> None:
    answer, reply = await ask(databases, "SELECT name FROM goods WHERE id = 2", READ)
    assert (answer.status, reply["rows"]) == (Status.OK, [{"name": "rice"}])
    answer, reply = await ask(databases, "SELECT table_name AS t FROM information_schema.tables LIMIT 1", READ)
    assert answer.status is Status.OK, reply
    change = "INSERT INTO goods VALUES (3, 'salt') ON DUPLICATE KEY UPDATE name = 'salt'"
    assert (await ask(databases, change, READ))[0].denied == WRITE
    assert (await ask(databases, change, READ, Grant("database:write", "shop/main.goods")))[0].denied == WRITE
    answer, reply = await ask(databases, change, READ, WRITE)
    assert (answer.status, answer.wrote, reply["affected_rows"]) == (Status.OK, True, 1)
    assert (await run(mysql_url, "SELECT name FROM goods WHERE id = 3")) == [("salt",)]


NEVER_IN_ORACLE = [
    "SELECT DBMS_LOCK.SLEEP(1) FROM dual",
    "SELECT \"DBMS_XMLGEN\".getxml('SELECT 1 FROM dual') FROM dual",
    "SELECT UTL_HTTP.REQUEST('http://10.0.0.1') FROM dual",
    "SELECT SYS.DBMS_RANDOM.VALUE FROM dual",
    "SELECT * FROM sys.user$",
    'SELECT * FROM "SYS"."USER$"',
    "SELECT * FROM v$session",
    "SELECT * FROM gv$session",
    'SELECT * FROM "V$SESSION"',
    "SELECT * FROM dba_users",
    "SELECT text FROM all_source",
    "SELECT * FROM goods@elsewhere",
    "SELECT HTTPURITYPE('http://10.0.0.1').getclob() FROM dual",
    "SELECT XMLTYPE('<a/>') FROM dual",
    "SELECT EXTRACT(XMLTYPE('<a/>'), '/a') FROM dual",
    "SELECT BFILENAME('DIR', 'secret') FROM dual",
    "SELECT SYS_CONTEXT('USERENV', 'IP_ADDRESS') FROM dual",
    "SELECT numbers.NEXTVAL FROM dual",
    "BEGIN DELETE FROM goods; END;",
    "DECLARE x NUMBER; BEGIN NULL; END;",
    "CALL sweeping()",
    "WITH FUNCTION f RETURN NUMBER IS BEGIN RETURN 1; END; SELECT f() FROM dual",
    "SELECT * FROM goods FOR UPDATE",
    "SELECT q'[']' || DBMS_LOCK.SLEEP(1) || q'[']' FROM dual",
    "SELECT /*+ PARALLEL(64) */ * FROM goods",
    "SELECT 1 FROM dual -- x",
    "ALTER SESSION SET CURRENT_SCHEMA = other",
    "LOCK TABLE goods IN EXCLUSIVE MODE",
    "EXPLAIN PLAN FOR SELECT 1 FROM dual",
    "SET TRANSACTION READ WRITE",
    "TRUNCATE TABLE goods",
]


@pytest.mark.requirement("R3.4", "R4.7")
@pytest.mark.parametrize("text", NEVER_IN_ORACLE)
def test_what_leaves_an_oracle_database_or_its_session_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        statement.read(text, "oracle")


@pytest.mark.parametrize(
    ("text", "writes"),
    [
        ("SELECT id, name FROM shop.goods WHERE id = :id AND note = 'DBMS_LOCK; --'", False),
        ("SELECT NVL(a, 0) FROM goods ORDER BY a FETCH FIRST 5 ROWS ONLY", False),
        ("SELECT TO_CHAR(SYSDATE, 'YYYY') FROM dual", False),
        ("INSERT INTO goods (id) VALUES (:id)", True),
        ("MERGE INTO goods g USING staff s ON (g.id = s.id) WHEN MATCHED THEN UPDATE SET g.name = s.name", True),
    ],
)
def test_an_oracle_statement_is_known_by_what_it_does(text: str, writes: bool) -> None:
    assert statement.read(text, "oracle").writes is writes
