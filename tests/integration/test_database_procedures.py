"""Stored procedures as steps, on PostgreSQL and on MariaDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from hengio.steps.database import DatabaseStep
from hengio.steps.rehearsal import Rehearsal
from hengio.targets.databases import Databases
from tests.support.mysql import run as run_mysql
from tests.support.steps import failure_of, output_of, step_context, step_request

POSTGRES = """
CREATE TABLE goods (id int, name text);
CREATE PROCEDURE restock(first int, name text) LANGUAGE sql AS 'INSERT INTO goods VALUES (first, name)';
CREATE PROCEDURE doubled(given int, OUT twice bigint, INOUT word text) LANGUAGE plpgsql
  AS $$ BEGIN twice := given * 2; word := word || '!'; END $$;
CREATE PROCEDURE failing() LANGUAGE plpgsql AS $$ BEGIN INSERT INTO goods VALUES (9, 'x'); RAISE 'no goods'; END $$;
CREATE PROCEDURE patient() LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); END $$;
"""
MYSQL = (
    "CREATE TABLE goods (id INT, name TEXT)",
    "CREATE PROCEDURE restock(first INT, name TEXT) INSERT INTO goods VALUES (first, name)",
    """CREATE PROCEDURE doubled(given INT, OUT twice BIGINT, INOUT word TEXT)
    BEGIN SET twice = given * 2, word = CONCAT(word, '!'); END""",
    """CREATE PROCEDURE failing()
    BEGIN INSERT INTO goods VALUES (9, 'x'); SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no goods'; END""",
    "CREATE PROCEDURE patient() DO SLEEP(60)",
    "CREATE PROCEDURE listing() BEGIN SELECT 1 AS a UNION SELECT 2; SELECT 'second'; UPDATE goods SET id = 5; END",
)


@pytest.fixture(params=["postgresql", "mysql"])
async def url(request: pytest.FixtureRequest) -> str:
    """A database with the procedures in it."""
    found: str = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "mysql_url")
    if request.param == "mysql":
        await run_mysql(found, *MYSQL)
        return found
    connection = await asyncpg.connect(found)
    await connection.execute(POSTGRES)
    await connection.close()
    return found


@pytest.fixture
async def databases(url: str, tmp_path: Path) -> AsyncIterator[Databases]:
    made = Databases({"db": url, "file": "sqlite:///a.db"}, folder=tmp_path)
    yield made
    await made.close()


async def call(databases: Databases, name: str, parameters: Any = None, **options: Any) -> Any:
    config = {"connection": "db", "query_type": "stored_procedure", "procedure_name": name, "parameters": parameters}
    return await DatabaseStep(databases).run(step_request("database", config, **options))


async def goods(databases: Databases) -> list[Any]:
    return [tuple(row.values()) for row in (await databases.execute("db", "SELECT id, name FROM goods")).rows]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    "parameters", [[1, "tea'; --"], {"first": 1, "name": "tea'; --"}, {"NAME": "tea'; --", "first": 1}]
)
async def test_a_procedure_is_called_with_values_by_place_or_name(databases: Databases, parameters: Any) -> None:
    output_of(await call(databases, "restock", parameters))
    assert await goods(databases) == [(1, "tea'; --")]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize("parameters", [[21, None, "so"], {"given": 21, "twice": None, "word": "so"}])
async def test_what_comes_out_of_parameters_is_a_row(databases: Databases, parameters: Any) -> None:
    output = output_of(await call(databases, "doubled", parameters))
    assert output["rows"] == [{"twice": 42, "word": "so!"}]


async def test_a_schema_may_be_named(databases: Databases, url: str) -> None:
    schema = "public" if databases.kind("db") == "postgresql" else url.rpartition("/")[2]
    output_of(await call(databases, f"{schema}.restock", [1, "a"]))
    assert await goods(databases) == [(1, "a")]


async def test_a_procedure_that_fails_leaves_nothing(databases: Databases) -> None:
    assert "no goods" in failure_of(await call(databases, "failing", []))
    assert await goods(databases) == []


async def test_a_procedure_ends_with_the_step(databases: Databases) -> None:
    result = await call(databases, "patient", timeout_seconds=0.3)
    assert (result.kind, result.retryable) == ("timed_out", True)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        *(("absent", []), ("restock", [1]), ("restock", {"first": 1}), ("restock", {"first": 1, "name": 2, "x": 3})),
        *(("restock", {"a b": 1}), ("nowhere.restock", [1, "a"])),
    ],
)
async def test_a_call_that_does_not_fit_is_a_failure(databases: Databases, name: str, parameters: Any) -> None:
    result = await call(databases, name, parameters)
    assert failure_of(result)
    assert not result.retryable
    assert await goods(databases) == []


async def test_a_dry_run_notes_the_call_and_does_not_make_it(databases: Databases) -> None:
    rehearsal = Rehearsal()
    context = step_context(variables={"PIN": "hunter22"}, secret_names=frozenset({"PIN"}))
    result = await call(databases, "restock", [1, "${PIN}"], rehearsal=rehearsal, context=context)
    assert output_of(result) == {"rows": [], "row_count": 0, "affected_rows": 0}
    assert await goods(databases) == []
    (change,) = rehearsal.changes
    assert change.what == {"connection": "db", "procedure": "restock", "parameters": [1, "***"], "sets": 1}


@pytest.mark.parametrize("url", ["mysql"], indirect=True)
async def test_of_several_results_the_first_is_the_rows(databases: Databases) -> None:
    await databases.execute("db", "INSERT INTO goods VALUES (1, 'a'), (2, 'b')")
    output = output_of(await call(databases, "listing"))
    assert output == {"rows": [{"a": 1}, {"a": 2}], "row_count": 2, "affected_rows": 2}


async def test_sqlite_has_no_procedures(databases: Databases) -> None:
    config = {"connection": "file", "query_type": "stored_procedure", "procedure_name": "p"}
    result = await DatabaseStep(databases).run(step_request("database", config))
    assert "SQLite has no stored procedures" in failure_of(result)
