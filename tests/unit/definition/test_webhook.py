"""A job's webhook is judged at creation (H2, H3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from hengio.definition.context import Context
from hengio.definition.findings import Findings
from hengio.definition.templates import resolve
from hengio.definition.webhook import check
from hengio.model.job import RateLimit, Webhook


def findings(variables: set[str] | None = None, **fields: Any) -> Findings:
    found = Findings()
    check(Webhook(enabled=True, **fields), found, variables=variables)
    return found


@pytest.mark.requirement("H3.6")
@pytest.mark.parametrize(
    ("fields", "path", "message"),
    [
        ({"secret_key": "${"}, "secret_key", "is not followed by"),
        ({"secret_key": "{{input.key}}"}, "secret_key", "only variables can stand in a secret"),
        ({"secret_key": "{{variables}}"}, "secret_key", "only variables can stand in a secret"),
        ({"headers": ("X-Ok", "no name")}, "headers[1]", '"no name" is not the name of a header'),
        ({"headers": ("cOOkie",)}, "headers[0]", "`cOOkie` proves who asks"),
        ({"rate_limit": RateLimit(max_requests=0, window_seconds=1)}, "rate_limit.max_requests", "must be at least 1"),
    ],
)
def test_what_is_wrong_with_it_is_an_error(fields: dict[str, Any], path: str, message: str) -> None:
    [error] = findings(**fields).errors
    assert error.path == f"$.triggers.webhook.{path}"
    assert message in error.message


@pytest.mark.requirement("H3.6", "H3.7")
def test_a_variable_that_is_not_there_yet_and_a_secret_that_can_be_guessed_are_warnings() -> None:
    assert "is not defined (yet)" in findings({"A"}, secret_key="${B}").warnings[0].message
    assert "can be guessed" in findings(secret_key="short").warnings[0].message
    for good in ({"variables": {"B"}, "secret_key": "${B}"}, {"secret_key": "x" * 16}, {"headers": ("Date",)}):
        assert findings(**good).warnings == findings(**good).errors == []


@pytest.mark.requirement("H2.4")
@pytest.mark.parametrize("name", ["X-Request-ID", "x-request-id", "X-REQUEST-Id"])
def test_a_header_is_found_by_its_name_in_any_case(name: str) -> None:
    base = {"webhook": {"payload": {"Id": 1}, "headers": {"x-request-id": "r-1"}, "query_params": {}}}
    context = Context(base=base, admin={})
    assert resolve(f"{{{{webhook.headers.{name}}}}}", context) == "r-1"
    assert resolve("{{webhook.payload.id ?? 'none'}}", context) == "none", "names in a payload are what they are"
