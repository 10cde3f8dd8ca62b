"""Definitions of the existing system are accepted as they were written, and spoken of in their own places (H3)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition import configs
from hengio.definition.spellings import normalised
from hengio.definition.validate import Report, validate

REQUEST = {
    "method": "POST",
    "url": "https://api.example.com/v1/orders",
    "headers": {"X-Id": "{{input.id}}"},
    "body": {"n": 1},
    "auth": {"type": "bearer", "token": "${TOKEN}"},
}
QUERY = {"connection": "shop", "query": "SELECT 1", "parameters": [1]}
FILE = {"operation": "write", "path": "a.csv", "format": {"type": "csv", "delimiter": ";"},
        "data_source": "{{steps.q.output.rows}}"}  # fmt: skip
SFTP = {
    "operation": "download",
    "remote_path": "/out",
    "connection": "bank",
    "options": {"wildcard_pattern": "*.csv", "recursive": True, "create_directories": False, "verify_host_key": True,
                "streaming": True},
}  # fmt: skip
MODULE = {"module_id": "prices", "params": {"type": "any", "none": None}}
TYPES = [
    ("http_request", "http", REQUEST),
    ("database_query", "database", QUERY),
    ("file_processing", "file_processing", FILE),
    ("sftp", "sftp", SFTP),
    ("wasm", "wasm", MODULE),
]
FLOW = {"name": "One", "condition": "input.go", "next": "end", "timeout_seconds": 5, "on_failure": "continue"}


@pytest.fixture(autouse=True)
def every_type(monkeypatch: pytest.MonkeyPatch) -> None:
    """The spellings are those of five step types, whichever of them this version can run."""
    monkeypatch.setitem(configs.CONFIGS, "http", configs.HttpConfig)
    monkeypatch.setitem(configs.CONFIGS, "sftp", configs.SftpConfig)


def steps(*written: Any) -> list[Any]:
    found: list[Any] = normalised({"name": "j", "steps": list(written)}).document["steps"]
    return found


def judged(*written: Any) -> Report:
    return validate({"name": "j", "steps": list(written)})


def said(*written: Any) -> list[tuple[str, str, str]]:
    return [(each.path, each.message, each.hint) for each in judged(*written).errors]


@pytest.mark.requirement("H3.1", "H3.2")
@pytest.mark.parametrize(("tag", "kind", "config"), TYPES)
def test_a_type_that_is_a_tagged_object_holds_the_configuration(tag: str, kind: str, config: dict[str, Any]) -> None:
    written = {"id": "a", "type": {"type": tag, **config}, **FLOW}
    assert steps(written) == [{"id": "a", "type": kind, "config": config, **FLOW}]


@pytest.mark.requirement("H3.1", "H3.3")
@pytest.mark.parametrize(("tag", "kind", "config"), TYPES)
def test_a_flat_step_has_its_configuration_beside_its_type(tag: str, kind: str, config: dict[str, Any]) -> None:
    written = {"id": "a", "type": tag, **config, **FLOW}
    assert steps(written) == [{"id": "a", "type": kind, "config": config, **FLOW}]


@pytest.mark.requirement("H3.1", "H3.2", "H3.3")
def test_one_job_may_mix_the_spellings() -> None:
    report = judged(
        {"id": "q", "type": "database", "config": QUERY},
        {"id": "r", "type": {"type": "http_request", **REQUEST, "body": "{{steps.q.output.rows}}"}},
        {"id": "f", "type": "file_processing", **FILE, "retry_count": 2},
        {"id": "n", "type": "database_query", "config": QUERY},
    )
    assert report.errors == ()
    assert [step["type"] for step in report.normalized["steps"]] == ["database", "http", "file_processing", "database"]
    assert report.normalized["steps"][2]["retry"] == {"max_retries": 2}


@pytest.mark.requirement("H3.4")
@pytest.mark.parametrize("name", ["oauth2", "oauth2_client_credentials", "o_auth2"])
def test_client_credentials_go_by_several_names(name: str) -> None:
    auth = {"type": name, "token_url": "https://id.example.com/t", "client_id": "c", "client_secret": "${S}"}
    [step] = steps({"id": "a", "type": "http_request", "url": "https://example.com", "auth": auth})
    assert step["config"]["auth"] == {**auth, "type": "oauth2"}


@pytest.mark.requirement("H3.4")
def test_a_tagged_query_type_stands_in_the_configuration_itself() -> None:
    procedure = {"type": "stored_procedure", "procedure_name": "close_day", "parameters": ["{{execution_date}}"]}
    canonical = {"query_type": "stored_procedure", "procedure_name": "close_day", "parameters": ["{{execution_date}}"]}
    for written in (
        {"id": "a", "type": "database", "config": {"connection": "shop", "query_type": procedure}},
        {"id": "a", "type": {"type": "database_query", "connection": "shop", "query_type": procedure}},
    ):
        [step] = steps(written)
        assert step == {"id": "a", "type": "database", "config": {"connection": "shop", **canonical}}
    plain = {"id": "a", "type": "database", "config": {**QUERY, "query_type": {"type": "raw_sql"}}}
    assert steps(plain)[0]["config"]["query_type"] == "raw_sql"


@pytest.mark.requirement("H3.4")
def test_null_in_an_optional_field_is_as_if_it_were_not_there() -> None:
    request = {"type": "http_request", "url": "https://example.com", "headers": None, "body": None, "auth": None}
    step = {"id": "a", "name": None, "type": request, "condition": None, "next": None, "retry": None,
            "retry_count": None, "timeout_seconds": None}  # fmt: skip
    document = {"name": "j", "description": None, "schedule": None, "notes": None, "steps": [step],
                "triggers": {"webhook": {"enabled": True, "url": None, "rate_limit": None}}}  # fmt: skip
    report = validate(document)
    assert report.errors == ()
    assert report.normalized == {
        "name": "j",
        "triggers": {"webhook": {"enabled": True}},
        "steps": [{"id": "a", "type": "http", "config": {"url": "https://example.com"}}],
    }


def test_null_that_is_a_value_stays_and_null_for_what_is_required_is_an_error() -> None:
    [step] = steps({"id": "a", "type": "wasm", "config": {"module_id": None, "input": None, "params": {"x": None}}})
    assert step["config"] == {"module_id": None, "input": None, "params": {"x": None}}
    assert said(step) == [("$.steps[0].config.module_id", "expected a string, got null", "")]


def test_null_permissions_do_not_lift_what_a_step_restricts() -> None:
    step = {"id": "a", "type": "wasm", "config": {"module_id": "m", "permissions": None}}
    assert said(step) == [("$.steps[0].config.permissions", "expected a list, got null", "")]


@pytest.mark.requirement("H3.4", "H3.11")
def test_notes_of_a_job_and_of_a_step_are_kept_and_never_scanned() -> None:
    notes = {"{{": ["${", {"then": "{{steps.nothing.output}}"}], "none": None}
    written = {"name": "j", "notes": notes, "steps": [{"id": "a", "type": "database_query", **QUERY, "notes": notes}]}
    report = validate(written)
    assert (report.errors, report.warnings) == ((), ())
    assert report.normalized["notes"] == report.normalized["steps"][0]["notes"] == notes


@pytest.mark.requirement("H3.2", "H3.3", "H3.5")
@pytest.mark.parametrize(
    ("step", "path", "message", "hint"),
    [
        ({"type": {"type": "http_request", "url": "https://a.example", "hedaers": {}}}, ".type.hedaers",
         "unknown field `hedaers`", "did you mean `headers`?"),
        ({"type": {"type": "http_request", "url": "https://a.example", "method": "FETCH"}}, ".type.method",
         "expected one of `DELETE`, `GET`, `HEAD`, `PATCH`, `POST`, `PUT`, got \"FETCH\"", "did you mean `PATCH`?"),
        ({"type": {"type": "http_request"}}, ".type", "missing required field `url`", ""),
        ({"type": {"type": "http_requst", "url": "x"}}, ".type.type",
         "expected one of `http_request`, `database_query`, `file_processing`, `sftp`, `wasm`, got \"http_requst\"",
         "did you mean `http_request`?"),
        ({"type": {"type": "http", "url": "x"}}, ".type.type",
         "expected one of `http_request`, `database_query`, `file_processing`, `sftp`, `wasm`, got \"http\"",
         "did you mean `http_request`?"),
        ({"type": {"url": "x"}}, ".type", "missing required field `type`",
         "one of `http_request`, `database_query`, `file_processing`, `sftp`, `wasm`"),
        ({"type": {"type": "database_query", **QUERY}, "config": {"query": "x"}}, ".config",
         "the step's `type` already holds its configuration", ""),
        ({"type": {"type": "database_query", **QUERY, "query": "{{inptu.x}}"}}, ".type.query",
         "column 3: there is no `inptu` to refer to", "did you mean `input`?"),
        ({"type": "http_request", "url": "https://a.example", "hedaers": {}}, ".hedaers", "unknown field `hedaers`",
         "did you mean `headers`?"),
        ({"type": "http_request", "url": "https://a.example", "conditoin": "true"}, ".conditoin",
         "unknown field `conditoin`", "did you mean `condition`?"),
        ({"type": "http_request", "method": "GET"}, "", "missing required field `url`", ""),
        ({"type": "wasm", "module_id": "m", "params": {"a b": "{{nope}}"}}, '.params["a b"]',
         "column 3: there is no `nope` to refer to", "known: `steps`, `variables`, `input`, `webhook`, "
         "`execution_id`, `job_id`, `execution_date`, `nominal_time`"),
        ({"type": "http_requst", "url": "x", "method": "GET"}, ".type",
         "expected one of `http_request`, `database_query`, `file_processing`, `sftp`, `wasm`, got \"http_requst\"",
         "did you mean `http_request`?"),
        ({"type": "database", "config": QUERY, "retry_count": 11}, ".retry_count", "must be from 0 to 10, got 11", ""),
        ({"type": "database", "config": QUERY, "retry_count": "3"}, ".retry_count",
         "expected a whole number, got \"3\"", ""),
        ({"type": "database", "config": QUERY, "retry_count": 1, "retry": {"max_retries": 2}}, ".retry_count",
         "`retry.max_retries` says it already", ""),
        ({"type": "database", "config": {**QUERY, "query_type": {"type": "stored_procedur"}}},
         ".config.query_type.type",
         "expected one of `raw_sql`, `stored_procedure`, got \"stored_procedur\"", "did you mean `stored_procedure`?"),
    ],
)  # fmt: skip
def test_a_problem_is_told_where_the_author_wrote_it(step: dict[str, Any], path: str, message: str, hint: str) -> None:
    assert (f"$.steps[0]{path}", message, hint) in said({"id": "a", **step})


def test_a_field_beside_the_configuration_is_told_to_go_into_it() -> None:
    found = said({"id": "a", "type": "database", "connection": "shop", "query": "SELECT 1"})
    assert ("$.steps[0].query", "unknown field `query`", "it belongs into `config`") in found
    assert len([each for each in found if each[0] == "$.steps[0].query"]) == 1


@pytest.mark.requirement("H3.5")
def test_members_of_a_tagged_query_type_are_known_or_told() -> None:
    procedure = {"type": "stored_procedure", "procedure_name": "p", "paramters": [], "parameters": [2]}
    written = {"id": "a", "type": {"type": "database_query", "connection": "c", "parameters": [1],
                                   "query_type": procedure}}  # fmt: skip
    found = normalised({"name": "j", "steps": [written]}).problems
    assert [(each.path, each.message) for each in found] == [
        ("$.steps[0].type.query_type.paramters", "unknown field `paramters`"),
        ("$.steps[0].type.query_type.parameters", "`parameters` is already given beside `query_type`"),
    ]


def test_the_authors_document_is_left_as_it_was() -> None:
    written = {"name": "j", "schedule": {"type": "cron", "expression": "0 0 2 * * MON", "end_date": None},
               "steps": [{"id": "a", "type": {"type": "http_request", **REQUEST}, "retry_count": 1}]}  # fmt: skip
    before = repr(written)
    normalised(written)
    assert repr(written) == before
