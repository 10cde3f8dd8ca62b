"""What a database step may say: connections, kinds of queries, names of procedures, and nothing secret in errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hengio.definition import database, procedure, server
from hengio.definition.parse import read
from hengio.definition.validate import validate
from hengio.errors import Refused

CALL = {"query_type": "stored_procedure", "procedure_name": "shop.restock"}


def problems(**config: Any) -> list[tuple[str, str]]:
    return [(problem.path, f"{problem.message} {problem.hint}") for problem in database.problems(config)]


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    "config",
    [
        {"connection": "db", "query": "SELECT 1"},
        {"connection_string": "${DB_URL}", "query": "SELECT 1"},
        {"connection_string": "mysql://u:${PW}@host/db", "query": "SELECT 1", "database_type": "mariadb"},
        {"connection_string": "postgresql://u:p@host/db?sslmode=require", "query": "SELECT 1"},
        {"connection_string": "oracle://u:p@host:1521/service", "database_type": "oracle", "query": "SELECT 1"},
        {"connection_string": "sqlite:///a.db", "database_type": "sqlite", "query": "SELECT 1"},
        {"connection": "db", **CALL, "parameters": [1]},
        {"connection": "db", **CALL, "parameters": {"a": 1}},
        {"connection": "db", "query": "SELECT {{input.n}}", "parameters": []},
        {"connection": "db", "query": "SELECT ?", "parameters": "{{input.p}}"},
        {"connection": "db", "query": "SELECT ?", "batch": "{{input.p}}"},
        {"connection": "db", "query": "SELECT ?, '?', 1 -- ?", "parameters": [1]},
        {
            "connection": "db",
            "query": "SELECT '?' -- = ?\n, \"a\" ? 'k', b->'x' ?| c, d @? 'e', {{input.a}} ? 'f', ?- g",
        },
        {"connection": "db", "query": "{{input.q}}", "query_type": "${KIND}"},
    ],
)
def test_what_goes_together_has_no_problems(config: dict[str, Any]) -> None:
    assert problems(**config) == []


@pytest.mark.requirement("H4.2")
@pytest.mark.parametrize(
    ("config", "path", "words"),
    [
        ({"query": "SELECT 1"}, "", "connection_string"),
        ({"connection": "a", "connection_string": "${B}", "query": "SELECT 1"}, "connection_string", "exclude"),
        ({"connection": "a"}, "", "`query`"),
        ({"connection": "a", "query": "  "}, "query", "empty"),
        ({"connection": "a", "query": "SELECT 1", "procedure_name": "p"}, "procedure_name", "query_type"),
        ({"connection": "a", "query_type": "stored_procedure"}, "", "procedure_name"),
        ({"connection": "a", "query": "SELECT {{input.n}}", "parameters": [1]}, "parameters", ":name"),
        ({"connection": "a", "query": "INSERT INTO t VALUES (${N})", "batch": [{}, [1]]}, "batch[1]", ":name"),
        ({"connection": "a", "query": "SELECT ? AS x"}, "query", "a list"),
        ({"connection": "a", "query": "SELECT a FROM t WHERE b = ?", "parameters": []}, "query", "a list"),
        ({"connection": "a", "query": "INSERT INTO t VALUES (?)", "parameters": {"a": 1}}, "query", "a list"),
        ({"connection": "a", **CALL, "query": "SELECT 1"}, "query", "call itself"),
        ({"connection": "a", **CALL, "batch": [{}]}, "batch", "once"),
        ({"connection": "a", **CALL, "read_only": True}, "read_only", "function"),
        ({"connection": "a", **CALL, "procedure_name": "p; DROP TABLE x"}, "procedure_name", "no name"),
        ({"connection": "a", **CALL, "procedure_name": "a.b.c"}, "procedure_name", "no name"),
        ({"connection": "a", **CALL, "procedure_name": "{{input.p}}"}, "procedure_name", "template"),
        ({"connection_string": "sqlite:///a.db", **CALL}, "query_type", "SQLite"),
        ({"connection_string": "mssql://u:hunter22@h/d", "query": "SELECT 1"}, "connection_string", "no URL"),
        ({"connection_string": "u:hunter22@h/d", "query": "SELECT 1"}, "connection_string", "no URL"),
        ({"connection_string": "mysql://u:hunter22/@h/d", "query": "SELECT 1"}, "connection_string", "percent-encode"),
        ({"connection_string": "mysql://u:hunter22@h", "query": "SELECT 1"}, "connection_string", "no database"),
        ({"connection_string": "mysql://h/hunter22", "query": "SELECT 1"}, "connection_string", "no user"),
        ({"connection_string": "mysql://u:p@/hunter22", "query": "SELECT 1"}, "connection_string", "no host"),
        ({"connection_string": "mysql://u:p@h/d?ssl=hunter22", "query": "S"}, "connection_string", "unknown word"),
        ({"connection_string": "mysql://u:p@h/d?ssl_ca=/hunter22", "query": "S"}, "connection_string", "not known"),
        ({"connection_string": "postgresql://u:p@h/d?host=hunter22", "query": "S"}, "connection_string", "not known"),
        (
            {"connection_string": "mysql://u:hunter22@h/d", "database_type": "oracle", "query": "SELECT 1"},
            "database_type",
            "mysql",
        ),
    ],
)
def test_what_does_not_go_together_is_told_at_its_place(config: dict[str, Any], path: str, words: str) -> None:
    found = problems(**config)
    assert path in [place for place, _ in found]
    assert any(words in message for _, message in found)
    assert not any("hunter22" in message for _, message in found)


def test_a_job_is_checked_for_it_and_a_string_in_plain_sight_is_a_warning() -> None:
    step = {"id": "a", "type": "database", "config": {"connection_string": "mysql://u:hunter22@h/d", "query": "S"}}
    report = validate(read(json.dumps({"name": "j", "steps": [step]})))
    assert report.errors == ()
    assert [(warning.path, "${NAME}" in warning.hint) for warning in report.warnings] == [
        ("$.steps[0].config.connection_string", True)
    ]
    step["config"] = {"connection": "a", **CALL, "procedure_name": "no name"}
    report = validate(read(json.dumps({"name": "j", "steps": [step]})))
    assert [error.path for error in report.errors] == ["$.steps[0].config.procedure_name"]


@given(st.text())
def test_only_identifiers_are_names_of_procedures(text: str) -> None:
    if procedure.is_name(text):
        assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.")
        assert all(text.split("."))


@given(st.text(max_size=30))
def test_no_connection_string_is_repeated_in_an_error(text: str) -> None:
    url = f"mysql://bob:hunter22{text}@127.0.0.1/shop"
    try:
        found = server.parse(url, what="it")
    except Refused as error:
        assert "hunter22" not in f"{error}{error.hint}"
    else:
        assert (found.host, "hunter22" in repr(found)) == ("127.0.0.1", False)


def test_a_server_is_read_with_its_defaults() -> None:
    found = server.parse("mysql://b%40b:p%2Fw@[::1]/shop%20x?ssl=true", what="it")
    assert (found.host, found.port, found.user, found.password) == ("::1", 3306, "b@b", "p/w")
    assert (found.database, found.tls, found.verified) == ("shop x", "verify-full", True)
    assert server.parse("oracle://u:p@h/s", what="it").tls == "disable"
