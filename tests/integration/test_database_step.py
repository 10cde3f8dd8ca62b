"""The database step, on a SQLite file, on PostgreSQL and on MariaDB."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hengio.steps.database import DatabaseStep
from hengio.steps.rehearsal import Rehearsal
from hengio.targets.databases import Databases
from tests.support.processes import free_port
from tests.support.steps import failure_of, output_of, step_context, step_request

SERVERS = {"postgresql": "postgres_url", "mysql": "mysql_url"}


@pytest.fixture(params=["sqlite", "postgresql", "mysql"])
async def step(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DatabaseStep]:
    url = "sqlite:///test.db" if request.param == "sqlite" else request.getfixturevalue(SERVERS[request.param])
    databases = Databases({"db": url, "gone": f"postgresql://u:p@127.0.0.1:{free_port()}/x"}, folder=tmp_path)
    await databases.execute("db", "CREATE TABLE goods (id INTEGER PRIMARY KEY, name TEXT)")
    yield DatabaseStep(databases)
    await databases.close()


async def run(step: DatabaseStep, config: dict[str, Any], **options: Any) -> Any:
    return await step.run(step_request("database", {"connection": "db", **config}, **options))


async def count(step: DatabaseStep) -> int:
    output = output_of(await run(step, {"query": "SELECT count(*) AS c FROM goods", "read_only": True}))
    return int(output["rows"][0]["c"])


async def test_the_output_is_rows_and_counts(step: DatabaseStep) -> None:
    config = {"query": "INSERT INTO goods VALUES (:id, :name)", "parameters": {"id": 1, "name": "a"}}
    assert output_of(await run(step, config)) == {"rows": [], "row_count": 0, "affected_rows": 1}
    output = output_of(await run(step, {"query": "SELECT * FROM goods", "read_only": True}))
    assert output == {"rows": [{"id": 1, "name": "a"}], "row_count": 1, "affected_rows": 0}


@pytest.mark.requirement("R13.3")
@pytest.mark.parametrize("attack", ["'); DROP TABLE goods; --", "' OR ''='", "{{variables.secret}}", ":hengio_p1", "?"])
async def test_templates_in_a_query_are_bound_and_never_sql(step: DatabaseStep, attack: str) -> None:
    context = step_context(variables={"NAME": attack, "secret": "s"}, given={"id": 5}, outputs={"a": {"x": 1}})
    insert = {"query": "INSERT INTO goods (id, name) VALUES ({{input.id}}, ${NAME})"}
    output_of(await run(step, insert, context=context))
    found = output_of(
        await run(
            step,
            {"query": "SELECT name FROM goods WHERE id = :id", "parameters": {"id": "{{input.id}}"}},
            context=context,
        )
    )
    assert found["rows"] == [{"name": attack}]


async def test_the_rows_of_an_earlier_step_are_a_batch_of_all_or_nothing(step: DatabaseStep) -> None:
    rows = [{"id": 1, "name": "a", "more": 1}, {"id": 2, "name": "b", "more": 2}]
    config = {"query": "INSERT INTO goods (id, name) VALUES (:id, :name)", "batch": "{{steps.read.output.rows}}"}
    result = await run(step, config, context=step_context(outputs={"read": {"rows": rows}}))
    assert output_of(result)["affected_rows"] == 2
    bad = [{"id": 3, "name": "c"}, {"id": 1, "name": "taken"}]
    result = await run(step, config, context=step_context(outputs={"read": {"rows": bad}}))
    assert result.failure is not None
    assert (result.failure.code, result.retryable) == ("sql_error", False)
    assert await count(step) == 2


async def test_an_empty_list_of_parameters_is_as_none(step: DatabaseStep) -> None:
    config = {"query": "SELECT CAST({{input.n}} AS INTEGER) AS n", "parameters": []}
    result = await run(step, config, context=step_context(given={"n": 5}))
    assert output_of(result)["rows"] == [{"n": 5}]


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"query": "SELECT {{input.rows.first.id}}"}, "config.query"),
        ({"query": "SELECT :id", "parameters": {"id": "{{input.rows.first.id}}"}}, "config.parameters.id"),
    ],
)
async def test_a_template_without_a_value_is_told_with_its_place(
    step: DatabaseStep, config: dict[str, Any], place: str
) -> None:
    result = await run(step, config, context=step_context(given={"rows": {}}))
    assert failure_of(result).endswith(f"there is no `first` (`input.rows.first.id` in `{place}`)")


async def test_a_read_only_step_that_writes_fails(step: DatabaseStep) -> None:
    result = await run(step, {"query": "DELETE FROM goods", "read_only": True})
    assert (result.kind, result.retryable) == ("failed", False)
    assert "read-only" in failure_of(result)


async def test_a_step_that_runs_too_long_is_timed_out_and_retryable(step: DatabaseStep) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)"
    endless = f"{many} SELECT count(*) AS c FROM n a, n b, n c, n d, n e WHERE a.i * b.i * c.i * d.i % 7 = 8 + e.i"
    result = await run(step, {"query": endless, "timeout_seconds": 30}, timeout_seconds=0.2)
    assert (result.kind, result.retryable) == ("timed_out", True)


async def test_a_server_that_does_not_answer_is_worth_another_try(step: DatabaseStep) -> None:
    result = await step.run(step_request("database", {"connection": "gone", "query": "SELECT 1"}))
    assert (result.failure is not None, result.retryable) == (True, True)


@pytest.mark.requirement("H3.7")
@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"query": "SELECT 1", "max_rows": "many"}, "max_rows"),
        ({"query": "SELECT 1", "conection": "db"}, "conection"),
        ({"connection": 5, "query": "SELECT 1"}, "connection"),
        ({}, "query"),
        ({"query": "SELECT {{steps.absent.output}}"}, "absent"),
        ({"query": "SELECT '{{input.x}}'"}, "quotes"),
        ({"query": "SELECT 1", "batch": [5]}, r"batch[0]"),
        ({"connection": "other", "query": "SELECT 1"}, "'other' is not defined"),
    ],
)
async def test_a_configuration_that_does_not_fit_is_a_failure_that_names_the_field(
    step: DatabaseStep, config: dict[str, Any], words: str
) -> None:
    result = await run(step, config)
    assert words in failure_of(result)
    assert not result.retryable


@pytest.mark.requirement("H4.2")
async def test_a_dry_run_reads_and_notes_what_it_would_have_changed(step: DatabaseStep) -> None:
    context = step_context(
        variables={"PIN": "hunter22", "ROW": {"id": 7, "name": "hunter22"}},
        secret_names=frozenset({"PIN", "ROW"}),
        given={"id": 5},
    )
    await run(step, {"query": "INSERT INTO goods VALUES (1, 'kept')"})
    rehearsal = Rehearsal()
    options = {"context": context, "rehearsal": rehearsal}
    reading = {"query": "SELECT name FROM goods WHERE id = :id", "parameters": {"id": 1}}
    found = output_of(await run(step, reading, **options))
    assert (found["rows"], rehearsal.changes) == ([{"name": "kept"}], [])
    nothing = {"rows": [], "row_count": 0, "affected_rows": 0}
    for config in (
        {"query": "INSERT INTO goods VALUES ({{input.id}}, ${PIN})"},
        {"query": "INSERT INTO goods VALUES (:id, :name)", "batch": ["${ROW}", {"id": 8, "name": "open"}]},
        {"query": "CREATE TABLE more (x INTEGER)"},
    ):
        assert output_of(await run(step, config, **options)) == nothing
    insert, batch, create = (change.what for change in rehearsal.changes)
    assert (insert["connection"], insert["sets"]) == ("db", 1)
    assert insert["parameters"] == {"hengio_p1": 5, "hengio_p2": "***"}
    assert batch["parameters"] == [{"id": "***", "name": "***"}, {"id": 8, "name": "open"}]
    assert batch["sets"] == 2
    assert create["query"] == "CREATE TABLE more (x INTEGER)"
    assert [(change.kind, change.step_id, change.attempt) for change in rehearsal.changes] == [("database", "s", 1)] * 3
    assert "hunter22" not in str(rehearsal.changes)
    assert await count(step) == 1


@pytest.mark.requirement("H4.2")
async def test_a_dry_run_fails_where_the_step_could_not_even_begin(step: DatabaseStep) -> None:
    options = {"rehearsal": Rehearsal()}
    assert "not defined" in failure_of(await run(step, {"connection": "x", "query": "DELETE FROM goods"}, **options))
    assert "batch[0]" in failure_of(await run(step, {"query": "DELETE FROM goods", "batch": [5]}, **options))
    assert options["rehearsal"].changes == []
