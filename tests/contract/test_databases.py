"""What every database behind a connection promises: a SQLite file, a real PostgreSQL and a real MariaDB."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hengio import codec
from hengio.errors import NotFound, Refused
from hengio.targets.databases import Databases
from hengio.targets.reply import SqlError, TimedOut, TooManyRows

ENDLESS = {
    "sqlite": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) AS c FROM n",
    "postgresql": "SELECT pg_sleep(600)",
    "mysql": "SELECT SLEEP(600) AS c",
}


SERVERS = {"postgresql": "postgres_url", "mysql": "mysql_url"}


class Place:
    """One database of a kind, by its connection name `db`."""

    def __init__(self, kind: str, databases: Databases) -> None:
        self.kind = kind
        self.databases = databases

    async def run(self, query: str, **options: Any) -> Any:
        reply = await self.databases.execute("db", self.spoken(query), **options)
        codec.encode(reply)  # whatever comes back is JSON
        return reply

    def spoken(self, query: str) -> str:
        """A statement of the tests, which is SQLite's and PostgreSQL's, as this database says it."""
        if self.kind != "mysql":
            return query
        query = re.sub(r"CAST\((\S+) AS TEXT\)", r"CAST(\1 AS CHAR)", query).replace('"a:b"', "`a:b`")
        ignoring = re.sub(r"^INSERT (.*) ON CONFLICT .*$", r"INSERT IGNORE \1", query)
        return ignoring.replace("TEMP TABLE", "TEMPORARY TABLE")

    async def rows(self, query: str, **options: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = (await self.run(query, **options)).rows
        return rows


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
async def db(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Place]:
    url = "sqlite:///test.db" if request.param == "sqlite" else request.getfixturevalue(SERVERS[request.param])
    databases = Databases({"db": url}, folder=tmp_path / "databases")
    yield Place(request.param, databases)
    await databases.close()


async def table(db: Place) -> None:
    await db.run("CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price NUMERIC)")


async def test_what_was_inserted_is_selected(db: Place) -> None:
    await table(db)
    inserted = await db.run(
        "INSERT INTO goods VALUES (:id, :name, :price)", parameters={"id": 1, "name": "Phở 'đặc biệt'", "price": None}
    )
    assert (inserted.rows, inserted.row_count, inserted.affected_rows) == ([], 0, 1)
    found = await db.run("SELECT id, name, price FROM goods", read_only=True)
    assert found.rows == [{"id": 1, "name": "Phở 'đặc biệt'", "price": None}]
    assert (found.row_count, found.affected_rows) == (1, 0)


@pytest.mark.parametrize("query", ["SELECT ? AS a, ? AS b", "SELECT $1 AS a, $2 AS b"])
async def test_parameters_may_be_a_list(db: Place, query: str) -> None:
    query = query.replace("?", "CAST(? AS TEXT)").replace("$1", "CAST($1 AS TEXT)")
    assert await db.rows(query, parameters=["x", "y"]) == [{"a": "x", "b": "y"}]


async def test_a_parameter_may_be_used_twice(db: Place) -> None:
    query = "SELECT CAST(:word AS TEXT) AS a, CAST(:word AS TEXT) AS b"
    assert await db.rows(query, parameters={"word": "x"}) == [{"a": "x", "b": "x"}]


async def test_what_looks_like_a_parameter_in_a_text_or_a_comment_is_none(db: Place) -> None:
    query = "SELECT 'at 12:30 :name ? it''s :x' AS \"a:b\" -- :comment ?\n, CAST(:real AS TEXT) AS r /* :more */"
    assert await db.rows(query, parameters={"real": "yes"}) == [{"a:b": "at 12:30 :name ? it's :x", "r": "yes"}]


@pytest.mark.parametrize("attack", ["'; DROP TABLE goods; --", "x' OR '1'='1", ":name", "$1", "?", "{{x}}", "\\'"])
async def test_a_value_is_never_read_as_sql(db: Place, attack: str) -> None:
    await table(db)
    await db.run("INSERT INTO goods (id, name) VALUES (1, :name)", parameters={"name": attack})
    assert await db.rows("SELECT name FROM goods WHERE name = ?", parameters=[attack]) == [{"name": attack}]
    assert await db.rows("SELECT id FROM goods WHERE name = ?", parameters=["another"]) == []


async def test_two_statements_in_one_query_are_refused_and_neither_runs(db: Place) -> None:
    await table(db)
    with pytest.raises((SqlError, Refused)):
        await db.run("INSERT INTO goods (id, name) VALUES (1, 'a'); DROP TABLE goods")
    assert await db.rows("SELECT * FROM goods") == []


async def test_a_batch_is_one_transaction(db: Place) -> None:
    await table(db)
    batch = [{"id": number, "name": f"n{number}", "unused": True} for number in range(500)]
    done = await db.run("INSERT INTO goods (id, name) VALUES (:id, :name)", batch=batch)
    assert done.affected_rows == 500
    bad = [{"id": 900, "name": "new"}, {"id": 3, "name": "taken"}, {"id": 901, "name": "never"}]
    with pytest.raises(SqlError, match=r"batch\[1\]|UNIQUE"):
        await db.run("INSERT INTO goods (id, name) VALUES (:id, :name)", batch=bad)
    assert await db.rows("SELECT count(*) AS c FROM goods") == [{"c": 500}]


async def test_a_batch_counts_only_the_rows_that_changed(db: Place) -> None:
    await table(db)
    query = "INSERT INTO goods (id, name) VALUES (:id, :name) ON CONFLICT (id) DO NOTHING"
    batch = [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}, {"id": 2, "name": "c"}]
    assert (await db.run(query, batch=batch)).affected_rows == 2
    assert (await db.run("UPDATE goods SET name = 'z'")).affected_rows == 2
    assert (await db.run("DELETE FROM goods WHERE id = ?", batch=[[1], [7]])).affected_rows == 1


async def test_parameters_beside_a_batch_are_shared_by_its_sets(db: Place) -> None:
    await table(db)
    query = "INSERT INTO goods (id, name) VALUES (:id, :name)"
    await db.run(query, parameters={"name": "same"}, batch=[{"id": 1}, {"id": 2, "name": "own"}])
    assert await db.rows("SELECT name FROM goods ORDER BY id") == [{"name": "same"}, {"name": "own"}]


async def test_an_empty_batch_runs_nothing(db: Place) -> None:
    assert (await db.run("INSERT INTO nowhere VALUES (:id)", batch=[])).affected_rows == 0


async def test_returned_rows_come_back_and_are_counted(db: Place) -> None:
    await table(db)
    done = await db.run("INSERT INTO goods (id, name) VALUES (:id, 'x') RETURNING id", batch=[{"id": 1}, {"id": 2}])
    assert done.rows == [{"id": 1}, {"id": 2}]
    assert done.affected_rows == 2


async def test_a_missing_parameter_is_named(db: Place) -> None:
    with pytest.raises(Refused, match="parameters has no `id`") as caught:
        await db.run("SELECT :id", parameters={"idd": "secret-value"})
    assert "idd" in caught.value.hint
    with pytest.raises(Refused, match="2 values, but the query has 1 place"):
        await db.run("SELECT ?", parameters=[1, 2])
    with pytest.raises(Refused, match="parameters has no values, but the query has a `\\?`"):
        await db.run("SELECT ? AS x")
    with pytest.raises(Refused, match="parameters is an object, but the query has a `\\?`"):
        await db.run("SELECT ? AS x", parameters={"id": 1})
    with pytest.raises(Refused, match=r"batch\[1\] has no `id`"):
        await db.run("SELECT :id", batch=[{"id": "1"}, {}])


@pytest.mark.parametrize("rows", [3, 4])
async def test_more_rows_than_the_cap_are_an_error_that_names_it(db: Place, rows: int) -> None:
    await table(db)
    await db.run("INSERT INTO goods (id, name) VALUES (:id, 'x')", batch=[{"id": number} for number in range(rows)])
    if rows == 3:
        assert len(await db.rows("SELECT id FROM goods", max_rows=3)) == 3
        return
    with pytest.raises(TooManyRows, match="more than 3 rows"):
        await db.run("SELECT id FROM goods", max_rows=3)
    with pytest.raises(TooManyRows):
        await db.run("DELETE FROM goods RETURNING id", max_rows=3)
    assert await db.rows("SELECT count(*) AS c FROM goods") == [{"c": 4}]


async def test_values_json_cannot_hold_come_back_exactly(db: Place) -> None:
    big = 2**53
    query = f"SELECT {big} AS exact, {big + 1} AS big, {-big - 1} AS low"
    assert await db.rows(query) == [{"exact": big, "big": str(big + 1), "low": str(-big - 1)}]
    literal = "'\\x00ff10'::bytea" if db.kind == "postgresql" else "x'00ff10'"
    assert await db.rows(f"SELECT {literal} AS b") == [{"b": "AP8Q"}]


async def test_lists_and_objects_are_stored_as_json_text(db: Place) -> None:
    query = "SELECT CAST(:value AS TEXT) AS t"
    assert await db.rows(query, parameters={"value": {"a": [1, "ă"]}}) == [{"t": '{"a":[1,"ă"]}'}]


async def test_two_columns_of_one_name_are_refused_rather_than_lost(db: Place) -> None:
    with pytest.raises(SqlError, match="two columns `a`"):
        await db.run("SELECT 1 AS a, 2 AS a")


@pytest.mark.parametrize(
    "query",
    [
        *("INSERT INTO goods (id, name) VALUES (9, 'x')", "UPDATE goods SET name = 'x'", "DELETE FROM goods"),
        *("DROP TABLE goods", "CREATE TABLE more (a INTEGER)", "CREATE TEMP TABLE more (a INTEGER)"),
        *("ALTER TABLE goods ADD COLUMN x TEXT", "CREATE INDEX i ON goods (name)", "BEGIN", "COMMIT", "ROLLBACK"),
        "WITH gone AS (SELECT 1) DELETE FROM goods",
        "INSERT INTO goods (id, name) VALUES (9, 'x') RETURNING id",
        "-- SELECT\nDELETE FROM goods",
    ],
)
async def test_a_read_only_step_changes_nothing(db: Place, query: str) -> None:
    await table(db)
    await db.run("INSERT INTO goods (id, name) VALUES (1, 'kept')")
    with pytest.raises(SqlError):
        await db.run(query, read_only=True)
    assert await db.rows("SELECT id, name FROM goods") == [{"id": 1, "name": "kept"}]


async def test_a_statement_that_runs_too_long_is_ended(db: Place) -> None:
    with pytest.raises(TimedOut, match="ran longer than"):
        await db.run(ENDLESS[db.kind], timeout_seconds=0.2)
    assert await db.rows("SELECT 1 AS one") == [{"one": 1}]


async def test_a_cancelled_statement_is_ended_and_leaves_nothing(db: Place) -> None:
    await table(db)
    query = f"INSERT INTO goods (id, name) SELECT 1, CAST(x.c AS TEXT) FROM ({ENDLESS[db.kind]}) AS x"
    query = query.replace("SELECT pg_sleep(600)", "SELECT 1 AS c, pg_sleep(600)")
    task = asyncio.create_task(db.run(query))
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await db.rows("SELECT count(*) AS c FROM goods", timeout_seconds=30) == [{"c": 0}]
    await db.run("INSERT INTO goods (id, name) VALUES (1, 'free again')")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELEC 1", "SELEC"),
        ("SELECT nothing FROM goods", "nothing"),
        ("SELECT 1 FROM absent", "absent"),
        ("INSERT INTO goods (id) VALUES (1)", "name"),
    ],
)
async def test_an_error_says_what_is_wrong_with_the_statement(db: Place, query: str, words: str) -> None:
    await table(db)
    with pytest.raises(SqlError, match=words) as caught:
        await db.run(query)
    assert "connection 'db'" in caught.value.message


async def test_an_error_never_quotes_a_value(db: Place) -> None:
    await db.run("CREATE TABLE secrets (id INTEGER PRIMARY KEY, word VARCHAR(8) UNIQUE CHECK (length(word) < 9))")
    await db.run("INSERT INTO secrets VALUES (1, 'hunter22')")
    for parameters in (
        {"id": "hunter22", "word": "x"},
        {"id": 2, "word": "hunter22"},
        {"id": 3, "word": "hunter22" * 2},
    ):
        with pytest.raises(SqlError) as caught:
            await db.run("INSERT INTO secrets (id, word) VALUES (:id, :word)", parameters=parameters)
        told = f"{caught.value} {caught.value.hint} {caught.value.__cause__}"
        assert "hunter22" not in told


async def test_many_statements_run_side_by_side(db: Place) -> None:
    await table(db)
    await asyncio.gather(
        *(db.run("INSERT INTO goods (id, name) VALUES (?, 'x')", parameters=[number]) for number in range(30))
    )
    assert await db.rows("SELECT count(*) AS c FROM goods") == [{"c": 30}]


async def test_an_unknown_connection_is_not_found_and_the_known_are_named(db: Place) -> None:
    with pytest.raises(NotFound, match="'other' is not defined") as caught:
        await db.databases.execute("other", "SELECT 1")
    assert "db" in caught.value.hint
